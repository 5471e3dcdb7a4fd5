"""An operator's own verifier, as a package of theirs would have it: somebody vouches for ages by a word."""

from datetime import date, timedelta

from domicile.ids import Country
from domicile.network.verifiers import Challenge, Contact, Proof


class AgeDesk:
    """Believes whoever answers `old`, until the end of a year."""

    methods = frozenset({"age_18"})
    label = "Your name at the desk"
    sent = "Go to the desk."

    def check_contact(self, text: str, country: Country) -> tuple[str, str]:
        return text, "age_18"

    async def start(self, contact: Contact) -> Challenge:
        return Challenge(contact.digest("old"), timedelta(hours=1))

    async def finish(self, contact: Contact, challenge: bytes, answer: str) -> Proof | None:
        return Proof("age_18", date(2100, 12, 31)) if contact.digest(answer) == challenge else None


DESK = AgeDesk()
NOT_A_VERIFIER = object()
