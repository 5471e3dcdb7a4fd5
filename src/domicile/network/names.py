"""Names and addresses in their normal forms, before they are compared, digested or sealed.

Handles are ASCII, as Mastodon's are. Two handles that differ only by look-alike characters are one name: the digest is
taken of the skeleton of Unicode Technical Standard 39 (its confusables within ASCII).
"""

import re
import unicodedata

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from domicile.errors import InvalidFields
from domicile.ids import Country

HANDLE = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,28}[A-Za-z0-9_])?")
RESERVED = frozenset(
    """
    about account accounts admin administrator api auth console domicile explore help hub instance legal login
    logout me moderator oauth operator owner password postmaster root security settings signup site support system
    unavailable web webmaster
    """.split()  # noqa: SIM905  a list of words reads better than a list of strings
)
# UTS 39 confusables.txt, the rows whose both sides are ASCII letters or digits, after case folding.
_SKELETON = str.maketrans({"0": "o", "1": "l", "i": "l", "-": "_"})


def refuse(field: str, code: str, sentence: str) -> InvalidFields:
    return InvalidFields({field: [(code, sentence)]})


def check_handle(text: str) -> str:
    """The handle as its member writes it. Raises InvalidFields."""
    if not text:
        raise refuse("username", "ERR_BLANK", "can't be blank")
    if len(text) > 30:
        raise refuse("username", "ERR_TOO_LONG", "is too long (maximum is 30 characters)")
    if not HANDLE.fullmatch(text):
        raise refuse("username", "ERR_INVALID", "must contain only Latin letters, digits, underscores and inner dashes")
    if text.lower() in RESERVED:
        raise refuse("username", "ERR_RESERVED", "is reserved")
    return text


def skeleton(handle: str) -> str:
    """What look-alike handles have in common."""
    return handle.casefold().translate(_SKELETON).replace("rn", "m")


def normalize_email(text: str) -> str:
    """An address in its normal form: NFC, the domain in lower case; no look at the DNS. Raises InvalidFields."""
    if not text.strip():
        raise refuse("email", "ERR_BLANK", "can't be blank")
    try:
        found = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise refuse("email", "ERR_INVALID", "is not a valid e-mail address") from None
    return found.normalized


def email_key(email: str) -> str:
    """What equal mailboxes have in common: case is ignored, which no large provider tells apart."""
    return unicodedata.normalize("NFKC", email).casefold()


def normalize_phone(text: str, country: Country | None, field: str = "phone") -> str:
    """A phone number in E.164 (ITU-T), read as if dialled in `country`. Raises InvalidFields."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        raise refuse(field, "ERR_INVALID", "is not a phone number; begin it with + and the country's code") from None
    if not phonenumbers.is_possible_number(number):
        raise refuse(field, "ERR_INVALID", "is not a possible phone number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def clean_text(field: str, text: str, longest: int, *, lines: bool = True) -> str:
    """Text in NFC without control characters, at most `longest` characters. Raises InvalidFields."""
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    allowed = "\n\t" if lines else ""
    text = "".join(c for c in text if c in allowed or unicodedata.category(c) not in ("Cc", "Cs", "Cn"))
    if len(text) > longest:
        raise refuse(field, "ERR_TOO_LONG", f"is too long (maximum is {longest} characters)")
    return text.strip()
