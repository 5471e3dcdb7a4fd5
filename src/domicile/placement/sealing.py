"""Sealed columns: AES-256-GCM under the member's own data key, which the site's key wraps.

The associated data is table, column and member id, so that a sealed value means nothing in another place. A move
copies sealed bytes unchanged and wraps one key anew. Who destroys a data key leaves its wrapped form in dead rows, WAL
and backups until they are overwritten: what lingers of sealed values there opens with the site's key. Equality look-ups
go by keyed digest. NIST SP 800-38D (GCM, 96-bit nonces), RFC 2104 (HMAC).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domicile.errors import DomicileError, Misconfigured
from domicile.ids import MemberId

NONCE_BYTES = 12
KEY_BYTES = 32


class BrokenSeal(DomicileError):
    """A sealed value does not open: wrong key, wrong place, or changed bytes."""


@dataclass(frozen=True, repr=False)
class DataKey:
    """One member's data key, unwrapped. Lives as long as the request that needs it."""

    member: MemberId
    secret: bytes

    def seal(self, place: str, value: bytes) -> bytes:
        """Seal `value` for `place`, which is `table.column`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self.secret).encrypt(nonce, value, self._context(place))

    def open(self, place: str, sealed: bytes) -> bytes:
        """The value sealed for `place`. Raises BrokenSeal."""
        try:
            return AESGCM(self.secret).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._context(place))
        except (InvalidTag, ValueError) as error:
            raise BrokenSeal(f"a value of {place} does not open under its member's data key") from error

    def seal_text(self, place: str, value: str | None) -> bytes | None:
        return None if value is None else self.seal(place, value.encode())

    def open_text(self, place: str, sealed: bytes | None) -> str | None:
        return None if sealed is None else self.open(place, sealed).decode()

    def digest(self, place: str, value: str) -> bytes:
        """HMAC-SHA-256 of a value, for what is only ever compared. Without the data key it cannot be tried out."""
        return hmac.digest(self.secret, self._context(place) + b"\0" + value.encode(), "sha256")

    def _context(self, place: str) -> bytes:
        return f"{place}/{self.member}".encode()


@dataclass(frozen=True, repr=False)
class SiteKey:
    """The site's key: wraps data keys. `name` tells which key wrapped what, and is no secret."""

    name: str
    secret: bytes

    def new_data_key(self, member: MemberId) -> tuple[DataKey, bytes]:
        """A fresh data key and its wrapped form for the vault."""
        key = DataKey(member, secrets.token_bytes(KEY_BYTES))
        return key, self.wrap(key)

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self.secret)

    def wrap(self, key: DataKey) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key.secret, str(key.member).encode())

    def unwrap(self, member: MemberId, wrapped: bytes) -> DataKey:
        try:
            secret = self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], str(member).encode())
        except (InvalidTag, ValueError) as error:
            raise BrokenSeal("a data key does not open under this site's key") from error
        return DataKey(member, secret)


def load_secret(file: Path) -> bytes:
    """A 32-byte secret from a file that only its owner may read; made on first use."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = file.with_suffix(f".{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(KEY_BYTES))
        try:
            file.hardlink_to(draft)  # atomic, and whoever came first wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if file.stat().st_mode & 0o077:
        raise Misconfigured(f"{file} can be read by others; chmod 600 it, and change the key if somebody may have")
    try:
        secret = bytes.fromhex(file.read_text().strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise Misconfigured(f"{file} is not a key: {KEY_BYTES * 2} hexadecimal digits are expected")
    return secret


def load_site_key(file: Path) -> SiteKey:
    secret = load_secret(file)
    return SiteKey(hashlib.sha256(b"domicile site key" + secret).hexdigest()[:16], secret)


def keyed_digest(secret: bytes, kind: str, value: str) -> bytes:
    """The digest by which equal values meet without being shown. The key is at the sites, never at the hub."""
    return hmac.digest(secret, f"{kind}\0{value}".encode(), "sha256")
