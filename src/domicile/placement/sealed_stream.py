"""A stream of bytes sealed under a key of the site's: pieces that can be neither changed, reordered nor cut off.

The STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015) over AES-256-GCM: each piece's nonce is a random
prefix, the piece's number, and whether it is the last. The key is derived from the site's key with HKDF-SHA256 (RFC
5869) and the file's salt.
"""

import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domicile.placement.sealing import KEY_BYTES, BrokenSeal, SiteKey

MAGIC = b"domicile sealed 1\n"
SALT_BYTES = 32
PREFIX_BYTES = 7
PIECE = 1 << 20
_TAG = 16


async def seal_stream(source: AsyncIterable[bytes], out: BinaryIO, key: SiteKey) -> int:
    """Write everything that `source` gives, sealed; how many bytes it gave."""
    salt, prefix = secrets.token_bytes(SALT_BYTES), secrets.token_bytes(PREFIX_BYTES)
    out.write(MAGIC + salt + prefix)
    cipher, number, waiting, total = _cipher(key, salt), 0, bytearray(), 0
    async for part in source:
        waiting += part
        total += len(part)
        while len(waiting) > PIECE:  # the last piece, even a full one, is sealed as the last
            out.write(cipher.encrypt(_nonce(prefix, number, last=False), bytes(waiting[:PIECE]), MAGIC))
            del waiting[:PIECE]
            number += 1
    out.write(cipher.encrypt(_nonce(prefix, number, last=True), bytes(waiting), MAGIC))
    return total


async def open_stream(source: BinaryIO, key: SiteKey) -> AsyncIterator[bytes]:
    """`open_pieces`, for whoever waits between them."""
    for piece in open_pieces(source, key):
        yield piece


def open_pieces(source: BinaryIO, key: SiteKey) -> Iterator[bytes]:
    """What was sealed, piece by piece. Raises BrokenSeal as soon as a piece is not as it was, or the end is missing."""
    head = source.read(len(MAGIC) + SALT_BYTES + PREFIX_BYTES)
    if not head.startswith(MAGIC) or len(head) != len(MAGIC) + SALT_BYTES + PREFIX_BYTES:
        raise BrokenSeal("this is no sealed stream of ours")
    prefix, cipher = head[-PREFIX_BYTES:], _cipher(key, head[len(MAGIC) : len(MAGIC) + SALT_BYTES])
    number, piece = 0, source.read(PIECE + _TAG)
    while True:
        following = source.read(PIECE + _TAG)
        try:
            yield cipher.decrypt(_nonce(prefix, number, last=not following), piece, MAGIC)
        except (InvalidTag, ValueError) as error:
            raise BrokenSeal("a sealed stream was changed, cut off, or sealed by another site") from error
        if not following:
            return
        number, piece = number + 1, following


def _cipher(key: SiteKey, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA256(), KEY_BYTES, salt=salt, info=b"domicile backup").derive(key.secret))


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])
