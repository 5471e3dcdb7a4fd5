"""Relocation: how fast, what members notice of it while the network serves, and one member with very many rows.

    .venv/bin/python benchmarks/relocation.py [--members 20000] [--only bulk|serving|gently|one] [--pause 0.03]

bulk     of so many members with some 24 rows each, 1.3 % move, then all: rows a second against `psql COPY | psql COPY`
         of the same rows into the same tables (keys, foreign keys, indexes and triggers alike), in one stream and two,
         and against SQLAlchemy row by row. Verification and erasure are told apart: plain COPY does neither.
serving  p50 and p99 of reads and writes by members who move and by others, against the same load without a move, as
         fast as it can; the coordinator runs in a process of its own.
gently   the same at most one megabyte a second. `--pause`: seconds between an answer and the client's next request.
one      a member with 10,020 rows and 20 files: seconds, rows a second, and how long their writes waited.
"""

import argparse
import asyncio
import contextlib
import io
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import uvloop
from PIL import Image
from sqlalchemy import Engine, Table, create_engine, insert, select

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from domicile.cli.relocate import STEP_BACK
from domicile.config import load_config
from domicile.database import Database, array, conninfo_to_dict, make_conninfo, sql
from domicile.errors import Unavailable
from domicile.ids import MemberId, SiteName, next_snowflake
from domicile.network.posts import Draft
from domicile.placement.embedded import discard
from domicile.placement.fence import OWNER_ROLE, site_ddl
from domicile.placement.files import keep_file
from domicile.placement.sites import superuser_conninfo
from domicile.relocation.moved import Moved
from domicile.relocation.pace import Pace
from domicile.relocation.rows import carried_tables
from domicile.running import Domicile
from domicile.wiring import open_domicile

HERE, THERE = SiteName("de-1"), SiteName("us-1")
SHARE = 0.013  # of LinkedIn's members were in Russia when its law took effect
SCRATCH = "scratch"
GENTLY = 1e6  # bytes a second, as `relocate --at-most 1`

# Some 24 rows a member, of the kinds that a network has most of.
FILL = """
INSERT INTO account (member_id, handle, created_at) SELECT m, 'm' || (m % 100000000000), now() FROM members;
INSERT INTO tally (member_id, last_post) SELECT a, max(post) FROM posts GROUP BY a;
INSERT INTO vault.credential SELECT m, sha256(m::text::bytea), NULL, NULL, sha256((m + 1)::text::bytea) FROM members;
INSERT INTO name_claim SELECT m, k, sha256((m || k)::bytea), sha256(m::text::bytea)
  FROM members, unnest('{handle,email}'::text[]) k;
INSERT INTO claim SELECT m, 'DE', 'residence', false, now() FROM members;
INSERT INTO consent SELECT m, m, 'publication', 'My public posts may be shown', '{}', now(), NULL FROM members;
INSERT INTO token SELECT m, sha256(m::text::bytea), 'an-app', 'read write', now() FROM members;
INSERT INTO post (author_id, post_id, visibility, content, source) SELECT a, post, 0, w, w
  FROM posts, lateral (SELECT repeat('a word or two ', 8) AS w) x;
INSERT INTO post_tag SELECT a, post, 'tag' FROM posts WHERE n < 2;
INSERT INTO reaction_stub SELECT a, post, 'favourite', a + 1, post, false FROM posts WHERE n < 2;
INSERT INTO follow SELECT m, m + n, 'accepted', m FROM members, generate_series(1, 3) n;
INSERT INTO follower SELECT m, m + n, 'accepted', m FROM members, generate_series(1, 2) n;
INSERT INTO notification SELECT m, n, 'follow', m + n FROM members, generate_series(1, 2) n;
"""


async def fill(domicile: Domicile, members: int) -> list[MemberId]:
    """Members at `HERE`, written straight into its tables."""
    site, first = domicile.sites[HERE], next_snowflake(domicile.clock())
    ids = [MemberId(first + 1000 * n) for n in range(members)]
    keys = [(m, site.key.new_data_key(m)[1], site.key.name) for m in ids]
    async with site.importer.transaction() as session:
        await session.execute(
            "CREATE TEMP TABLE members ON COMMIT DROP AS SELECT unnest(%s::bigint[]) AS m", (array(ids),)
        )
        await session.execute(
            "CREATE TEMP TABLE posts ON COMMIT DROP AS"
            " SELECT m AS a, n, m + n + 1 AS post FROM members, generate_series(0, 5) n"
        )
        await session.execute("ANALYZE members, posts")
        await session.execute("INSERT INTO resident SELECT m, 'home', 1 FROM members")
        await session.copy_in(sql.SQL("vault.data_key"), ("member_id", "wrapped", "site_key"), keys)
        await session.execute(FILL)
        await session.execute("SELECT domicile.analyze_tables()")
    await domicile.directory.enter([(m, HERE, 1) for m in ids], [])
    return ids


async def rows_of(domicile: Domicile, members: Sequence[MemberId]) -> int:
    tables = (f"(SELECT count(*) FROM {o.name} WHERE {o.owner} = ANY (%(m)s))" for o in domicile.ownership.owned)
    rows = await domicile.sites[HERE].importer.run(f"SELECT {' + '.join(tables)} AS n", {"m": list(members)})
    return int(rows[0].n)


# Bulk


async def measure_bulk(domicile: Domicile, members: int) -> None:
    everybody = await fill(domicile, members)
    some = random.Random(1).sample(everybody, max(1, int(members * SHARE)))
    rest = sorted(set(everybody) - set(some))
    for title, movers in ((f"{len(some):,} of {members:,} members move", some), ("all the others move", rest)):
        print(f"\n{title}")
        await compare_bulk(domicile, movers)


async def compare_bulk(domicile: Domicile, movers: list[MemberId]) -> None:
    rows = await rows_of(domicile, movers)
    scratch = await make_scratch(domicile, movers)
    plain = await time_psql(domicile, movers, scratch, 1)
    await empty_scratch_at_once(scratch, domicile)
    two = await time_psql(domicile, movers, scratch, 2)
    one_by_one = await time_sqlalchemy(domicile, movers[:100], scratch)
    await drop_scratch(domicile)  # else its dead rows are vacuumed meanwhile
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wal, disk = await written_at(domicile, THERE)
    moved = await domicile.coordinator.relocate(movers, HERE, THERE, "a benchmark", pace=Pace())
    wal, disk = (after - before for after, before in zip(await written_at(domicile, THERE), (wal, disk), strict=True))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(moved.members) == len(movers) and moved.rows == rows, (moved.left, moved.rows, rows)
    copying = moved.seconds * (1 - (moved.verifying_s + moved.erasing_s) / moved.carrying_s)
    print(f"{'psql COPY | psql COPY':34}{rows / plain:12,.0f} rows/s   {plain:7.2f} s")
    print(f"{'the same in two streams':34}{rows / two:12,.0f} rows/s   {plain / two:7.2f} of psql")
    print(f"{'SQLAlchemy, row by row':34}{one_by_one:12,.0f} rows/s   {one_by_one * plain / rows:7.2f} of psql")
    for what, seconds in (("relocate, copying", copying), ("relocate, with verifying, erasing", moved.seconds)):
        print(f"{what:34}{rows / seconds:12,.0f} rows/s   {plain / seconds:7.2f} of psql")
    parts = f"verifying {moved.verifying_s:.2f} s, erasing {moved.erasing_s:.2f} s, {moved.batches} batches"
    print(f"{rows:,} rows: {parts}, longest wait {moved.waited_ms:.0f} ms, memory grew by {grown:.0f} MB")
    sizes = (
        f"{moved.size / 1e6:,.1f} MB between the sites",
        f"{disk / 1e6:,.1f} MB of disk",
        f"{wal / 1e6:,.1f} MB of",
    )
    print(f"{', '.join(sizes)} write-ahead log at the target")


async def written_at(domicile: Domicile, site: SiteName) -> tuple[int, int]:
    """How many bytes of write-ahead log the server has written in all, and how large its database is."""
    query = "SELECT pg_current_wal_lsn() - '0/0' AS wal, pg_database_size(current_database()) AS disk"
    rows = await domicile.sites[site].importer.run(query)
    return int(rows[0].wal), int(rows[0].disk)


async def make_scratch(domicile: Domicile, movers: list[MemberId]) -> str:
    """A second database with the same tables at `THERE`, whose residents are the movers."""
    async with as_superuser(domicile) as admin:
        await admin.run(f"CREATE DATABASE {SCRATCH} OWNER {OWNER_ROLE}")
    async with as_superuser(domicile, SCRATCH) as owner, owner.transaction() as session:
        await session.execute(f"SET LOCAL ROLE {OWNER_ROLE}")
        await session.execute(site_ddl(domicile.ownership))
        await session.execute("INSERT INTO resident SELECT unnest(%s::bigint[]), 'arriving', 2", (array(movers),))
    return make_conninfo(domicile.sites[THERE].importer.conninfo, dbname=SCRATCH)


async def drop_scratch(domicile: Domicile) -> None:
    async with as_superuser(domicile) as admin:
        await admin.run(f"DROP DATABASE {SCRATCH} WITH (FORCE)")


@contextlib.asynccontextmanager
async def as_superuser(domicile: Domicile, database: str | None = None) -> AsyncIterator[Database]:
    """One connection to the server at `THERE`."""
    assert domicile.embedded is not None
    admin = Database("admin", superuser_conninfo(domicile.embedded.servers[THERE], database), size=1)
    await admin.open()
    try:
        yield admin
    finally:
        await admin.close()


async def time_psql(domicile: Domicile, movers: list[MemberId], scratch: str, streams: int) -> float:
    """So many pairs of psql, one reading and one writing in one transaction, table by table: `-f x.sql | psql -1`."""
    began = time.perf_counter()
    await asyncio.gather(*(_run_psql(domicile, movers[n::streams], scratch) for n in range(streams)))
    return time.perf_counter() - began


async def _run_psql(domicile: Domicile, movers: list[MemberId], scratch: str) -> None:
    lines = [f"CREATE TEMP TABLE movers AS SELECT unnest('{array(movers)}'::bigint[]) AS m;", "ANALYZE movers;"]
    for owned in (domicile.ownership["vault.data_key"], *carried_tables(domicile.ownership)):
        lines += [f"\\echo 'COPY {owned.name} FROM STDIN;'"]
        lines += [
            f"COPY (SELECT t.* FROM {owned.name} t JOIN movers ON m = t.{owned.owner}) TO STDOUT;",
            "\\echo '\\\\.'",
        ]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write("\n".join(lines))
        script.flush()
        reading, writing = psql(domicile.sites[HERE].importer.conninfo), psql(scratch)
        piped = f"{reading} -f {script.name} | {writing} -1"
        process = await asyncio.create_subprocess_shell(piped, stdout=asyncio.subprocess.DEVNULL)
        assert await process.wait() == 0


def psql(conninfo: str) -> str:
    parts = conninfo_to_dict(conninfo)
    settings = f"PGPASSWORD={parts['password']} PGHOST={parts['host']} PGPORT={parts['port']} PGUSER={parts['user']}"
    return f"{settings} PGDATABASE={parts['dbname']} {shutil.which('psql')} -qX -v ON_ERROR_STOP=1"


async def time_sqlalchemy(domicile: Domicile, movers: list[MemberId], scratch: str) -> float:
    """Rows a second when each is read and written by itself, a member a transaction, as a script of one's own would."""
    source, target = (
        create_engine(
            f"postgresql+psycopg://{c['user']}:{c['password']}@/{c['dbname']}?host={c['host']}&port={c['port']}"
        )
        for c in map(conninfo_to_dict, (domicile.sites[HERE].importer.conninfo, scratch))
    )

    def copy() -> float:
        for engine in (source, target):
            engine.connect().close()
        began, rows = time.perf_counter(), 0
        for member in movers:
            rows += copy_member(domicile, member, source, target)
        return rows / (time.perf_counter() - began)

    with_rows = await asyncio.to_thread(empty_scratch, domicile, target, movers)
    assert with_rows
    return await asyncio.to_thread(copy)


async def empty_scratch_at_once(scratch: str, domicile: Domicile) -> None:
    """Take everything out of the scratch tables again, as if new."""
    database = Database("scratch", scratch, size=1)
    await database.open()
    async with database.transaction() as session:
        for owned in reversed(domicile.ownership.owned):
            await session.execute(f"DELETE FROM {owned.name}")
    await database.close()


def empty_scratch(domicile: Domicile, target: Engine, movers: list[MemberId]) -> int:
    with target.begin() as connection:
        return sum(
            connection.execute(owned.table.delete().where(owned.table.c[owned.owner].in_(movers))).rowcount
            for owned in reversed(domicile.ownership.owned)
        )


def copy_member(domicile: Domicile, member: MemberId, source: Engine, target: Engine) -> int:
    rows = 0
    with source.begin() as reading, target.begin() as writing:
        for owned in domicile.ownership.owned:
            table: Table = owned.table
            for row in reading.execute(select(table).where(table.c[owned.owner] == member)).mappings():
                writing.execute(insert(table).values(**row))
                rows += 1
    return rows


# While it serves


class Waits:
    """How long requests took, in ms."""

    def __init__(self) -> None:
        self.taken: list[float] = []
        self.failed = 0

    def __str__(self) -> str:
        taken = sorted(self.taken)
        failed = f", {self.failed} refused" if self.failed else ""
        return f"p50 {at(taken, 0.5):6.1f}  p99 {at(taken, 0.99):6.1f} ms ({len(taken):,}{failed})"


def at(taken: list[float], share: float) -> float:
    return taken[int(len(taken) * share)] if taken else float("nan")


async def measure_serving(
    domicile: Domicile, folder: Path, members: int, pause: float, at_most: float | None = None
) -> None:
    everybody = await fill(domicile, members)
    movers, others = everybody[: members // 2], everybody[members // 2 :]
    await warm(domicile, movers[:50] + others[:50])
    speed = f"at most {at_most / 1e6:g} MB/s" if at_most else "as fast as it can"
    print(f"\nwhile it serves, {speed}: 8 clients write and 8 read, half of them as members who move")
    idle = await under_load(domicile, movers, others, pause, asyncio.sleep(10))
    coordinator = await start_coordinator(folder)
    moving = await under_load(domicile, movers, others, pause, order_move(coordinator, movers, at_most))
    for what in idle:
        p50, p99 = (at(sorted(moving[what].taken), s) / at(sorted(idle[what].taken), s) for s in (0.5, 0.99))
        ratio = f"ratio p50 {p50:.2f} p99 {p99:.2f}"
        print(f"{what:24} without a move {idle[what]}   during it {moving[what]}   {ratio}")


async def start_coordinator(folder: Path) -> asyncio.subprocess.Process:
    """In a process of its own, as an operator's command is."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, __file__, "--coordinate", str(folder))
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    assert process.stdout and await process.stdout.readline() == b"ready\n"
    return process


async def order_move(process: asyncio.subprocess.Process, movers: list[MemberId], at_most: float | None) -> None:
    printed, _ = await process.communicate(f"{array(movers)}\n{at_most or ''}\n".encode())
    print(printed.decode().strip())


async def warm(domicile: Domicile, members: list[MemberId]) -> None:
    for member in members:
        await domicile.posts.write(member, Draft(text="a post"))
        await read(domicile, member)


async def read(domicile: Domicile, member: MemberId) -> None:
    query = "SELECT content FROM post WHERE author_id = %(member)s ORDER BY post_id DESC LIMIT 20"
    assert await domicile.router.rows(member, query, {"member": member})


async def under_load(
    domicile: Domicile, movers: list[MemberId], others: list[MemberId], pause: float, work: Awaitable[object]
) -> dict[str, Waits]:
    """What requests took while `work` went on."""
    waits: dict[str, Waits] = {}
    stop = asyncio.Event()
    luck = random.Random(2)

    async def client(what: str, whose: list[MemberId], do: Callable[[MemberId], Awaitable[object]]) -> None:
        waited = waits.setdefault(what, Waits())
        while not stop.is_set():
            member = luck.choice(whose)
            began = time.perf_counter()
            try:
                await do(member)
            except Unavailable:
                waited.failed += 1
            waited.taken.append((time.perf_counter() - began) * 1e3)
            await asyncio.sleep(pause)

    def write(member: MemberId) -> Awaitable[object]:
        return domicile.router.transact(
            member, lambda writer: writer.execute("UPDATE tally SET posts = posts + 1 WHERE member_id = %s", (member,))
        )

    async with asyncio.TaskGroup() as tasks:
        for whose, name in ((movers, "who move"), (others, "who stay")):
            for _ in range(4):
                tasks.create_task(client(f"writes of members {name}", whose, write))
                tasks.create_task(client(f"reads of members {name}", whose, lambda m: read(domicile, m)))
        try:
            await work
        finally:
            stop.set()
    return dict(sorted(waits.items()))


async def coordinate(folder: Path) -> None:
    """The other process: relocate whom the first line names."""
    async with open_domicile(load_config(environment={}, data=folder / "data", sites="de,us")) as domicile:
        os.nice(STEP_BACK)  # as `relocate` does
        print("ready", flush=True)
        line, limit = [await asyncio.to_thread(sys.stdin.readline) for _ in range(2)]
        movers = [MemberId(int(number)) for number in line.strip(" {}\n").split(",")]
        pace = Pace(bytes_a_second=float(limit) if limit.strip() else None)
        moved = await domicile.coordinator.relocate(movers, HERE, THERE, "a benchmark", pace=pace)
        rate, batches = moved.rows / moved.seconds, moved.batches
        print(
            f"{len(moved.members):,} members, {moved.rows:,} rows in {moved.seconds:.1f} s ({rate:,.0f} rows/s),",
            end=" ",
        )
        print(f"{batches} batches, longest wait {moved.waited_ms:.0f} ms, {len(moved.left)} left", flush=True)


# One member


async def measure_one(domicile: Domicile) -> None:
    (member,) = await fill(domicile, 1)
    site = domicile.sites[HERE]
    have = await rows_of(domicile, [member])
    await site.importer.run(
        "INSERT INTO post (author_id, post_id, visibility, content, source) SELECT %s, %s + n, 0, w, w"
        " FROM generate_series(100, %s) n, lateral (SELECT repeat('a word or two ', 8) AS w) x",
        (member, member, 100 + 10_020 - have - 1),
    )
    for shade in range(20):
        picture = io.BytesIO()
        Image.effect_noise((600, 400), shade + 10).save(picture, "PNG")
        keep_file(site.media, member, picture.getvalue())
    best: Moved | None = None
    for _ in range(3):
        moved = await domicile.coordinator.relocate([member], HERE, THERE, "a benchmark")
        assert (moved.rows, moved.files) == (10_020, 20), moved
        best = moved if best is None or moved.seconds < best.seconds else best
        assert (await domicile.coordinator.relocate([member], THERE, HERE, "a benchmark")).members
    print(
        f"\none member, 10,020 rows and 20 files: {best.seconds:.2f} s, {best.rows / best.seconds:,.0f} rows/s,",
        end=" ",
    )
    print(f"writes waited {best.waited_ms:.0f} ms")


async def main(members: int, only: str | None, pause: float) -> None:
    parts = {"bulk": members, "serving": min(members, 12_000), "gently": min(members, 12_000), "one": 0}
    for part in [only] if only else parts:
        with tempfile.TemporaryDirectory() as folder:
            config = load_config(environment={}, data=Path(folder) / "data", sites="de,us")
            try:
                async with open_domicile(config) as domicile:
                    if part == "bulk":
                        await measure_bulk(domicile, parts[part])
                    elif part in ("serving", "gently"):
                        limit = GENTLY if part == "gently" else None
                        await measure_serving(domicile, Path(folder), parts[part], pause, limit)
                    else:
                        await measure_one(domicile)
            finally:
                discard(config.data)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--only", choices=["bulk", "serving", "gently", "one"])
    parser.add_argument("--pause", type=float, default=0.03)
    parser.add_argument("--coordinate", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    uvloop.run(coordinate(chosen.coordinate) if chosen.coordinate else main(chosen.members, chosen.only, chosen.pause))
