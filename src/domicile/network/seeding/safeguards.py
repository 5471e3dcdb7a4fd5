"""The made-up papers of the demonstration: without them the laws let little cross."""

from collections.abc import Mapping

from domicile.border.safeguards import file_safeguard, list_safeguards
from domicile.ids import SiteName
from domicile.law.library import load_safeguards
from domicile.placement.routing import Clock
from domicile.placement.sites import Site

NOTE = "made up for the demo"


async def file_demo_safeguards(sites: Mapping[SiteName, Site], clock: Clock) -> int:
    """Put the shipped safeguards on file at every site that has none yet; how many were filed."""
    filed = 0
    papers = load_safeguards()
    for site in sites.values():
        if await list_safeguards(site.app):
            continue
        for paper in (paper for paper in papers if paper.exporter == site.country):
            name = f"demo-{paper.kind}-{paper.importer or 'any'}".lower()
            await file_safeguard(site.app, name, paper, made_up=True, note=NOTE, now=clock())
            filed += 1
    return filed
