"""What sites say to each other, as the last release said it: each message's bytes, frozen in `frozen_messages.json`.

Run this file when a message is new, or (before a release only) when one has changed; after a release, what is frozen
stays, and messages only grow at their end.
"""

import importlib
import json
import pkgutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

import domicile

FROZEN = Path(__file__).with_suffix(".json")
PARTS = ("border", "relocation", "network", "transport")


def messages() -> dict[str, type[msgspec.Struct]]:
    """Every struct that travels as an array: module and name -> class."""
    for part in PARTS:
        package = importlib.import_module(f"domicile.{part}")
        for found in pkgutil.walk_packages(package.__path__, f"domicile.{part}."):
            importlib.import_module(found.name)
    return {
        f"{kind.__module__.removeprefix('domicile.')}.{kind.__name__}": kind
        for kind in _all_of(msgspec.Struct)
        if kind.__struct_config__.array_like and kind.__module__.startswith(f"{domicile.__name__}.")
    }


def _all_of(base: type) -> Iterator[Any]:
    for kind in base.__subclasses__():
        yield kind
        yield from _all_of(kind)


def sample(kind: inspect.Type, depth: int = 0) -> Any:
    """A value of a type: never the default, never empty."""
    match kind:
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return 1001 + depth
        case inspect.FloatType():
            return 0.5
        case inspect.StrType():
            return "words"
        case inspect.BytesType():
            return b"bytes"
        case inspect.DateTimeType():
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.EnumType():
            return next(iter(kind.cls))
        case inspect.NoneType() | inspect.AnyType():
            return None
        case inspect.UnionType():
            return sample(next(t for t in kind.types if not isinstance(t, inspect.NoneType)), depth)
        case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType():
            return [sample(kind.item_type, depth + 1)]
        case inspect.TupleType():
            return [sample(item, depth + place) for place, item in enumerate(kind.item_types)]
        case inspect.DictType():
            return {sample(kind.key_type, depth): sample(kind.value_type, depth + 1)}
        case inspect.StructType():
            return [sample(field.type, depth + 1) for field in kind.fields]
        case inspect.RawType():
            return {}
        case _:
            raise TypeError(f"no sample of {kind}; add one here")


def as_values(message: msgspec.Struct) -> dict[str, Any]:
    """A message's fields by name, as JSON has them."""
    values = msgspec.msgpack.decode(msgspec.msgpack.encode(message), strict=False)
    return dict(zip(message.__struct_fields__, json.loads(msgspec.json.encode(values)), strict=True))


def freeze() -> dict[str, Any]:
    frozen = {}
    for name, kind in sorted(messages().items()):
        body = msgspec.msgpack.encode(sample(inspect.type_info(kind)))
        frozen[name] = {"bytes": body.hex(), "values": as_values(msgspec.msgpack.decode(body, type=kind))}
    return frozen


if __name__ == "__main__":
    FROZEN.write_text(json.dumps(freeze(), indent=1, sort_keys=True) + "\n")
    sys.stdout.write(f"{FROZEN.name}: {len(messages())} messages\n")
