"""Thistle, an invented network of short messages in two versions: the second asks for a phone number.

It is an app like anybody's on the engine, with tables and migrations of its own; it knows nothing of the social network
in `domicile.network`.
"""

from collections import Counter

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, Text

from domicile.database import open_engine as connect
from domicile.engine import Engine
from domicile.errors import Conflict, NotPermitted
from domicile.ids import Country, MemberId, next_snowflake
from domicile.law.facts import Basis, Claim, Person
from domicile.law.residency import HomeDecision, choose_home
from domicile.migrations.upgrade import upgrade as upgrade_domicile
from domicile.placement.fence import site_ddl
from domicile.placement.ownership import VAULT, load_ownership, personal
from domicile.placement.routing import SiteReader, SiteWriter
from domicile.placement.sealing import keyed_digest
from domicile.placement.sites import Site, new_token
from domicile.placement.tables import add_engine_tables, owner

PHONE = "user.contact.phone_number"
OWN_KEY = b"the key of an invented network, which protects nobody"


def declare(*, phone: bool) -> MetaData:
    """The tables of the first version, or of the second."""
    metadata = add_engine_tables(MetaData())
    Table(
        "account",
        metadata,
        owner(),
        Column("handle", String(30), nullable=False, info=personal("user.account.username")),
    )
    secret = Table(
        "secret",
        metadata,
        owner(),
        Column("password_hash", LargeBinary, info=personal("user.authorization.credentials", sealed=True)),
        schema=VAULT,
    )
    if phone:
        secret.append_column(Column("phone", LargeBinary, info=personal(PHONE, sealed=True)))
    Table(
        "message",
        metadata,
        owner("author_id"),
        Column("message_id", BigInteger, primary_key=True, autoincrement=False),
        Column("words", Text, nullable=False, info=personal("user.content.public")),
    )
    return metadata


FIRST, SECOND = declare(phone=False), declare(phone=True)

ADD_PHONE = """
ALTER TABLE vault.secret ADD COLUMN IF NOT EXISTS phone bytea;
CREATE OR REPLACE FUNCTION vault.write_secret(the_member_id bigint, the_password_hash bytea, the_phone bytea)
  RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
  AS $$ INSERT INTO vault.secret (member_id, password_hash, phone) VALUES (the_member_id, the_password_hash, the_phone)
        ON CONFLICT (member_id) DO UPDATE SET password_hash = EXCLUDED.password_hash, phone = EXCLUDED.phone $$;
REVOKE ALL ON FUNCTION vault.write_secret(bigint, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vault.write_secret(bigint, bytea, bytea) TO domicile_app, domicile_import;
"""


def to_first(name: str, kind: str, conninfo: str) -> None:
    """The migrations of the first version."""
    if kind == "hub":
        upgrade_domicile(name, kind, conninfo)
        return
    with connect(conninfo).begin() as connection:
        if connection.exec_driver_sql("SELECT to_regclass('public.resident')").scalar() is None:
            connection.exec_driver_sql(site_ddl(load_ownership(FIRST)))


def to_second(name: str, kind: str, conninfo: str) -> None:
    """The migrations of the second: one column more."""
    to_first(name, kind, conninfo)
    if kind == "site":
        with connect(conninfo).begin() as connection:
            connection.exec_driver_sql(ADD_PHONE)


class Thistle:
    """What a member can do, and what the operator can look at."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.requests: Counter[bytes] = Counter()

    def homes_for(self, country: str) -> HomeDecision:
        """Where somebody who lives in a country may have their home today."""
        engine = self.engine
        person = Person(frozenset({Claim(Country(country), Basis.RESIDENCE)}))
        places = [site.country for site in engine.sites.values()]
        law = engine.law.on(engine.clock().date())
        return choose_home(person, places, law, engine.policy, engine.operator.facts)

    async def join(self, handle: str, country: str) -> MemberId:
        """A new member, at the home that the law proposes. Raises NotPermitted where it allows none."""
        found = self.homes_for(country)
        if found.proposed is None:
            reasons = " ".join(decision.reason for _, decision in found.decisions)
            raise NotPermitted(f"no site may be the home of somebody in {country}: {reasons}")
        site = next(site for site in self.engine.sites.values() if site.country == found.proposed)
        member = MemberId(next_snowflake(self.engine.clock()))
        digest, token = keyed_digest(OWN_KEY, "handle", handle), new_token()
        await self._write(site, member, handle, country, digest, token)
        if await self.engine.directory.claim_names(member, site.name, {"handle": digest}, token):
            raise Conflict("this handle is taken")
        async with site.app.transaction() as session:
            await session.execute("UPDATE resident SET state = 'home' WHERE member_id = %s", (member,))
            await session.execute("INSERT INTO route VALUES (%s, %s, 1)", (member, site.name))
        return member

    async def _write(
        self, site: Site, member: MemberId, handle: str, country: str, digest: bytes, token: bytes
    ) -> None:
        _, wrapped = site.key.new_data_key(member)
        async with site.app.transaction() as session:
            await session.execute("INSERT INTO resident VALUES (%s, 'pending', 1)", (member,))
            await session.execute("SELECT vault.write_data_key(%s, %s, %s)", (member, wrapped, site.key.name))
            await session.execute("INSERT INTO name_claim VALUES (%s, 'handle', %s, %s)", (member, digest, token))
            await session.execute(
                "INSERT INTO claim VALUES (%s, %s, 'residence', false, %s)", (member, country, self.engine.clock())
            )
            await session.execute("INSERT INTO account VALUES (%s, %s)", (member, handle))

    async def say(self, member: MemberId, words: str, address: str = "") -> None:
        """A short message, written at the author's home. Requests of an address are counted in memory, by a digest."""
        self.requests[keyed_digest(OWN_KEY, "address", address)] += 1

        async def write(writer: SiteWriter) -> None:
            await writer.execute("INSERT INTO message VALUES (%s, %s, %s)", (member, next_snowflake(writer.now), words))

        await self.engine.router.transact(member, write)

    async def messages(self, member: MemberId) -> list[str]:
        """What a member has said, oldest first."""

        async def read(reader: SiteReader) -> list[str]:
            query = "SELECT words FROM message WHERE author_id = %s ORDER BY message_id"
            return [row.words for row in await reader.fetch(query, (member,))]

        return await self.engine.router.read(member, read)

    async def give_phone(self, member: MemberId, number: str) -> None:
        """Keep a member's phone number, sealed under their own key. Only the second version can."""

        async def write(writer: SiteWriter) -> None:
            sealed = (await writer.data_key()).seal_text("secret.phone", number)
            await writer.execute("SELECT vault.write_secret(%s, NULL, %s)", (member, sealed))

        await self.engine.router.transact(member, write)

    async def phone(self, member: MemberId) -> str | None:
        """The phone number that a member gave."""

        async def read(reader: SiteReader) -> str | None:
            row = await reader.one("SELECT phone FROM vault.read_secret(%s)", ([member],))
            if row is None or row.phone is None:
                return None
            return (await reader.data_keys([member]))[member].open_text("secret.phone", bytes(row.phone))

        return await self.engine.router.read(member, read)

    async def columns(self, table: str) -> set[str]:
        """The columns that a table has at any site, as PostgreSQL knows them."""
        query = "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped"
        found = [await site.auditor.run(query, (table,)) for site in self.engine.sites.values()]
        return {row.attname for rows in found for row in rows}
