"""What personal data is processed for: the tables of each processing activity, and its purpose (GDPR art. 30(1)(b)).

An app declares its own activities beside its tables; those of the engine's tables are here. A table that no activity
names has an undeclared purpose, and the record of processing says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from domicile.placement.inventory import Inventory


@dataclass(frozen=True, slots=True)
class ProcessingActivity:
    """One activity: for what, in which tables, and about whom (categories of data subjects)."""

    name: str
    purpose: str
    tables: tuple[str, ...]
    subjects: tuple[str, ...] = ("members",)


ENGINE_ACTIVITIES = (
    ProcessingActivity(
        "Keeping members at home",
        "to find the site that holds a member's data, and to keep names unique over all sites",
        ("route", "name_claim"),
    ),
    ProcessingActivity(
        "Asking the law",
        "to know whose law applies to a member, and to prove the consents that it asks for",
        ("claim", "consent"),
    ),
    ProcessingActivity(
        "Sealing", "to keep some columns unreadable without the member's key and the site's", ("vault.data_key",)
    ),
    ProcessingActivity(
        "Carrying halves of pairs",
        "to tell another member's home what concerns that member: a follow, a reply, a message",
        ("outbox",),
    ),
    ProcessingActivity(
        "Copies",
        "to show what members of another site published while that site does not answer, and to recall it",
        ("copy_register", "kept_copy"),
    ),
    ProcessingActivity("Relocation", "to move a member's home to another site", ("changed", "relocation")),
    ProcessingActivity(
        "What must stay behind",
        "to keep, sealed and served to nobody, what a law or an authority's order says must be kept, and to prove it",
        ("vault.hold", "vault.residue", "vault.keeping_entry"),
    ),
    ProcessingActivity("Erasure", "to erase a member everywhere, and to have it heard at every site", ("erasure",)),
    ProcessingActivity(
        "Counting users by country", "to know which of the law's thresholds a network has reached", ("activity",)
    ),
)


def undeclared(inventory: Inventory, activities: Iterable[ProcessingActivity]) -> tuple[str, ...]:
    """The tables with personal columns that no activity names."""
    named = {table for activity in activities for table in activity.tables}
    return tuple(sorted({column.table for column in inventory.columns} - named))
