"""Another app's tables, before anything runs: whose rows are they, which columns are personal, what would be refused.

check_declaration("clinic.models:METADATA")
"""

import contextlib
import importlib
import operator
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from sqlalchemy import MetaData, Table

from domicile.errors import InvalidInput
from domicile.placement.ownership import Problem, categories_of, find_problems, kind_of
from domicile.placement.tables import add_engine_tables

ENGINE_TABLES = frozenset(add_engine_tables(MetaData()).tables)


@dataclass(frozen=True, slots=True)
class PersonalColumn:
    column: str
    category: str
    sealed: bool


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """A table as it is declared. `owner` is the column that says whose a row is; None where nobody owns the rows.

    `stays`: why a relocation leaves its rows behind, if it does.
    """

    name: str
    kind: str
    owner: str | None
    personal: list[PersonalColumn]
    stays: str | None = None


@dataclass
class CheckReport:
    """What is declared, and what is wrong with it, one sentence a problem."""

    problems: list[str] = field(default_factory=list)
    tables: list[CheckedTable] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def check_declaration(where: str, path: Path | None = None) -> CheckReport:
    """Check the MetaData at `module:NAME`, looked for in `path` (else the working directory) and where Python looks.

    Raises InvalidInput, saying what is missing, when there is no such thing to check.
    """
    metadata = find_metadata(where, path or Path.cwd())
    tables = [table for name, table in sorted(metadata.tables.items()) if name not in ENGINE_TABLES]
    problems = [*_taken_names(metadata), *find_problems(metadata)]
    if not tables:
        problems.append(Problem(where, None, "holds no tables; import the modules that declare them first"))
    return CheckReport([str(problem) for problem in problems], [_describe(table) for table in tables])


def with_engine_tables(metadata: MetaData) -> MetaData:
    """A copy of an app's declaration with the engine's own tables beside it: what `load_ownership` takes."""
    copy = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.tables.values():
        table.to_metadata(copy)
    return add_engine_tables(copy)


def find_metadata(where: str, path: Path) -> MetaData:
    """The MetaData at `module:NAME`. Raises InvalidInput, saying what is missing."""
    name, _, attribute = where.partition(":")
    if not name or not attribute:
        raise InvalidInput(f"{where!r} is not of the form module:METADATA, such as clinic.models:METADATA")
    module = _import(name, path)
    try:
        found = operator.attrgetter(attribute)(module)
    except AttributeError:
        names = ", ".join(key for key, value in vars(module).items() if isinstance(_unwrap(value), MetaData))
        held = f"MetaData as {names}" if names else "no MetaData"
        raise InvalidInput(f"{name} has no {attribute}; it holds {held}") from None
    metadata = _unwrap(found)
    if not isinstance(metadata, MetaData):
        raise InvalidInput(
            f"{where} is of type {type(found).__name__}, not SQLAlchemy's MetaData nor a declarative base"
        )
    return metadata


def _import(name: str, path: Path) -> ModuleType:
    with _on_path(path):
        try:
            return importlib.import_module(name)
        except Exception as error:  # whatever somebody else's module raises
            said = f"{type(error).__name__}: {error}"
            raise InvalidInput(f"{name} cannot be imported from {path}: {said}") from error


@contextlib.contextmanager
def _on_path(path: Path) -> Iterator[None]:
    entry = str(path.resolve())
    sys.path.insert(0, entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(entry)


def _unwrap(found: object) -> object:
    """A declarative base stands for its MetaData."""
    return getattr(found, "metadata", found)


def _taken_names(metadata: MetaData) -> Iterator[Problem]:
    """Tables of the app under names that the engine's own tables have."""
    engine = {name: table for name, table in add_engine_tables(MetaData()).tables.items() if name != "resident"}
    for name in sorted(engine.keys() & metadata.tables.keys()):
        if metadata.tables[name].columns.keys() != engine[name].columns.keys():
            yield Problem(name, None, "Domicile has a table of this name beside yours; choose another")


def _describe(table: Table) -> CheckedTable:
    owner = next((column.name for column in table.columns if column.info.get("domicile.home")), None)
    personal = [
        PersonalColumn(column.name, category, bool(column.info.get("domicile.sealed")))
        for column in table.columns
        for category in categories_of(column)
    ]
    return CheckedTable(table.fullname, kind_of(table), owner, personal, table.info.get("domicile.stays"))
