"""Commands whose modules are imported when they are called: `--help` needs none of them, and each only what it uses."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Waiting(TyperCommand):
    """A command's name and line of help, until somebody calls it. `place` is like `domicile.cli.up:up_command`."""

    def __init__(self, name: str, place: str, text: str) -> None:
        super().__init__(name=name, callback=None, help=text)
        self.place = place

    def load(self) -> Any:
        """The command itself: of a function, or of a Typer with commands of its own."""
        module, attribute = self.place.split(":")
        found = getattr(import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)
            alone.command(name=self.name)(found)
            found = alone
        command = get_command(found)
        command.name = self.name
        return command


def lazy_group(places: Mapping[str, tuple[str, str]]) -> type[TyperGroup]:
    """A kind of group that has these commands beside its own: name -> (place, help)."""

    class LazyGroup(TyperGroup):
        def __init__(self, **settings: Any) -> None:
            super().__init__(**settings)
            for name, (place, text) in places.items():
                self.add_command(Waiting(name, place, text))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, command, rest = super().resolve_command(ctx, args)
            return name, command.load() if isinstance(command, Waiting) else command, rest

    return LazyGroup
