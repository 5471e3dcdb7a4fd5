"""What members who have left leave in a server's files, and how it goes: a scene of `linkedin-russia`."""

from collections import Counter

from domicile.audit.canaries import read_canaries
from domicile.audit.report import CanaryReport, Found
from domicile.audit.search import Search
from domicile.stories.larkspur import AMERICAN, RUSSIAN, Larkspur
from domicile.stories.telling import Step

SEALED = {3, 4}
"""The lines of `_planted` that may be in clear nowhere."""


async def what_is_left_behind(larkspur: Larkspur, step: Step) -> None:
    """What was planted is looked for in rows, logs, heap and WAL files, before and after us-1 is scrubbed."""
    lines = _planted(larkspur)
    found = await _look(larkspur, step, lines)
    size = sum(part.size for part in found.searched)
    step.do(
        f"{found.values} values are looked for in {size / 1e6:,.0f} MB: rows, statistics, logs, heap and WAL files."
    )
    for words in found.not_searched:
        step.do(f"Not searched: {words}")
    places = Counter({(one.site, one.place): one.count for one in found.found if not one.lawful})
    shown = ", ".join(f"{place} of {site}" for site, place in sorted(places))
    step.do(f"Found where they must not be: {shown or 'nowhere'}.")
    step.check("what is sealed, and her e-mail address, lie in clear nowhere", not _of_lines(found, SEALED))
    live = {place for _, place in places} & {"rows", "statistics", "log"}
    step.check("no live row, no statistics and no log has what must not be there", not live)
    scrubbed = await larkspur.engine.scrub(AMERICAN).scrub(larkspur.stage.clock(), lambda *_: None, full=True)
    step.do(f"us-1 is scrubbed while it serves; the longest that one table was shut: {scrubbed.longest_s:.1f} s.")
    for words in scrubbed.left:
        step.do(f"Left for later: {words}")
    found = await _look(larkspur, step, lines)
    wrong = [one for one in found.found if not one.lawful]
    step.check("now none of it is found in any file of us-1, of ru-1 or of the hub", not wrong and not scrubbed.left)
    step.check("and what anna said is found at her home", any(one.site == RUSSIAN for one in _of_lines(found, {1})))
    step.do("What the disk below PostgreSQL keeps (freed blocks, snapshots) cannot be seen from here.")


def _of_lines(report: CanaryReport, lines: set[int]) -> list[Found]:
    return [one for one in report.found if one.line in lines]


def _planted(larkspur: Larkspur) -> list[str]:
    """What the story's members said, a value a line; after a tab, where rows may hold it."""
    return [
        f"{larkspur.canary('anna')}\t{RUSSIAN}",
        f"{larkspur.canary('vera')}\t{RUSSIAN}",
        larkspur.canary("anna", "sealed"),
        "anna_of_larkspur@larkspur.example",
        larkspur.canary("boris"),
        larkspur.canary("gleb"),
    ]


async def _look(larkspur: Larkspur, step: Step, lines: list[str]) -> CanaryReport:
    search = Search(read_canaries(lines, larkspur.engine.sites), step.progress)
    for ground in larkspur.engine.grounds({}):
        await search.look_at(ground)
    search.end()
    return search.report
