"""An attestation: site by site and day by day how many members were at home where, and what that rests on. No names."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from domicile.audit.history import follow_days, read_history
from domicile.audit.lawfulness import find_unlawful_homes
from domicile.audit.report import AuditReport
from domicile.audit.residency import audit
from domicile.database import Database, Row
from domicile.errors import InvalidInput
from domicile.ids import Country, MemberId, SiteName, country_of_site
from domicile.law.compiled import Law
from domicile.law.facts import Operator
from domicile.law.policy import Policy
from domicile.placement.sites import Site

MOST_DAYS = 1100
FIRST_LINK = bytes(32)
HOW = (
    "The members at home at a site at the end of a day stand as a digest: HMAC-SHA-256 over their ids in order, eight"
    " bytes each, big-endian, under a key that only this document has. Without the key nobody can try out whom a set"
    " holds, so the document may be sent. The operator can derive the key again and hand it to a court: then a list of"
    " ids can be checked against every digest, and the key against its commitment, which is its SHA-256. Equal digests"
    " are equal sets."
)
NOTES = (
    "The counts follow from the operator's own directory, journal and erasures; no witness outside has cosigned them.",
    "Whose law claims a member is as the member declared it, or as it was assumed; today's declarations, not those of"
    " earlier days.",
    "Counts under the operator's floor are not shown, so that nobody is pointed out; their digests are.",
    "Recorded facts and recorded law, not legal advice.",
)
_CLAIMED = """
SELECT c.jurisdiction, count(DISTINCT c.member_id) AS members FROM public.claim c
JOIN public.resident r ON r.member_id = c.member_id AND r.state IN ('home', 'leaving') WHERE c.basis = 'residence'
GROUP BY 1 ORDER BY 1
"""


# Holds do not stand here by themselves: some may not be told. What they keep is counted with the rest.
_RESIDUE = """
SELECT r.rule, r.citation, count(DISTINCT r.member_id) AS members, sum(r.rows)::bigint AS rows,
  max(coalesce(r.until, h.until)) AS last_day
FROM (SELECT member_id, rule, citation, rows, until, hold_id FROM vault.residue) r
LEFT JOIN vault.hold h USING (hold_id) GROUP BY 1, 2 ORDER BY 1, 2
"""


class Number(msgspec.Struct, frozen=True):
    """How many: None where it is under the floor and more than none."""

    members: int | None
    suppressed: bool


class SiteDay(msgspec.Struct, frozen=True):
    """Who was at home at a site at the end of a day (UTC)."""

    day: date
    number: Number
    digest: str


class SiteRecord(msgspec.Struct, frozen=True):
    """A site's days, in order."""

    site: SiteName
    country: Country
    days: list[SiteDay]


class Claimed(msgspec.Struct, frozen=True):
    """How many members whom a country's law claims by residence are at home at a site now."""

    jurisdiction: Country
    site: SiteName
    number: Number


class ResidueRecord(msgspec.Struct, frozen=True):
    """What has to stay at a site under one rule: of how many members, how many rows, and its last day of all."""

    site: SiteName
    rule: str
    citation: str
    number: Number
    rows: int | None
    last_day: date | None


class Entry(msgspec.Struct, frozen=True):
    """An entry of the journal's chain. `fields` is None where it tells a number under the floor."""

    number: int
    batch: str
    step: str
    at: str
    fields: str | None
    previous: str
    digest: str


class JournalRecord(msgspec.Struct, frozen=True):
    """The relocation journal: whether its whole chain was found intact, its head, and the entries of these days."""

    intact: bool
    head: int
    head_digest: str
    entries: list[Entry]


class AuditRecord(msgspec.Struct, frozen=True):
    """The audit made for this document: its answer, and the digest of its whole report."""

    ok: bool
    rows_checked: int
    violations: dict[str, int]
    report_digest: str


class Attestation(msgspec.Struct, frozen=True):
    """The document. `ok`: the audit found nothing wrong, and the chain is whole."""

    number: str
    operator: str
    made_at: datetime
    since: date
    until: date
    key_commitment: str
    sites: list[SiteRecord]
    claimed: list[Claimed]
    residue: list[ResidueRecord]
    journal: JournalRecord
    audit: AuditRecord
    packs: dict[Country, str]
    how: str
    notes: list[str]

    @property
    def ok(self) -> bool:
        return self.audit.ok and self.journal.intact

    def digest(self) -> str:
        """The SHA-256 of the document in JSON, its keys sorted."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


@dataclass(frozen=True)
class Attester:
    """`secret` is one that the operator keeps: each document's key is derived from it. `floor`: see `stats_floor`."""

    sites: Mapping[SiteName, Site]
    hub: Database
    law: Law
    policy: Policy
    operator: Operator
    secret: bytes
    floor: int
    name: str

    def key_of(self, number: str) -> bytes:
        """The key of a document: whoever holds it and a list of ids can check the digests."""
        return hmac.digest(self.secret, f"attestation {number}".encode(), "sha256")

    async def attest(self, number: str, since: date, until: date, now: datetime) -> Attestation:
        """The document about these days, with an audit of now.

        Raises InvalidInput for days to come, Unavailable where a site is silent.
        """
        if not since <= until <= now.date():
            raise InvalidInput(f"{since} to {until} are not days that have begun, in order")
        if (until - since).days >= MOST_DAYS:
            raise InvalidInput(f"at most {MOST_DAYS} days stand in one document")
        key = self.key_of(number)
        report = await self._audit(now)
        return Attestation(
            number=number,
            operator=self.name,
            made_at=now,
            since=since,
            until=until,
            key_commitment=hashlib.sha256(key).hexdigest(),
            sites=await self._count_days(key, since, until),
            claimed=await self._count_claims(),
            residue=await self._count_residue(),
            journal=await self._read_journal(since, until),
            audit=_record(report),
            packs={country: pack.version for country, pack in self.law.packs.items()},
            how=HOW,
            notes=[*NOTES, *report.notes],
        )

    async def _audit(self, now: datetime) -> AuditReport:
        report = await audit(self.sites, self.hub, now)
        report.violations += await find_unlawful_homes(self.sites, self.law, now.date(), self.policy, self.operator)
        return report

    async def _count_days(self, key: bytes, since: date, until: date) -> list[SiteRecord]:
        history = await read_history(self.sites, self.hub)
        found: dict[SiteName, list[SiteDay]] = {name: [] for name in self.sites}
        for day, residents in follow_days(history, self.sites, since, until):
            for name, members in residents.at.items():
                days = found.setdefault(name, [])
                same = days and name not in residents.changed
                digest = days[-1].digest if same else digest_members(key, members)
                days.append(SiteDay(day, self._number(len(members)), digest))
        return [SiteRecord(name, country_of_site(name), days) for name, days in found.items()]

    async def _count_claims(self) -> list[Claimed]:
        found: list[Claimed] = []
        for name, site in self.sites.items():
            rows = await site.auditor.run(_CLAIMED)
            found += [Claimed(Country(row.jurisdiction), name, self._number(row.members)) for row in rows]
        return sorted(found, key=lambda claimed: (claimed.jurisdiction, claimed.site))

    async def _count_residue(self) -> list[ResidueRecord]:
        found: list[ResidueRecord] = []
        for name, site in self.sites.items():
            for row in await site.auditor.run(_RESIDUE):
                number = self._number(row.members)
                shown = None if number.suppressed else row.rows
                found.append(ResidueRecord(name, row.rule, row.citation, number, shown, row.last_day))
        return found

    async def _read_journal(self, since: date, until: date) -> JournalRecord:
        async with self.hub.snapshot() as session:
            rows = await session.fetch("SELECT * FROM relocation_entry ORDER BY number")
            (head,) = await session.fetch("SELECT number, digest FROM relocation_head")
        within = [row for row in rows if since <= datetime.fromisoformat(row.at).date() <= until]
        intact = _is_chain(rows, bytes(head.digest))
        return JournalRecord(intact, head.number, bytes(head.digest).hex(), [self._entry(row) for row in within])

    def _entry(self, row: Row) -> Entry:
        fields = msgspec.json.decode(row.fields, type=dict[str, object])
        members = fields.get("members")
        told = not isinstance(members, int) or not 0 < members < self.floor
        return Entry(
            row.number,
            str(row.batch_id),
            row.step,
            row.at,
            row.fields if told else None,
            bytes(row.previous).hex(),
            bytes(row.digest).hex(),
        )

    def _number(self, members: int) -> Number:
        hidden = 0 < members < self.floor
        return Number(None if hidden else members, hidden)


def digest_members(key: bytes, members: Iterable[MemberId]) -> str:
    """The digest of a set of members, as the document has it."""
    return hmac.new(key, b"".join(member.to_bytes(8, "big") for member in sorted(members)), "sha256").hexdigest()


def _record(report: AuditReport) -> AuditRecord:
    violations: dict[str, int] = {}
    for violation in report.violations:
        violations[violation.kind] = violations.get(violation.kind, 0) + violation.count
    digest = hashlib.sha256(msgspec.json.encode(report, order="sorted")).hexdigest()
    return AuditRecord(report.ok, report.rows_checked, violations, digest)


def _is_chain(rows: Iterable[Row], head: bytes) -> bool:
    """Whether every entry's hash is right and follows from the one before, up to the head."""
    previous = FIRST_LINK
    for row in rows:
        text = f"{row.batch_id}\0{row.step}\0{row.at}\0{row.fields}".encode()
        if bytes(row.previous) != previous or bytes(row.digest) != hashlib.sha256(previous + text).digest():
            return False
        previous = bytes(row.digest)
    return previous == head
