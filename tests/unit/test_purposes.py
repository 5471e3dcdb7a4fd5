"""Every table with personal data has a purpose."""

from domicile.network.purposes import NETWORK_ACTIVITIES
from domicile.network.schema import metadata
from domicile.placement.inventory import take_inventory
from domicile.placement.ownership import load_ownership
from domicile.placement.purposes import ENGINE_ACTIVITIES, ProcessingActivity, undeclared

ACTIVITIES = (*NETWORK_ACTIVITIES, *ENGINE_ACTIVITIES)
INVENTORY = take_inventory(load_ownership(metadata))


def test_every_table_with_personal_data_belongs_to_one_activity() -> None:
    told = "say what it is for, in network/purposes.py (or placement/purposes.py for a table of the engine)"
    assert undeclared(INVENTORY, ACTIVITIES) == (), told
    named = [table for activity in ACTIVITIES for table in activity.tables]
    assert sorted(named) == sorted(set(named))


def test_no_activity_names_a_table_that_is_not_there() -> None:
    assert {table for activity in ACTIVITIES for table in activity.tables} <= set(metadata.tables)


def test_a_table_that_nobody_names_is_told() -> None:
    some = ProcessingActivity("Posting", "to post", ("post",))
    left = undeclared(INVENTORY, [some])
    assert "post" not in left and {"account", "vault.credential", "route"} <= set(left)
    assert "setting" not in left  # it holds nothing personal
