"""The phone-code verifier: six digits to a number, good for ten minutes; whoever knows them holds the number."""

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType

from domicile.ids import Country
from domicile.network.names import normalize_phone, refuse
from domicile.network.text_messages import Sender, make_sender
from domicile.network.verifiers import MOBILE_NUMBER, Challenge, Contact, Proof, Verifier, load_verifiers

DIGITS = 6
LIFETIME = timedelta(minutes=10)
# A number that the tables do not know may be new: that the code arrives is the proof.
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.UNKNOWN}


@dataclass(frozen=True)
class PhoneCode:
    """Proves `mobile_number` with the country of the number behind it. `title` opens the message."""

    sender: Sender
    title: str
    methods = frozenset({MOBILE_NUMBER})
    label = "Mobile number"
    sent = "We have sent six digits to your number. They are good for ten minutes."

    def check_contact(self, text: str, country: Country) -> tuple[str, str]:
        """A mobile number in E.164, and the method that it proves. Raises InvalidFields."""
        number = normalize_phone(text, country, "contact")
        if phonenumbers.number_type(phonenumbers.parse(number)) not in _MOBILE:
            raise refuse("contact", "ERR_INVALID", "is not a mobile number")
        return number, _method(number)

    async def start(self, contact: Contact) -> Challenge:
        """Send a fresh code. Raises Unavailable."""
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        await self.sender.send(contact, f"{self.title}: {code} is your code. Nobody of ours will ever ask you for it.")
        return Challenge(self._digest(contact, code), LIFETIME)

    async def finish(self, contact: Contact, challenge: bytes, answer: str) -> Proof | None:
        """The number's method, if the answer is the code."""
        code = "".join(answer.split())
        if not hmac.compare_digest(self._digest(contact, code), challenge):
            return None
        return Proof(_method(contact.text))

    def _digest(self, contact: Contact, code: str) -> bytes:
        return contact.digest(f"{contact.text} {code}")


def open_verifiers(
    names: Sequence[str], title: str, messages: Path, sms: Mapping[str, Any] | None
) -> dict[str, Verifier]:
    """The verifiers of these names, with the sender that `sms` says; without one there is no phone code.

    `messages` is the folder for a demonstration's. Raises Misconfigured with the name that leads nowhere.
    """
    sender = make_sender(messages, **sms) if sms else None
    return load_verifiers(names, {"phone_code": PhoneCode(sender, title) if sender else None})


def _method(number: str) -> str:
    """`mobile_number` with the country whose plan the number belongs to (ITU-T E.164)."""
    parsed = phonenumbers.parse(number)
    known = phonenumbers.region_code_for_number(parsed)
    return f"{MOBILE_NUMBER}:{known or phonenumbers.region_code_for_country_code(parsed.country_code or 0)}"
