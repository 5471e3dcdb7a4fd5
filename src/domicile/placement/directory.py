"""The hub's directory: who is at home where, under which epoch, and which keyed digests are taken.

The hub holds no name, address or content (rule 3). Its numbered feed is written by triggers under one lock that is
held to the commit, so that numbers have no gaps and a reader that has seen N has seen everything before N; a plain
sequence would lose entries for ever. Whoever changes `home` by hand is in the feed too.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domicile.database import Database, Row, Session, array, sql
from domicile.errors import Conflict, TooMany
from domicile.ids import MemberId, SiteName
from domicile.placement.fence import APP_ROLE

HUB_DDL = """
CREATE TABLE home (member_id bigint PRIMARY KEY, site text NOT NULL, epoch integer NOT NULL CHECK (epoch > 0));
CREATE TABLE claim (kind text, digest bytea, member_id bigint NOT NULL, token bytea NOT NULL,
  PRIMARY KEY (kind, digest));
CREATE INDEX claim_member ON claim (member_id);
CREATE TABLE interest (site text, member_id bigint, PRIMARY KEY (site, member_id));
CREATE INDEX interest_member ON interest (member_id);
CREATE TABLE feed_head (single boolean PRIMARY KEY DEFAULT true CHECK (single), number bigint NOT NULL);
INSERT INTO feed_head VALUES (true, 0);
CREATE TABLE feed (number bigint PRIMARY KEY, member_id bigint NOT NULL, site text, epoch integer NOT NULL);
CREATE INDEX feed_erased ON feed (member_id) WHERE site IS NULL;
CREATE TABLE relocation (batch_id bigint PRIMARY KEY, source text NOT NULL, target text NOT NULL, state text NOT NULL,
  token bytea NOT NULL, reason text NOT NULL, opened_at timestamptz NOT NULL, seen_at timestamptz NOT NULL);
CREATE TABLE relocation_member (batch_id bigint REFERENCES relocation, member_id bigint, epoch integer NOT NULL,
  moving boolean NOT NULL DEFAULT true, PRIMARY KEY (batch_id, member_id));
CREATE UNIQUE INDEX relocation_moving ON relocation_member (member_id) WHERE moving;
CREATE TABLE relocation_head (single boolean PRIMARY KEY DEFAULT true CHECK (single), number bigint NOT NULL,
  digest bytea NOT NULL);
INSERT INTO relocation_head VALUES (true, 0, decode(repeat('00', 32), 'hex'));
CREATE TABLE relocation_entry (number bigint PRIMARY KEY, batch_id bigint NOT NULL REFERENCES relocation,
  step text NOT NULL, at text NOT NULL, fields text NOT NULL, previous bytea NOT NULL, digest bytea NOT NULL);
CREATE TABLE incident_entry (entry_id text PRIMARY KEY, incident text NOT NULL, at timestamptz NOT NULL,
  told text NOT NULL);
CREATE TABLE relocation_wish (single boolean PRIMARY KEY DEFAULT true CHECK (single),
  paused boolean NOT NULL DEFAULT false, cancellations bigint NOT NULL DEFAULT 0);
INSERT INTO relocation_wish DEFAULT VALUES;
CREATE TABLE setting (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE write_wait (process text PRIMARY KEY, at timestamptz NOT NULL, p99_ms double precision NOT NULL);
CREATE TABLE app (client_id text PRIMARY KEY, registration bytea NOT NULL,
  registered_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE move_rate (source text, target text, measured_at timestamptz, members bigint NOT NULL,
  rows bigint NOT NULL, bytes bigint NOT NULL, seconds double precision NOT NULL CHECK (seconds > 0),
  PRIMARY KEY (source, target, measured_at));
CREATE FUNCTION announce() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last bigint; added bigint;
BEGIN
  SELECT count(*) INTO added FROM changed;
  IF added = 0 THEN RETURN NULL; END IF;
  UPDATE feed_head SET number = number + added RETURNING number INTO last;
  INSERT INTO feed SELECT last - added + row_number() OVER (), member_id,
    CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE site END, epoch FROM changed;
  RETURN NULL;
END $$;
CREATE TRIGGER announce_insert AFTER INSERT ON home REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION announce();
CREATE TRIGGER announce_update AFTER UPDATE ON home REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION announce();
CREATE TRIGGER announce_delete AFTER DELETE ON home REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION announce();
"""
HUB_PRIVILEGES = f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE};"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a member lives, and the epoch: how often their home has changed, plus one."""

    site: SiteName
    epoch: int


@dataclass(frozen=True, slots=True)
class HeldByHub:
    """What the hub holds about one member beside their home and epoch: all of it opaque.

    `digests`: of which kinds of names; `interested`: the sites that hear of their moves; `relocations`: how many are in
    the journal.
    """

    digests: tuple[str, ...]
    interested: tuple[SiteName, ...]
    relocations: int


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One change of a home. `home` is None when the member was erased."""

    number: int
    member: MemberId
    home: Home | None


class Directory:
    """Questions to the hub. Digest look-ups are counted and limited, so that nobody can try out names in bulk."""

    def __init__(self, database: Database, lookups_per_minute: int = 6000) -> None:
        self.database = database
        self.lookups = 0
        self._limit = lookups_per_minute
        self._window = (0, 0)

    async def claim_names(
        self, member: MemberId, site: SiteName, digests: Mapping[str, bytes], token: bytes
    ) -> frozenset[str]:
        """Sign-up, step 2: claim every digest and enter the home, or nothing. Returns the kinds that are taken.

        Safe to repeat with the same token: it then answers as it did the first time.
        """
        try:
            async with self.database.transaction() as hub:
                await hub.execute_many(
                    "INSERT INTO claim (kind, digest, member_id, token) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [(kind, digest, member, token) for kind, digest in sorted(digests.items())],
                )
                held = await hub.fetch(
                    "SELECT kind, digest FROM claim WHERE member_id = %s AND token = %s", (member, token)
                )
                own = {(row.kind, bytes(row.digest)) for row in held}
                taken = frozenset(kind for kind, digest in digests.items() if (kind, digest) not in own)
                if taken:
                    raise _Taken(taken)
                await hub.execute(
                    "INSERT INTO home (member_id, site, epoch) VALUES (%s, %s, 1) ON CONFLICT DO NOTHING",
                    (member, site),
                )
        except _Taken as error:
            return error.kinds
        return frozenset()

    async def replace_claim(self, member: MemberId, kind: str, digest: bytes | None, token: bytes) -> None:
        """Change one claimed digest (a new e-mail, a phone number given up). Raises Conflict if it is taken."""
        async with self.database.transaction() as hub:
            await hub.execute("DELETE FROM claim WHERE kind = %s AND member_id = %s", (kind, member))
            if digest is not None:
                await hub.execute(
                    "INSERT INTO claim (kind, digest, member_id, token) VALUES (%s, %s, %s, %s)",
                    (kind, digest, member, token),
                )

    async def find(self, kind: str, digest: bytes) -> MemberId | None:
        """Whose digest this is. Raises TooMany beyond the limit a minute."""
        self._count_lookup()
        rows = await self.database.run("SELECT member_id FROM claim WHERE kind = %s AND digest = %s", (kind, digest))
        return MemberId(rows[0].member_id) if rows else None

    async def homes(self, members: Iterable[MemberId], asker: SiteName | None = None) -> dict[MemberId, Home]:
        """Where these members live; who is missing is unknown or erased. The asker will hear of later changes."""
        wanted = sorted(set(members))
        if asker:
            # Before the homes are read: a change between the two is then in the answer or in the feed, or both.
            await self.database.run(
                "INSERT INTO interest SELECT %s, member_id FROM home WHERE member_id = ANY (%s::bigint[])"
                " ON CONFLICT DO NOTHING",
                (asker, array(wanted)),
            )
        one = len(wanted) == 1  # by far the commonest question; an array costs it a fifth
        rows = await self.database.run(
            f"SELECT member_id, site, epoch FROM home WHERE member_id = {'%s' if one else 'ANY (%s::bigint[])'}",
            wanted if one else (array(wanted),),
        )
        return {MemberId(row.member_id): _home(row) for row in rows}

    async def note_interest(self, site: SiteName, members: Sequence[MemberId]) -> None:
        """From now on the feed tells this site of changes to these members' homes."""
        await self.database.run(
            "INSERT INTO interest SELECT %s, unnest(%s::bigint[]) ON CONFLICT DO NOTHING", (site, list(members))
        )

    async def lose_interest(self, site: SiteName, members: Sequence[MemberId]) -> None:
        """This site hears that these members are erased: there is nothing more to tell it of them."""
        await self.database.run("DELETE FROM interest WHERE site = %s AND member_id = ANY (%s)", (site, list(members)))

    async def feed_after(self, site: SiteName, number: int, limit: int = 1000) -> tuple[list[FeedEntry], int]:
        """Changes after `number` of members that `site` serves or cares for, and every erasure; up to which number."""
        async with self.database.snapshot() as hub:
            head = await hub.send(
                "SELECT coalesce(max(number), %s) FROM"
                " (SELECT number FROM feed WHERE number > %s ORDER BY number LIMIT %s) f",
                (number, number, limit),
            )
            entries = await hub.send(
                "SELECT number, member_id, site, epoch FROM"
                " (SELECT * FROM feed WHERE number > %(after)s ORDER BY number LIMIT %(limit)s) f WHERE site = %(site)s"
                " OR site IS NULL"
                " OR EXISTS (SELECT FROM interest i WHERE i.site = %(site)s AND i.member_id = f.member_id)"
                " ORDER BY number",
                {"after": number, "limit": limit, "site": site},
            )
            up_to = (await head.fetchall())[0][0]
            rows = await entries.fetchall()
        return [FeedEntry(r.number, MemberId(r.member_id), _home(r) if r.site else None) for r in rows], up_to

    async def erased(self, members: Iterable[MemberId]) -> set[MemberId]:
        """Those of these members whom the feed has told to be erased."""
        wanted = sorted(set(members))
        if not wanted:
            return set()
        rows = await self.database.run(
            "SELECT DISTINCT member_id FROM feed f WHERE member_id = ANY (%s) AND site IS NULL"
            " AND NOT EXISTS (SELECT FROM home h WHERE h.member_id = f.member_id)",
            (wanted,),
        )
        return {MemberId(row.member_id) for row in rows}

    async def move(self, member: MemberId, was: Home, to: SiteName) -> Home:
        """Change a home and raise its epoch, only if it still is what the caller believes. Raises Conflict."""
        rows = await self.database.run(
            "UPDATE home SET site = %s, epoch = epoch + 1 WHERE member_id = %s AND site = %s AND epoch = %s"
            " RETURNING site, epoch",
            (to, member, was.site, was.epoch),
        )
        if not rows:
            raise Conflict("the directory holds another home or epoch for this member")
        return _home(rows[0])

    async def release(self, member: MemberId) -> int:
        """Forget an erased member: home, claims, interest. Only their home asks for it, after its own rows are gone.

        Every site hears of it by the feed; returns the number of the entry after which a site has.
        """
        async with self.database.transaction() as hub:
            await hub.execute("DELETE FROM claim WHERE member_id = %s", (member,))
            await hub.execute("DELETE FROM home WHERE member_id = %s", (member,))
            await hub.execute("DELETE FROM interest WHERE member_id = %s", (member,))
            return int(await hub.value("SELECT number FROM feed_head"))

    async def add_app(self, client_id: str, registration: bytes) -> None:
        """An app registration is a network row: about nobody, and the same at every site."""
        await self.database.run(
            "INSERT INTO app (client_id, registration) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (client_id, registration),
        )

    async def find_app(self, client_id: str) -> bytes | None:
        rows = await self.database.run("SELECT registration FROM app WHERE client_id = %s", (client_id,))
        return bytes(rows[0].registration) if rows else None

    async def enter(
        self,
        homes: Sequence[tuple[MemberId, SiteName, int]],
        claims: Sequence[tuple[str, bytes, MemberId, bytes]],
        *,
        new: bool = False,
    ) -> None:
        """Enter many homes and claims at once (seeding, `hub rebuild`). All `new`, or none and Conflict."""
        async with self.database.transaction() as hub:
            await hub.execute("CREATE TEMP TABLE new_home (LIKE home) ON COMMIT DROP")
            await hub.execute("CREATE TEMP TABLE new_claim (LIKE claim) ON COMMIT DROP")
            await _copy(hub, "new_home", ("member_id", "site", "epoch"), homes)
            await _copy(hub, "new_claim", ("kind", "digest", "member_id", "token"), claims)
            await hub.execute(
                "INSERT INTO home SELECT * FROM new_home ON CONFLICT (member_id) DO UPDATE"
                " SET site = EXCLUDED.site, epoch = EXCLUDED.epoch WHERE home.epoch < EXCLUDED.epoch"
            )
            entered = await hub.execute("INSERT INTO claim SELECT * FROM new_claim ON CONFLICT DO NOTHING")
            if new and entered != len(claims):
                raise Conflict("a name was taken meanwhile")

    async def taken(self, digests: Sequence[bytes]) -> set[bytes]:
        """Which of these digests somebody has claimed: for the names that a seeding makes up, never for a request."""
        rows = await self.database.run(
            "SELECT digest FROM claim WHERE kind = ANY ('{handle,email,phone}') AND digest = ANY (%s)", (list(digests),)
        )
        return {bytes(row.digest) for row in rows}

    async def claims_of(self, members: Sequence[MemberId]) -> list[tuple[MemberId, str, bytes, bytes]]:
        """What these members have claimed: (member, kind, digest, token)."""
        rows = await self.database.run(
            "SELECT member_id, kind, digest, token FROM claim WHERE member_id = ANY (%s)", (list(members),)
        )
        return [(MemberId(row.member_id), row.kind, bytes(row.digest), bytes(row.token)) for row in rows]

    async def held_about(self, member: MemberId) -> HeldByHub:
        """What the directory and its journal hold about a member."""
        rows = await self.database.run(
            "SELECT (SELECT array_agg(kind ORDER BY kind) FROM claim WHERE member_id = %(member)s) AS digests,"
            " (SELECT array_agg(site ORDER BY site) FROM interest WHERE member_id = %(member)s) AS interested,"
            " (SELECT count(*) FROM relocation_member WHERE member_id = %(member)s) AS relocations",
            {"member": member},
        )
        return HeldByHub(tuple(rows[0].digests or ()), tuple(rows[0].interested or ()), rows[0].relocations)

    async def sizes(self) -> dict[str, int]:
        """How many homes, claims and feed entries there are."""
        rows = await self.database.run(
            "SELECT (SELECT count(*) FROM home) AS homes, (SELECT count(*) FROM claim) AS claims,"
            " (SELECT number FROM feed_head) AS feed"
        )
        return {"homes": rows[0].homes, "claims": rows[0].claims, "feed": rows[0].feed}

    def _count_lookup(self) -> None:
        self.lookups += 1
        minute = int(time.monotonic() // 60)
        count = self._window[1] + 1 if self._window[0] == minute else 1
        self._window = (minute, count)
        if count > self._limit:
            raise TooMany("digest look-ups at the hub exceed hub.lookups_per_minute", limit=self._limit)


class _Taken(Exception):
    def __init__(self, kinds: frozenset[str]) -> None:
        super().__init__()
        self.kinds = kinds


def _home(row: Row) -> Home:
    return Home(SiteName(row.site), row.epoch)


async def _copy(hub: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    await hub.copy_in(sql.Identifier(table), columns, rows)
