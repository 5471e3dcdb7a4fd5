"""An attestation as one page that needs nothing else: no script, nothing fetched.

Days on which nothing changed stand as one line; the JSON document has every day.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from domicile.audit.attestation import Attestation, Number, SiteDay, SiteRecord
from domicile.web.console.plan_page import WEB
from domicile.web.site.words import country_name


@dataclass(frozen=True)
class Span:
    """Days in a row on which the same members lived at a site."""

    first: date
    last: date
    number: Number
    digest: str


def condense_days(record: SiteRecord) -> Iterator[Span]:
    """A site's days, those on which nobody came or went as one."""

    def what(day: SiteDay) -> tuple[Number, str]:
        return day.number, day.digest

    for (number, digest), days in groupby(record.days, key=what):
        run = [day.day for day in days]
        yield Span(run[0], run[-1], number, digest)


def in_words(number: Number, floor: int) -> str:
    """A number as it may be shown."""
    return f"under {floor}" if number.suppressed else f"{number.members:,}"


def render_attestation(document: Attestation, floor: int) -> str:
    """The whole page."""
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"country": country_name, "number": lambda number: in_words(number, floor)}
    style = "\n".join((WEB / "static" / name).read_text() for name in ("site.css", "plan.css"))
    return environment.get_template("attestation.html").render(
        document=document,
        spans={record.site: list(condense_days(record)) for record in document.sites},
        style=Markup(style),  # noqa: S704 - our own file
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
