"""Where packs, policies and made-up safeguards come from: the ones shipped, or a folder. The only I/O of `law`."""

import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from domicile.ids import Country
from domicile.law.compiled import Law
from domicile.law.facts import Safeguard
from domicile.law.pack import Pack, PackError, parse_pack
from domicile.law.policy import Policy, Ruling, policy_of

SHIPPED = files("domicile.law")


class _PolicyFile(Struct, forbid_unknown_fields=True):
    name: str
    description: str
    ruling: tuple[Ruling, ...]


class _SafeguardRecord(Struct, forbid_unknown_fields=True, kw_only=True):
    kind: str
    exporter: Country
    importers: tuple[Country, ...]
    filed_on: date
    valid_until: date | None = None
    scope: tuple[str, ...] = ()
    made_up: bool
    note: str


class _SafeguardFile(Struct, forbid_unknown_fields=True):
    note: str
    safeguard: tuple[_SafeguardRecord, ...]


def load_packs(folder: Path | None = None) -> Law:
    """The law in every `*.toml` of a folder, or the packs shipped. Raises PackError, also if there is none."""
    return _load_shipped() if folder is None else _load_from(folder)


@cache
def _load_shipped() -> Law:
    """They do not change while a process lives."""
    return _load_from(SHIPPED / "packs")


def _load_from(place: Traversable) -> Law:
    try:
        found = sorted((item for item in place.iterdir() if item.name.endswith(".toml")), key=lambda item: item.name)
    except OSError as error:
        raise PackError(str(place), 1, f"the folder of packs cannot be read: {error.strerror}") from error
    if not found:
        raise PackError(str(place), 1, "the folder holds no pack; a pack is a file that ends in .toml")
    packs: dict[Country, Pack] = {}
    for item in found:
        pack = load_pack(item)
        if pack.jurisdiction in packs:
            raise PackError(item.name, 1, f"another file in this folder is already the pack of {pack.jurisdiction}")
        packs[pack.jurisdiction] = pack
    return Law(packs)


def load_pack(file: Traversable) -> Pack:
    """One pack, for `law check FILE`. Raises PackError."""
    try:
        return parse_pack(file.read_bytes(), file.name)
    except OSError as error:
        raise PackError(file.name, 1, f"the file cannot be read: {error.strerror}") from error


def load_policy(file: Path | None = None) -> Policy:
    """A policy file, or the shipped `open-but-careful`. Raises PackError."""
    record: _PolicyFile = _read(file if file is not None else SHIPPED / "policies" / "default.toml", _PolicyFile)
    return policy_of(record.name, record.ruling)


def load_safeguards(file: Path | None = None) -> frozenset[Safeguard]:
    """Safeguards on file, or the shipped made-up ones of the demonstration. Raises PackError."""
    record: _SafeguardFile = _read(file if file is not None else SHIPPED / "safeguards" / "demo.toml", _SafeguardFile)
    return frozenset(
        Safeguard(
            kind=item.kind,
            exporter=item.exporter,
            importer=importer,
            filed_on=item.filed_on,
            valid_until=item.valid_until,
            scope=frozenset(item.scope),
        )
        for item in record.safeguard
        for importer in item.importers or (None,)
    )


def _read(file: Traversable, kind: Any) -> Any:
    try:
        return msgspec.convert(tomllib.loads(file.read_bytes().decode()), kind)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise PackError(file.name, 1, f"the file cannot be used: {error}") from error
