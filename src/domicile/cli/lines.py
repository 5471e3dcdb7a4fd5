"""How lines for people are set: wrapped under their own beginning."""

from rich.padding import Padding

from domicile.cli.output import out


def line(text: str, indent: int = 0, style: str = "") -> None:
    """A line that wraps under its own beginning."""
    out.print(Padding(text, (0, 0, 0, indent), expand=False), highlight=False, style=style)


def heading(title: str, more: str = "") -> None:
    """The title of a part, after an empty line."""
    out.print()
    line(f"[bold]{title}[/]{more}")
