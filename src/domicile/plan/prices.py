"""What things cost: a price file, read strictly. The one shipped is made up and says so."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from domicile.errors import Misconfigured
from domicile.ids import Country
from domicile.law.countries import COUNTRIES

SHIPPED = files("domicile.plan") / "prices.toml"

PARTS: Mapping[str, tuple[str, ...]] = {
    "site": ("setup", "year", "people"),
    "people": ("year",),
    "office": ("representative_year", "once"),
    "storage": ("gb_month",),
    "traffic": ("gb",),
    "member": ("revenue_year", "lost_if_blocked"),
}
"""The tables of a price file and the prices in each; `prices.toml` says what each one is."""
TOP = ("made_up", "currency", "years", "rates", "country", *PARTS)

Table = Mapping[str, Any]
Keys = tuple[str, ...]


class PriceError(Misconfigured):
    """A price file that cannot be used: file, line (1-based) and a sentence that helps."""

    def __init__(self, file: str, line: int, sentence: str) -> None:
        super().__init__(f"{file}:{line}: {sentence}")
        self.line = line


class Range(NamedTuple):
    """An amount of money, or of anything, that lies between `low` and `high`."""

    low: float
    high: float

    def times(self, by: "Range | float") -> "Range":
        """So many times over."""
        low, high = by if isinstance(by, Range) else (by, by)
        return Range(self.low * low, self.high * high)

    def plus(self, other: "Range") -> "Range":
        """Both together."""
        return Range(self.low + other.low, self.high + other.high)


NOTHING = Range(0, 0)
Found = dict[tuple[str, str], Range]


@dataclass(frozen=True)
class Prices:
    """A price file. `rates`: what one unit of another currency is worth in `currency`; `years`: added up over them."""

    currency: str
    years: float = 3
    made_up: bool = False
    prices: Mapping[tuple[str, str], Range] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    country: Mapping[Country, Mapping[tuple[str, str], Range]] = field(default_factory=dict)

    def of(self, place: Country, part: str, name: str) -> Range | None:
        """One price in one country, such as `site`, `year`; None where nobody gave it."""
        return self.country.get(place, {}).get((part, name)) or self.prices.get((part, name))

    def converted(self, amount: float, currency: str) -> float | None:
        """An amount in the file's currency; None where its rate is not given."""
        rate = 1.0 if currency == self.currency else self.rates.get(currency)
        return None if rate is None else amount * rate


def load_prices(file: Path | None = None) -> Prices:
    """A price file, or the made-up one shipped. Raises PriceError."""
    source: Traversable = file if file is not None else SHIPPED
    try:
        text = source.read_text("utf-8")
    except OSError as error:
        raise PriceError(source.name, 1, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PriceError(source.name, 1, "is not valid UTF-8; save it as UTF-8 and try again") from None
    return _Reading(text, source.name).read()


class _Reading:
    """One text on its way to Prices; every complaint names file and line."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file

    def read(self) -> Prices:
        """The prices. Raises PriceError."""
        try:
            document = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            found = re.search(r"at line (\d+)", str(error))
            raise PriceError(self.file, int(found[1]) if found else 1, f"this is not valid TOML: {error}") from None
        self._check_keys((), document, TOP)
        if "currency" not in document:
            raise PriceError(self.file, 1, '`currency` is missing, such as currency = "EUR"')
        return Prices(
            currency=self._currency(("currency",), document["currency"]),
            years=self._years(document.get("years", 3)),
            made_up=document.get("made_up") is True,
            prices=self._prices((), {name: table for name, table in document.items() if name in PARTS}),
            rates=self._rates(document.get("rates", {})),
            country=self._countries(document.get("country", {})),
        )

    def _years(self, value: object) -> float:
        if not _is_number(value) or not 0 < float(str(value)) <= 30:
            raise self._wrong(("years",), "a number of years, more than 0 and at most 30")
        return float(str(value))

    def _prices(self, path: Keys, tables: Table) -> Found:
        found: Found = {}
        for part, table in tables.items():
            here = (*path, part)
            self._check_keys(here, self._table(here, table), PARTS[part])
            for name, value in table.items():
                found[part, name] = self._range((*here, name), value)
        return found

    def _range(self, path: Keys, value: Any) -> Range:
        ends = value if isinstance(value, list) else [value, value]
        if len(ends) != 2 or not all(_is_number(end) and end >= 0 for end in ends):
            raise self._wrong(path, "a price is a number, like 1200, or two between which it lies, like [900, 1500]")
        if ends[0] > ends[1]:
            raise self._wrong(path, f"{ends[0]} is more than {ends[1]}; the lower one stands first")
        return Range(*ends)

    def _rates(self, table: object) -> dict[str, float]:
        rates = {}
        for name, value in self._table(("rates",), table).items():
            self._currency(("rates", name), name)
            if not _is_number(value) or value <= 0:
                raise self._wrong(("rates", name), "what one unit is worth, more than 0")
            rates[name] = float(value)
        return rates

    def _countries(self, table: object) -> dict[Country, Found]:
        countries = {}
        for name, tables in self._table(("country",), table).items():
            path = ("country", name)
            if name not in COUNTRIES:
                raise self._wrong(path, f"{name!r} is no country; write it like RU (ISO 3166-1)")
            self._check_keys(path, self._table(path, tables), tuple(PARTS))
            countries[Country(name)] = self._prices(path, tables)
        return countries

    def _currency(self, path: Keys, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
            raise self._wrong(path, f"{value!r} is no currency; write it like EUR (ISO 4217)")
        return value

    def _table(self, path: Keys, value: object) -> Table:
        if not isinstance(value, dict):
            raise self._wrong(path, f"is a table, written [{'.'.join(path)}]")
        return value

    def _check_keys(self, path: Keys, table: Table, known: tuple[str, ...]) -> None:
        for name in table:
            if name not in known:
                close = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f"did you mean `{close[0]}`?" if close else f"known are {', '.join(known)}"
                raise self._wrong((*path, name), f"unknown key; {hint}")

    def _wrong(self, path: Keys, sentence: str) -> PriceError:
        return PriceError(self.file, line_of(self.text, path), f"`{'.'.join(path)}`: {sentence}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def line_of(text: str, path: Keys) -> int:
    """The line (from 1) on which a key stands, or the nearest table that holds it; 1 where neither is found."""
    lines = {".".join(written): number for number, written in reversed([*_written(text)])}
    wanted = (".".join(path[:length]) for length in range(len(path), 0, -1))
    return next((lines[name] for name in wanted if name in lines), 1)


def _written(text: str) -> Iterator[tuple[int, Keys]]:
    """Every table and key of a TOML text with its line; keys inside inline tables are not looked for."""
    table: Keys = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[+\s*([\w.\"'-]+)\s*\]", line):
            table = tuple(part.strip("\"'") for part in header[1].split("."))
            yield from ((number, table[:length]) for length in range(1, len(table) + 1))
        elif key := re.match(r"\s*([\w.\"'-]+)\s*=", line):
            yield number, (*table, *(part.strip("\"'") for part in key[1].split(".")))
