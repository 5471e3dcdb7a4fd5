"""The hook by which a member proves something: who does it, what they remember meanwhile, and what is proved.

A verifier is asked at the member's home only. Shipped is `phone_code`; an operator's own is named `module:attribute` in
the setting `verifiers`: an object with what `Verifier` says.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol, runtime_checkable

from domicile.errors import Misconfigured
from domicile.ids import Country, MemberId, SiteName

MOBILE_NUMBER = "mobile_number"


@dataclass(frozen=True, repr=False)
class Contact:
    """How the member is reached, opened from its seal for this one use: never log or keep it.

    `digest` is a keyed hash under the member's own data key, for what is to be compared with the answer.
    """

    member: MemberId
    site: SiteName
    text: str
    digest: Callable[[str], bytes]


@dataclass(frozen=True, repr=False)
class Challenge:
    """What was asked: `answer` comes back with the member's answer and is stored meanwhile, so it must tell nothing."""

    answer: bytes
    lifetime: timedelta


@dataclass(frozen=True)
class Proof:
    """What was proved: a method as law packs write it (`mobile_number:CN`, `age_16`), and until when it holds."""

    method: str
    valid_until: date | None = None


@runtime_checkable
class Verifier(Protocol):
    """Proves one or more methods. `label` is the contact to ask the member for; `sent` says what to do then."""

    methods: frozenset[str]
    label: str
    sent: str

    def check_contact(self, text: str, country: Country) -> tuple[str, str]:
        """The contact in its normal form, as written in `country`, and the method that it would prove.

        Raises InvalidFields for the field `contact`.
        """
        ...

    async def start(self, contact: Contact) -> Challenge:
        """Ask the member. Raises Unavailable if they cannot be reached now."""
        ...

    async def finish(self, contact: Contact, challenge: bytes, answer: str) -> Proof | None:
        """What the answer proves; None if nothing."""
        ...


def load_verifiers(names: Sequence[str], shipped: Mapping[str, Verifier | None]) -> dict[str, Verifier]:
    """The verifiers of these names; a shipped one that lacks what it needs is left out.

    Raises Misconfigured with the name that leads nowhere.
    """
    found = {name: shipped[name] if name in shipped else _load(name) for name in names}
    return {name: verifier for name, verifier in found.items() if verifier is not None}


def _load(name: str) -> Verifier:
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError):
        raise Misconfigured(f"verifiers: {name!r} is neither shipped nor a module:attribute to be found") from None
    if not isinstance(found, Verifier):
        raise Misconfigured(f"verifiers: {name!r} is not a Verifier; see domicile/network/verifiers.py")
    return found
