"""What is backed up: a site with its files, or the hub; and where its backups may lie."""

from dataclasses import dataclass
from pathlib import Path

from domicile.database import Database
from domicile.placement.sealing import SiteKey
from domicile.placement.sites import Site

COPIES = "--exclude-table-data=public.kept_copy"
"""What other sites' members let this one keep for a while is in no backup of it."""


@dataclass(frozen=True, repr=False)
class Kept:
    """What is backed up: a database, the files beside it if it has any, and where its backups may lie.

    `count`: the query for how many members it holds.
    """

    name: str
    database: Database
    key: SiteKey
    folder: Path
    country_path: Path
    count: str
    media: Path | None = None
    options: tuple[str, ...] = ()


def keep_site(site: Site) -> Kept:
    """A site; its backups lie beside its media, in its country."""
    place = site.media.parent
    count = "SELECT count(*) AS n FROM resident WHERE state = 'home'"
    folder = backups_folder(site)
    return Kept(site.name, site.importer, site.key, folder, place, count, site.media, (COPIES,))


def backups_folder(site: Site) -> Path:
    """Where a site's backups lie."""
    return site.media.parent / f"{site.name}-backups"


def keep_hub(hub: Database, key: SiteKey, folder: Path) -> Kept:
    """The hub, which has a key of its own for its backups: it knows none of the sites'."""
    return Kept("hub", hub, key, folder, folder, "SELECT count(*) AS n FROM home")
