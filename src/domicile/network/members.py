"""Members: sign-up in three steps, log-in, consents, and finding a member by a name.

Sign-up: (1) the home writes the member as `pending` with a random claim token; (2) one idempotent transaction at the
hub claims every name or none; (3) the home sets `home`, and only then is anything answered. A crash leaves a pending
member; `repair_sign_ups` repeats step 2 with the same token: won, it goes on; lost, the pending rows go.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from domicile.border.operator import OperatorNow
from domicile.database import Session
from domicile.errors import Conflict, InvalidFields, InvalidInput, NotAuthenticated, NotFound, NotPermitted, NotResident
from domicile.ids import SEQUENCE_BITS, Country, MemberId, SiteName, country_of_site, milliseconds, next_snowflake
from domicile.law.compiled import Law
from domicile.law.decision import Conflict as LegalConflict
from domicile.law.facts import Basis, Claim, Person
from domicile.law.policy import Policy
from domicile.law.residency import choose_home, lawful_homes
from domicile.law.signup import decide_signup
from domicile.network.forms import (
    FIELD_OF_CLAIM,
    WORDING,
    CheckedForm,
    SignUp,
    check_form,
    parse_country,
    seal_form,
)
from domicile.network.joining import Joining, check_joining
from domicile.network.names import clean_text, email_key, refuse, skeleton
from domicile.network.passwords import check_password_form, hash_password, password_matches
from domicile.network.verification import Verifications
from domicile.placement.directory import Directory
from domicile.placement.routing import Clock, Router, SiteReader, SiteWriter
from domicile.placement.sealing import keyed_digest
from domicile.placement.sites import Site, new_token

_UNCONFIRMED = "SELECT 1 AS yes FROM account WHERE member_id = %(member)s AND unconfirmed"


class Unconfirmed(NotPermitted):
    """The right password, for an account whose e-mail address is yet to be confirmed."""

    default_safe = "Your login is missing a confirmed e-mail address"

    def __init__(self, detail: str, member: MemberId) -> None:
        super().__init__(detail)
        self.member = member


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a new member's data will live, by which claims, and which laws disagree about it."""

    site: SiteName
    claims: frozenset[Claim]
    conflicts: tuple[LegalConflict, ...] = ()


@dataclass
class Members:
    """`on_step` is told each step of a sign-up as it ends: crash tests end the process there."""

    router: Router
    directory: Directory
    law: Law
    policy: Policy
    operator: OperatorNow
    verifications: Verifications
    digest_key: bytes
    clock: Clock
    default_site: SiteName
    on_step: Callable[[str], None] = field(default=lambda step: None)

    async def sign_up(self, form: SignUp, address_country: Country | None = None) -> MemberId:
        """Make a member at the lawful home. Raises InvalidFields, or Misdirected when that site is served elsewhere."""
        checked = check_form(form)
        place = self.place(form, address_country)
        site = self.router.sites.get(place.site)
        if site is None:
            await self.router.transact_at(place.site, MemberId(0), _nothing)  # raises Misdirected
            raise AssertionError
        on = self.law.on(self.clock().date())
        country, can_prove = country_of_site(place.site), self.verifications.can_prove
        joining = check_joining(form, place.claims, country, on, self.policy, self.operator.facts, can_prove)
        hashed = await hash_password(check_password_form(form.password)) if form.password is not None else None
        member = MemberId(next_snowflake(self.clock()))
        digests = self.digests(checked.handle, checked.email, checked.phone)
        token = new_token()
        await self._write_pending(site, member, form, checked, place, joining, hashed, digests, token)
        self.on_step("pending")
        await self._claim_and_settle(site, member, digests, token)
        return member

    def place(self, form: SignUp, address_country: Country | None = None) -> Placement:
        """The home that the law gives to somebody who says this. Stores nothing. Raises InvalidFields."""
        open_sites = list(self.router.sites)
        claims = self._claims(form, address_country)
        person = Person(claims)
        on = self.law.on(self.clock().date())
        candidates = list(dict.fromkeys(country_of_site(name) for name in open_sites))
        if form.country is None:
            asked = country_of_site(self.default_site)
            if asked not in lawful_homes(person, [asked], on, self.policy, self.operator.facts):
                raise refuse("country", "ERR_BLANK", "is needed: your address points to a country whose law decides")
            return Placement(self.default_site, claims)
        found = choose_home(person, candidates, on, self.policy, self.operator.facts)
        if found.proposed is None:
            raise refuse("country", "ERR_UNAVAILABLE", "has no lawful home in this network at present")
        here = [name for name in open_sites if country_of_site(name) == found.proposed]
        return Placement(here[0], claims, found.conflicts)

    def digests(self, handle: str, email: str | None, phone: str | None = None) -> dict[str, bytes]:
        """The keyed digests under which names are unique in the whole network."""
        found = {"handle": keyed_digest(self.digest_key, "handle", skeleton(handle))}
        if email:
            found["email"] = keyed_digest(self.digest_key, "email", email_key(email))
        if phone:
            found["phone"] = keyed_digest(self.digest_key, "phone", phone)
        return found

    async def find_by_handle(self, handle: str) -> MemberId:
        """Who goes by this handle, wherever they live. Raises NotFound."""
        member = await self.directory.find("handle", self.digests(handle.lstrip("@"), None)["handle"])
        if member is None:
            raise NotFound("no member has this handle")
        return member

    async def check_log_in(self, login: str, password: str) -> MemberId:
        """The member with this e-mail address or handle and password. Raises NotAuthenticated for every other pair."""
        kind, digest = self._login_digest(login.strip())
        member = await self.directory.find(kind, digest)
        hashed = await self._password_hash(member) if member is not None else None
        if not await password_matches(hashed, password[:1024]) or member is None:
            raise NotAuthenticated("wrong password or unknown name", "Invalid e-mail address, handle or password")
        if await self.router.rows(member, _UNCONFIRMED, {"member": member}):
            raise Unconfirmed("the e-mail address is not confirmed", member)
        return member

    async def give_consent(self, member: MemberId, kind: str) -> None:
        """Record a consent in the wording shown, with the rules that ask for it. Raises InvalidInput if unknown."""
        if kind not in WORDING:
            raise InvalidInput(f"Validation failed: {clean_text('consent', kind, 40)} is no consent that is asked for")

        async def give(writer: SiteWriter) -> None:
            await _insert_consents(writer, writer.member, [kind], self._rules_asking(kind), writer.now)

        await self.router.transact(member, give)

    async def withdraw_consent(self, member: MemberId, kind: str) -> None:
        """From now on the consent no longer counts; the record of it stays (152-FZ art. 10.1(12), GDPR art. 7(3))."""

        async def withdraw(writer: SiteWriter) -> None:
            await writer.execute(
                "UPDATE consent SET withdrawn_at = %s WHERE member_id = %s AND kind = %s AND withdrawn_at IS NULL",
                (writer.now, member, kind),
            )

        await self.router.transact(member, withdraw)

    async def consents(self, member: MemberId) -> frozenset[str]:
        async def read(reader: SiteReader) -> frozenset[str]:
            rows = await reader.fetch(
                "SELECT DISTINCT kind FROM consent WHERE member_id = %s AND withdrawn_at IS NULL", (member,)
            )
            return frozenset(row.kind for row in rows)

        return await self.router.read(member, read)

    async def repair_sign_ups(self, name: SiteName, older_than: timedelta = timedelta(0)) -> int:
        """Finish or undo every sign-up that a crash or a lost hub cut short at this site; how many there were."""
        site = self.router.sites[name]
        pending = await site.app.run(
            "SELECT r.member_id, array_agg(c.kind) AS kinds, array_agg(c.digest) AS digests,"
            " (array_agg(c.token))[1] AS token FROM resident r JOIN name_claim c USING (member_id)"
            " WHERE r.state = 'pending' AND r.member_id < %s GROUP BY 1",
            (milliseconds(self.clock() - older_than) + 1 << SEQUENCE_BITS,),
        )
        for row in pending:
            digests = dict(zip(row.kinds, map(bytes, row.digests), strict=True))
            try:
                await self._claim_and_settle(site, MemberId(row.member_id), digests, bytes(row.token))
            except InvalidFields:
                continue
        return len(pending)

    async def _write_pending(
        self,
        site: Site,
        member: MemberId,
        form: SignUp,
        checked: CheckedForm,
        place: Placement,
        joining: Joining,
        hashed: str | None,
        digests: Mapping[str, bytes],
        token: bytes,
    ) -> None:
        """Step 1: everything about the member, in one transaction at home, before any digest leaves it."""
        key, wrapped = site.key.new_data_key(member)
        now = self.clock()
        async with site.app.transaction() as session:
            await session.execute("INSERT INTO resident VALUES (%s, 'pending', 1)", (member,))
            await session.execute("SELECT vault.write_data_key(%s, %s, %s)", (member, wrapped, site.key.name))
            await session.execute_many(
                "INSERT INTO name_claim VALUES (%s, %s, %s, %s)",
                [(member, kind, digest, token) for kind, digest in digests.items()],
            )
            await session.execute_many(
                "INSERT INTO claim VALUES (%s, %s, %s, %s, %s)",
                [(member, claim.jurisdiction, claim.basis.value, claim.assumed, now) for claim in sorted(place.claims)],
            )
            await session.execute(
                "SELECT vault.write_credential(%s, %s, %s, %s, %s)",
                (member, *seal_form(key, checked, joining.birth_date, hashed)),
            )
            await session.execute(
                "INSERT INTO account (member_id, handle, display_name, language, role, show_country, unconfirmed,"
                " unverified, created_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    *(member, checked.handle, checked.display_name, checked.locale, form.role),
                    *(form.show_country, form.unconfirmed, joining.unverified, now),
                ),
            )
            await session.execute("INSERT INTO tally (member_id) VALUES (%s)", (member,))
            if joining.answer is not None:
                await joining.answer.write(session, member)
            for kind in form.consents:
                await _insert_consents(session, member, [kind], self._rules_asking(kind), now)

    async def _claim_and_settle(self, site: Site, member: MemberId, digests: Mapping[str, bytes], token: bytes) -> None:
        """Steps 2 and 3, safe to repeat after a crash and beside another process that repeats them."""
        taken = await self.directory.claim_names(member, site.name, digests, token)
        self.on_step("claimed")
        if taken:
            await self._delete_pending(site, member)
            self.on_step("undone")
            raise InvalidFields(
                {FIELD_OF_CLAIM[kind]: [("ERR_TAKEN", "has already been taken")] for kind in sorted(taken)}
            )
        async with site.app.transaction() as session:
            done = await session.execute(
                "UPDATE resident SET state = 'home' WHERE member_id = %s AND state = 'pending'", (member,)
            )
            await session.execute("INSERT INTO route VALUES (%s, %s, 1) ON CONFLICT DO NOTHING", (member, site.name))
            if not done and not await session.one(
                "SELECT 1 FROM resident WHERE member_id = %s AND state = 'home'", (member,)
            ):
                raise NotResident("a sign-up was undone by a repair meanwhile")
        self.on_step("home")

    async def _delete_pending(self, site: Site, member: MemberId) -> None:
        """Leave no row of a lost attempt behind."""
        async with site.app.transaction() as session:
            row = await session.one(
                "SELECT 1 FROM resident WHERE member_id = %s AND state = 'pending' FOR UPDATE", (member,)
            )
            if row is None:
                return
            for table in ("consent", "claim", "name_claim", "tally", "age_answer", "account"):
                await session.execute(f"DELETE FROM {table} WHERE member_id = %s", (member,))
            await session.execute("SELECT vault.erase_credential(%s), vault.erase_data_key(%s)", (member, member))
            await session.execute("DELETE FROM resident WHERE member_id = %s", (member,))

    def _claims(self, form: SignUp, address_country: Country | None) -> frozenset[Claim]:
        """What is declared, else what the address points to, else the country of the site asked: assumed."""
        if form.country is not None:
            claims = {Claim(parse_country(form.country), Basis.RESIDENCE)}
        else:
            claims = {Claim(address_country or country_of_site(self.default_site), Basis.RESIDENCE, assumed=True)}
        if form.citizenship:
            claims.add(Claim(parse_country(form.citizenship), Basis.CITIZENSHIP))
        return frozenset(claims)

    def _rules_asking(self, kind: str) -> list[str]:
        """The ids of the rules in force that ask for a consent of this kind, for the record of it."""
        on = self.law.on(self.clock().date())
        countries = {country_of_site(name) for name in self.router.sites}
        asked = (
            consent
            for country in countries
            for consent in decide_signup(
                Person(frozenset({Claim(country, Basis.RESIDENCE)})), country, on, operator=self.operator.facts
            ).consents
        )
        return sorted({consent.citation.rule for consent in asked if consent.kind == kind})

    def _login_digest(self, login: str) -> tuple[str, bytes]:
        if "@" in login.lstrip("@"):
            return "email", keyed_digest(self.digest_key, "email", email_key(login))
        return "handle", keyed_digest(self.digest_key, "handle", skeleton(login.lstrip("@")))

    async def _password_hash(self, member: MemberId) -> str | None:
        async def read(reader: SiteReader) -> str | None:
            row = await reader.one("SELECT password_hash FROM vault.read_credential(%s)", ([member],))
            if row is None or row.password_hash is None:
                return None
            key = (await reader.data_keys([member]))[member]
            return key.open_text("credential.password_hash", bytes(row.password_hash))

        return await self.router.read(member, read)

    async def check_password(self, member: MemberId, password: str) -> None:
        """Whether it is this member's password. Raises NotAuthenticated."""
        if not await password_matches(await self._password_hash(member), password[:1024]):
            raise NotAuthenticated("wrong password", "This is not your password")

    async def set_password(self, member: MemberId, password: str) -> None:
        """Give a member a new password."""
        hashed = await hash_password(check_password_form(password))

        async def write(writer: SiteWriter) -> None:
            row = await writer.one("SELECT * FROM vault.read_credential(%s)", ([member],))
            sealed = (await writer.data_key()).seal_text("credential.password_hash", hashed)
            old = (row.email, row.phone, row.birth_date) if row else (None, None, None)
            await writer.execute("SELECT vault.write_credential(%s, %s, %s, %s, %s)", (member, *old, sealed))

        await self.router.transact(member, write)


async def _insert_consents(
    session: Session | SiteWriter, member: MemberId, kinds: Sequence[str], rules: list[str], now: datetime
) -> None:
    for number, kind in enumerate(kinds):
        await session.execute(
            "INSERT INTO consent (member_id, consent_id, kind, wording, rules, given_at)"
            " SELECT %s, %s, %s, %s, %s, %s WHERE NOT EXISTS"
            " (SELECT FROM consent WHERE member_id = %s AND kind = %s AND withdrawn_at IS NULL)",
            (member, next_snowflake(now) + number, kind, WORDING[kind], rules, now.astimezone(UTC), member, kind),
        )


async def _nothing(writer: SiteWriter) -> None:
    raise Conflict("nothing is written here")
