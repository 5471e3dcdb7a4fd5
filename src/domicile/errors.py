"""The one tree of errors. Every error carries two texts that are never mixed up.

    DomicileError              detail: the truth, for the operator's log; safe: a sentence for the reader
    ├── InvalidInput           what was sent cannot be accepted; nothing was changed
    │   └── InvalidFields      the same, field by field (sign-up forms)
    ├── NotAuthenticated       no valid token, session or password
    ├── NotPermitted           known, but may not do this
    ├── NotFound               no such thing, or not for this reader
    ├── Conflict               somebody else has it (a name), or it has changed meanwhile
    ├── TooMany                a limit was reached; says when to come back
    ├── Misdirected            this belongs to another site, whose address is given (HTTP 421)
    ├── Withheld               withheld here for a legal reason (HTTP 451)
    ├── Unavailable            a site or the hub cannot be reached now; nothing was lost
    │   ├── NotResident        the member is not at home at the site that was asked
    │   ├── NoRoom             a disk is full
    │   └── TablesChanged      a migration came in between; it works when repeated
    └── Misconfigured          the operator's settings, packs, declaration or data folder need attention

Only `web/errors.py` knows about HTTP and only `cli.py` about exit codes.
"""

from collections.abc import Mapping


class DomicileError(Exception):
    """Base of all errors that Domicile raises on purpose.

    `detail` may name tables, sites and reasons and goes to the operator's log; it still holds nothing personal
    (rule 10). `safe` is shown to whoever asked.
    """

    default_safe = "Something went wrong."

    def __init__(self, detail: str, safe: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.safe = safe if safe is not None else self.default_safe


class InvalidInput(DomicileError):
    """What was sent cannot be accepted. `safe` is the same sentence unless another is given: it names only fields."""

    def __init__(self, detail: str, safe: str | None = None) -> None:
        super().__init__(detail, safe if safe is not None else detail)


class InvalidFields(InvalidInput):
    """Several fields of a form are wrong: field -> list of (code, sentence), as in Mastodon's sign-up errors."""

    def __init__(self, fields: Mapping[str, list[tuple[str, str]]]) -> None:
        words = ", ".join(f"{name} {sentence}" for name, errors in fields.items() for _, sentence in errors)
        super().__init__(f"Validation failed: {words}")
        self.fields = fields


class NotAuthenticated(DomicileError):
    default_safe = "The access token is invalid"


class NotPermitted(DomicileError):
    default_safe = "This action is not allowed"


class NotFound(DomicileError):
    default_safe = "Record not found"


class Conflict(DomicileError):
    default_safe = "This was changed by somebody else meanwhile"


class TooMany(DomicileError):
    """A limit was reached. `limit` requests are allowed a window; the next may come at `reset` (Unix seconds)."""

    default_safe = "Too many requests"

    def __init__(self, detail: str, safe: str | None = None, *, limit: int = 0, reset: float = 0.0) -> None:
        super().__init__(detail, safe)
        self.limit = limit
        self.reset = reset


class Misdirected(DomicileError):
    """RFC 9110 section 15.5.20: the request belongs to `address`, and nothing of it was stored here (rule 2)."""

    def __init__(self, detail: str, address: str) -> None:
        super().__init__(detail, f"This request belongs to {address}")
        self.address = address


class Withheld(DomicileError):
    default_safe = "Withheld here for a legal reason"


class Unavailable(DomicileError):
    default_safe = "Part of the network cannot be reached at the moment. Nothing is lost; please try again shortly."


class NotResident(Unavailable):
    """The member is not at home at the site that was asked (moved, moving, or never there)."""


class NoRoom(Unavailable):
    """A disk is full: trying again does not help, and filling it further would hurt whoever lives there."""


class TablesChanged(Unavailable):
    """A migration has changed the tables under a prepared statement. Nothing was done; it works when repeated."""


class Misconfigured(DomicileError):
    """The operator must act; `detail` says how. The reader learns only that the service is not ready."""

    default_safe = "This service is not ready. Its operator has been told."
