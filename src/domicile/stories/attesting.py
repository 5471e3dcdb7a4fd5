"""The attestation that counsel can send: a scene of `linkedin-russia`."""

import hashlib
import re
from datetime import date, timedelta

import msgspec

from domicile.audit.attestation import Attestation, Number, SiteRecord, digest_members
from domicile.ids import MemberId, SiteName
from domicile.stories.keeper import RUSSIA
from domicile.stories.larkspur import AMERICAN, RUSSIAN, Larkspur
from domicile.stories.telling import Step
from domicile.web.console.attestation_page import in_words, render_attestation

SINCE, MOVED = date(2016, 8, 1), date(2016, 9, 26)


async def the_attestation(larkspur: Larkspur, step: Step) -> None:
    """Who was where when, without names, checked as its reader would check it."""
    attester, number = larkspur.running.attester(), "larkspur-2016-1"
    document = await attester.attest(number, SINCE, step.on, larkspur.stage.clock())
    text = msgspec.json.encode(document, order="sorted")
    page = render_attestation(document, attester.floor)
    folder = larkspur.stage.folder
    (folder / "attestation.json").write_bytes(text)
    (folder / "attestation.html").write_text(page)
    records = {record.site: record for record in document.sites}
    _tell(step, document, records[RUSSIAN], attester.floor)
    step.check("its audit found nothing wrong, and the journal's chain is whole", document.ok)
    again = msgspec.json.decode((folder / "attestation.json").read_bytes(), type=Attestation)
    step.check("read back from its file it has the same SHA-256", again.digest() == document.digest())
    step.check("which is that of the file", hashlib.sha256(text).hexdigest() == document.digest())
    key = attester.key_of(number)
    step.check("the key fits its commitment", hashlib.sha256(key).hexdigest() == document.key_commitment)
    here = (await larkspur.living_in(RUSSIA))[RUSSIAN]
    _check_days(step, records, here, key, attester.floor)
    claimed = {claimed.site for claimed in document.claimed if claimed.jurisdiction == RUSSIA}
    step.check("whoever the law of Russia claims is at home in ru-1", claimed == {RUSSIAN})
    await _look_for_names(larkspur, step, text.decode() + page)


def _tell(step: Step, document: Attestation, record: SiteRecord, floor: int) -> None:
    first, last = record.days[0].number, record.days[-1].number
    step.do(
        f"Document {document.number}, {document.since} to {document.until}: at home in ru-1 {in_words(first, floor)} on"
        f" the first day, {in_words(last, floor)} on the last; {len(document.journal.entries)} entries of the journal;"
        f" SHA-256 {document.digest()[:16]}…"
    )


def _check_days(step: Step, records: dict[SiteName, SiteRecord], here: list[MemberId], key: bytes, floor: int) -> None:
    """What a court can check that is given the key and a list of ids."""
    last, n = records[RUSSIAN].days[-1], len(here)
    step.check(
        "who is given the key and the ids of ru-1's members finds the digest of the last day",
        digest_members(key, here) == last.digest,
    )
    number = Number(n if n >= floor else None, n < floor)
    step.check("and their number, unless it is under the floor", last.number == number)
    changed = all(_changes_on(MOVED, records[site]) for site in (AMERICAN, RUSSIAN))
    step.check(f"at both sites the members of {MOVED} are others than those of the day before", changed)


def _changes_on(day: date, record: SiteRecord) -> bool:
    digests = {found.day: found.digest for found in record.days}
    return digests[day] != digests[day - timedelta(days=1)]


async def _look_for_names(larkspur: Larkspur, step: Step, text: str) -> None:
    """No handle, no address: those of everybody are looked for."""
    words = set(re.findall(r"[\w-]+", text.casefold()))
    handles: set[str] = set()
    members: set[str] = set()
    for site in larkspur.engine.sites.values():
        rows = await site.importer.run("SELECT member_id, handle FROM account")
        handles |= {row.handle.casefold() for row in rows}
        members |= {str(row.member_id) for row in rows}
    step.do(f"The handles and ids of all {len(handles):,} members are looked for in it, and anything like an address.")
    step.check("it has no handle and no id", not words & handles and not words & members)
    step.check("and no e-mail address", not re.search(r"[\w.]+@[\w.]+", text))
