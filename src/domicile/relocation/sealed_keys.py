"""Data keys on their way between two sites: sealed so that only the target can open them, whoever carries them.

X25519 (RFC 7748) with a fresh key at the source, HKDF-SHA256 (RFC 5869) bound to the batch, AES-256-GCM with the member
and the batch as associated data.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domicile.ids import MemberId
from domicile.placement.sealing import KEY_BYTES, NONCE_BYTES, BrokenSeal, DataKey, SiteKey
from domicile.relocation.messages import SealedKeys


def receiving_key(key: SiteKey) -> X25519PrivateKey:
    """The site's own key for taking data keys in, derived from the site's key."""
    derived = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"domicile relocation").derive(key.secret)
    return X25519PrivateKey.from_private_bytes(derived)


def seal_keys(keys: list[DataKey], batch: int, public_key: bytes) -> SealedKeys:
    """Seal data keys for the site with this public key."""
    ours = X25519PrivateKey.generate()
    cipher = _cipher(ours, public_key, batch)
    sealed = []
    for key in keys:
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed.append((key.member, nonce + cipher.encrypt(nonce, key.secret, _context(batch, key.member))))
    return SealedKeys(ours.public_key().public_bytes_raw(), sealed)


def open_keys(sealed: SealedKeys, batch: int, site_key: SiteKey) -> list[DataKey]:
    """The data keys sealed for this site. Raises BrokenSeal."""
    cipher = _cipher(receiving_key(site_key), sealed.sender, batch)
    try:
        return [
            DataKey(member, cipher.decrypt(key[:NONCE_BYTES], key[NONCE_BYTES:], _context(batch, member)))
            for member, key in sealed.keys
        ]
    except InvalidTag as error:
        raise BrokenSeal(f"batch {batch}: a data key was not sealed for this site") from error


def _cipher(ours: X25519PrivateKey, theirs: bytes, batch: int) -> AESGCM:
    shared = ours.exchange(X25519PublicKey.from_public_bytes(theirs))
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=None, info=f"domicile batch {batch}".encode()).derive(shared))


def _context(batch: int, member: MemberId) -> bytes:
    return f"{batch}/{member}".encode()
