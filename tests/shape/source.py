"""The source as the shape tests read it: modules, and what each of them imports, also inside functions."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "domicile"


@dataclass(frozen=True)
class Module:
    """A module of Domicile: `name` is `placement.sites`, `part` its first word."""

    path: Path
    name: str
    text: str

    @property
    def part(self) -> str:
        return self.name.split(".")[0]

    @property
    def tree(self) -> ast.Module:
        return _tree(self.path)

    def imports(self) -> Iterator[str]:
        """Everything imported anywhere in the module, by its full dotted name."""
        yield from _read(self.path).imports

    def uses(self, *dotted: str) -> set[str]:
        """Which of these dotted expressions (`datetime.now`, `os.environ`) the module writes."""
        return _read(self.path).attributes & set(dotted)

    def calls(self) -> Iterator[str]:
        """The names that are called: `SiteReader(...)`, `self.exchange.ask(...)`."""
        yield from _read(self.path).calls


@dataclass(frozen=True)
class _Names:
    """What a module imports, writes with a dot in it, and calls: read once for all tests."""

    imports: tuple[str, ...]
    attributes: frozenset[str]
    calls: tuple[str, ...]


@cache
def _read(path: Path) -> _Names:
    imports: list[str] = []
    attributes: set[str] = set()
    calls: list[str] = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            imports += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imports += (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            attributes.add(ast.unparse(node))
        elif isinstance(node, ast.Call):
            calls.append(ast.unparse(node.func))
    return _Names(tuple(imports), frozenset(attributes), tuple(calls))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__") or "domicile"
        found.append(Module(path, name, path.read_text()))
    return tuple(found)


def ours(imported: str) -> str | None:
    """`placement.sites.Site` for `domicile.placement.sites.Site`; None for what is not ours."""
    return imported.removeprefix("domicile.") if imported.startswith("domicile.") else None


def every_module(check: Callable[[Module], None]) -> Callable[[], None]:
    """A test that `check` holds of every module: it names all of which it does not."""

    def test() -> None:
        wrong = []
        for module in modules():
            try:
                check(module)
            except AssertionError as error:
                wrong.append(f"{module.name}: {error}")
        assert not wrong, "\n".join(wrong)

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    return test
