"""Proving something to a verifier: asked at home, answered at home, kept at home as method, day and rules.

Only what a law asks for is asked (GDPR art. 5(1)(c), PIPL art. 6). A number verifies one member of a site. The next
one who proves that they hold it is told so, and only then: before the proof it is nobody's business whether a number
is known here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time

import msgspec

from domicile.database import Row
from domicile.errors import InvalidInput
from domicile.ids import MemberId, SiteName, Snowflake, country_of_site
from domicile.law.standing import Proving, proves
from domicile.network.challenges import (
    COUNTED,
    MOST_TRIES,
    PRUNE,
    Try,
    digester,
    end_challenge,
    find_waiting,
    keep_answer,
    reserve_challenge,
    try_challenge,
)
from domicile.network.names import clean_text, refuse
from domicile.network.standing import Standing, find_legal_facts
from domicile.network.verifiers import MOBILE_NUMBER, Contact, Proof, Verifier
from domicile.placement.routing import Router, SiteReader, SiteWriter
from domicile.placement.sealing import keyed_digest

_VERIFIED = "SELECT method, verified_at, valid_until, made_up FROM verification WHERE member_id = %s ORDER BY method"
_HELD_BY_ANOTHER = """
SELECT 1 FROM verification WHERE digest = %(digest)s AND member_id <> %(member)s
 AND (valid_until IS NULL OR valid_until > %(now)s)
"""
_KEEP = """
INSERT INTO verification (member_id, method, verified_at, valid_until, rules, digest, made_up)
VALUES (%(member)s, %(method)s, %(now)s, %(until)s, %(rules)s, %(digest)s, %(made_up)s)
ON CONFLICT (member_id, method) DO UPDATE SET verified_at = EXCLUDED.verified_at,
 valid_until = EXCLUDED.valid_until, rules = EXCLUDED.rules, digest = EXCLUDED.digest, made_up = EXCLUDED.made_up
"""


class Verified(msgspec.Struct):
    """Something a member has proved. `made_up`: written down for a demonstration, and proved by nobody."""

    method: str
    verified_at: datetime
    valid_until: datetime | None
    made_up: bool


class Offer(msgspec.Struct):
    """A verifier of this network that could prove what is asked, and what it wants to be told."""

    verifier: str
    label: str


class Waiting(msgspec.Struct):
    """A question that has been asked and waits for its answer."""

    sent: str
    expires_at: datetime
    tries_left: int


class State(msgspec.Struct):
    """What a member's page says: what is asked, what is proved, who could prove it here, and what waits."""

    asked: list[Proving]
    verified: list[Verified]
    offers: list[Offer]
    waiting: Waiting | None

    @property
    def unmet(self) -> list[Proving]:
        return [proving for proving in self.asked if not proving.met]


@dataclass(frozen=True)
class Verifications:
    """`verifiers` by the names that the operator's settings give."""

    router: Router
    standing: Standing
    verifiers: Mapping[str, Verifier]
    digest_key: bytes

    def can_prove(self, proving: Proving) -> bool:
        """Whether somebody in this network could prove it."""
        return any(_could_prove(verifier, proving) for verifier in self.verifiers.values())

    async def state(self, member: MemberId) -> State:
        """How things stand for a member."""

        async def read(reader: SiteReader) -> State:
            person = await find_legal_facts(reader, member)
            asked = list(self.standing.proving(person, reader.site.country))
            verified = [Verified(*row) for row in await reader.fetch(_VERIFIED, (member,))]
            return State(asked, verified, self._offers(asked), self._waiting(await find_waiting(reader, member)))

        return await self.router.read(member, read)

    async def unmet(self, member: MemberId) -> list[Proving]:
        """What keeps a member from posting today; empty where nothing does."""

        async def read(reader: SiteReader) -> list[Proving]:
            person = await find_legal_facts(reader, member)
            if self.standing.may_post(person, reader.site.country):
                return []
            return [proving for proving in self.standing.proving(person, reader.site.country) if not proving.met]

        return await self.router.read(member, read)

    async def start(self, member: MemberId, contact: str, name: str | None = None) -> State:
        """Have a verifier ask the member. Raises InvalidFields, InvalidInput, TooMany or Unavailable."""
        name, verifier, unmet = await self._choose(member, name)
        country = country_of_site((await self.router.home_of(member)).site)
        contact, method = verifier.check_contact(clean_text("contact", contact, 200, lines=False), country)
        if not _served(unmet, method):
            wanted = ", ".join(dict.fromkeys(method for proving in unmet for method in proving.methods))
            raise refuse("contact", "ERR_INVALID", f"is not what the law asks for: {wanted}")

        async def reserve(writer: SiteWriter) -> tuple[Snowflake, Contact]:
            number = await reserve_challenge(writer, name, contact, self._digest(contact))
            return number, Contact(member, writer.site.name, contact, digester(await writer.data_key()))

        number, told = await self.router.transact(member, reserve)
        asked = await verifier.start(told)
        await self.router.transact(member, lambda writer: keep_answer(writer, number, asked))
        return await self.state(member)

    async def finish(self, member: MemberId, answer: str) -> State:
        """Take the member's answer. Raises InvalidFields for a wrong one, or one that comes too late or too often."""

        async def count(writer: SiteWriter) -> tuple[Try, Contact] | None:
            tried = await try_challenge(writer)
            if tried is None:
                return None
            return tried, Contact(member, writer.site.name, tried.contact, digester(await writer.data_key()))

        found = await self.router.transact(member, count)
        if found is None or found[0].verifier not in self.verifiers:
            raise _run_out()
        tried, told = found
        proof = await self.verifiers[tried.verifier].finish(told, tried.answer, answer)
        if proof is None:
            left = f"tries left: {tried.left}" if tried.left else "ask for a new one"
            raise refuse("code", "ERR_INVALID", f"is not the one we sent; {left}")
        if not await self.router.transact(member, lambda writer: self._settle(writer, tried, proof)):
            raise refuse("code", "ERR_TAKEN", "is right, but that number already stands for another member here")
        return await self.state(member)

    async def record(self, member: MemberId, method: str, *, made_up: bool = False) -> State:
        """Write down what the operator has checked outside this software; no document is kept. Raises InvalidInput."""
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}(:[A-Z]{2})?", method):
            raise InvalidInput("a method is written as in the law packs, like id_number or mobile_number:CN")
        await self.router.transact(member, lambda writer: self._keep(writer, Proof(method), None, made_up=made_up))
        return await self.state(member)

    async def forget(self, member: MemberId, method: str) -> State:
        """Take back what was proved, and for a number the number too; what a law asks for is asked again."""

        async def write(writer: SiteWriter) -> None:
            gone = await writer.execute(
                "DELETE FROM verification WHERE member_id = %s AND method = %s", (member, method)
            )
            if gone and method.startswith(MOBILE_NUMBER):
                await _write_phone(writer, None)
            person = await find_legal_facts(writer, member)
            if gone and any(map(locks, self.standing.proving(person, writer.site.country))):
                await writer.execute("UPDATE account SET unverified = true WHERE member_id = %s", (member,))

        await self.router.transact(member, write)
        return await self.state(member)

    async def prune(self, name: SiteName) -> None:
        """Forget questions at a site that are too old to be counted."""
        site = self.router.sites[name]
        await site.app.run(PRUNE, (self.router.clock() - COUNTED,))

    async def _choose(self, member: MemberId, name: str | None) -> tuple[str, Verifier, Sequence[Proving]]:
        state = await self.state(member)
        if not state.unmet:
            raise InvalidInput("Validation failed: no law that we know of asks you to verify anything now")
        names = [offer.verifier for offer in state.offers]
        if not names:
            raise InvalidInput("Validation failed: nobody in this network can verify what the law asks for")
        if name is not None and name not in names:
            raise refuse("verifier", "ERR_INVALID", f"is none of {', '.join(names)}")
        return name or names[0], self.verifiers[name or names[0]], state.unmet

    async def _settle(self, writer: SiteWriter, tried: Try, proof: Proof) -> bool:
        """Write the proof down, once. False where the number stands for another member of this site."""
        if not await end_challenge(writer, tried):
            raise _run_out()
        if await writer.one(_HELD_BY_ANOTHER, {"digest": tried.digest, "member": writer.member, "now": writer.now}):
            return False
        await self._keep(writer, proof, tried.digest)
        if proof.method.startswith(MOBILE_NUMBER):
            await _write_phone(writer, tried.contact)
        return True

    async def _keep(self, writer: SiteWriter, proof: Proof, digest: bytes | None, *, made_up: bool = False) -> None:
        """The verification with the rules it serves; and the account is usable once nothing more is asked before."""
        person = await find_legal_facts(writer, writer.member)
        person = msgspec.structs.replace(person, verified=person.verified | {proof.method})
        asked = self.standing.proving(person, writer.site.country)
        values = {
            "member": writer.member,
            "method": proof.method,
            "now": writer.now,
            "until": datetime.combine(proof.valid_until, time.max, UTC) if proof.valid_until else None,
            "rules": [proving.citation.rule for proving in _served(asked, proof.method)],
            "digest": digest,
            "made_up": made_up,
        }
        await writer.execute(_KEEP, values)
        if not any(map(locks, asked)):
            await writer.execute("UPDATE account SET unverified = false WHERE member_id = %s", (writer.member,))

    def _digest(self, contact: str) -> bytes:
        return keyed_digest(self.digest_key, "verified", contact)

    def _offers(self, asked: Sequence[Proving]) -> list[Offer]:
        unmet = [proving for proving in asked if not proving.met]
        able = {n: v for n, v in self.verifiers.items() if any(_could_prove(v, proving) for proving in unmet)}
        return [Offer(name, verifier.label) for name, verifier in able.items()]

    def _waiting(self, row: Row | None) -> Waiting | None:
        if row is None or row.verifier not in self.verifiers:
            return None
        return Waiting(self.verifiers[row.verifier].sent, row.expires_at, MOST_TRIES - row.attempts)


def locks(proving: Proving) -> bool:
    """Whether an account can do nothing before this is proved."""
    return proving.before == "account" and proving.settled and not proving.met


def _could_prove(verifier: Verifier, proving: Proving) -> bool:
    """Whether one of the verifier's methods may serve; the country of a number is seen only with the number."""
    bare = {method.partition(":")[0] for method in proving.methods}
    return not bare or any(proves(verifier.methods, method) for method in bare)


def _served(asked: Sequence[Proving], method: str) -> list[Proving]:
    """What a method proves of what is asked."""
    return [
        proving
        for proving in asked
        if not proving.methods or any(proves({method}, wanted) for wanted in proving.methods)
    ]


def _run_out() -> InvalidInput:
    return refuse("code", "ERR_INVALID", "can no longer be used; ask for a new one")


async def _write_phone(writer: SiteWriter, number: str | None) -> None:
    """Keep the verified number sealed with the other credentials, or none."""
    row = await writer.one("SELECT * FROM vault.read_credential(%s)", ([writer.member],))
    assert row is not None  # every member at home has credentials
    sealed = (await writer.data_key()).seal_text("credential.phone", number)
    await writer.execute(
        "SELECT vault.write_credential(%s, %s, %s, %s, %s)",
        (writer.member, row.email, sealed, row.birth_date, row.password_hash),
    )
