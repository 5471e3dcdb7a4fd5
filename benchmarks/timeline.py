"""Home timeline of 20 posts over four sites, against the same rows in one database by one SQL query (the limit).

    .venv/bin/python benchmarks/timeline.py [--members 5100]

Prints, at 44, 500 and 5,000 followees: pages a second and p50/p99 of the engine (four sites, border, licences), of the
limit, their ratio, and the border's share: the part of the time that goes into licences, masking and serialising.
At 44 also over HTTP: requests a second of GET /api/v1/timelines/home, from a client in a process of its own.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from domicile.border import crossing
from domicile.border.licence import Desk
from domicile.config import load_config
from domicile.database import Database, make_conninfo, sql
from domicile.ids import MemberId, next_snowflake
from domicile.network.seeding.load import seed
from domicile.network.seeding.safeguards import file_demo_safeguards
from domicile.network.timelines import make_bounds
from domicile.placement.embedded import discard
from domicile.placement.fence import site_ddl
from domicile.placement.sites import superuser_conninfo
from domicile.running import Domicile
from domicile.web.serving import serve
from domicile.wiring import open_domicile

ONE = """
SELECT p.author_id, p.post_id, p.visibility, p.content, p.source, p.spoiler, p.sensitive, p.language, p.client,
  p.edited_at, p.replies, p.boosts, p.favourites, p.reply_author, p.reply_post, p.boost_author, p.boost_post,
  (SELECT array_agg(m.mentioned || ':' || m.handle) FROM post_mention m
     WHERE m.author_id = p.author_id AND m.post_id = p.post_id) AS mentions,
  (SELECT array_agg(g.tag) FROM post_tag g WHERE g.author_id = p.author_id AND g.post_id = p.post_id) AS tags,
  (SELECT jsonb_agg(f.digest) FROM media f WHERE f.member_id = p.author_id AND f.post_id = p.post_id) AS pictures,
  a.handle, a.display_name, a.note, a.fields, a.avatar, a.header, a.locked, a.bot, a.discoverable, a.created_at,
  t.posts, t.followers, t.following, t.last_post_at
FROM (SELECT n.author_id, n.post_id FROM follow f CROSS JOIN LATERAL (SELECT q.author_id, q.post_id FROM post q
        WHERE q.author_id = f.target AND q.visibility < 2 ORDER BY q.post_id DESC LIMIT 20) n
      WHERE f.member_id = %s AND f.state = 'accepted' ORDER BY n.post_id DESC LIMIT 20) k
JOIN post p ON p.author_id = k.author_id AND p.post_id = k.post_id
JOIN account a ON a.member_id = p.author_id JOIN tally t ON t.member_id = p.author_id ORDER BY p.post_id DESC
"""
TABLES = ("account", "tally", "post", "post_mention", "post_tag", "media", "follow")


async def main(members: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(environment={}, data=Path(folder) / "data", port=8437)
        try:
            async with open_domicile(config) as domicile:
                await file_demo_safeguards(domicile.sites, domicile.clock)
                await seed(domicile, members)
                await compare(domicile, members)
        finally:
            discard(config.data)


async def compare(domicile: Domicile, members: int) -> None:
    everybody = [
        row.member_id
        for site in domicile.sites.values()
        for row in await site.app.run("SELECT member_id FROM resident WHERE state = 'home'")
    ]
    readers = {count: await make_reader(domicile, everybody, count) for count in (44, 500, 5000) if count < members}
    one = await copy_into_one(domicile)
    print(f"{members} members, 20 posts a page, 4 sites; one client, then eight at once")
    for count, reader in readers.items():
        await print_ratio(domicile, one, count, reader)
    await one.close()
    await print_requests(domicile, readers[44])


async def make_reader(domicile: Domicile, everybody: list[int], count: int) -> MemberId:
    """A seeded member of de-1 made to follow `count` others, by rows in both halves."""
    rows = await domicile.sites["de-1"].app.run(
        "SELECT member_id FROM follow GROUP BY member_id ORDER BY count(*) LIMIT 10"
    )
    reader = rows[[44, 500, 5000].index(count)].member_id
    version = next_snowflake(domicile.clock())
    step = max(1, len(everybody) // count)
    targets = [m for m in everybody[::step] if m != reader][:count]
    site = domicile.sites["de-1"]
    await site.importer.run("DELETE FROM follow WHERE member_id = %s", (reader,))
    await site.importer.run(
        "INSERT INTO follow SELECT %s, t, 'accepted', %s FROM unnest(%s::bigint[]) t", (reader, version, targets)
    )
    await domicile.router.learn_routes("de-1", targets)
    await site.importer.run("ANALYZE follow, route")
    return MemberId(reader)


async def copy_into_one(domicile: Domicile) -> Database:
    """The same rows in one database, with the same keys."""
    server = domicile.embedded.servers["us-1"]
    admin = Database("admin", superuser_conninfo(server), size=1)
    await admin.open()
    await admin.run("CREATE DATABASE one")
    await admin.close()
    one = Database("one", make_conninfo(superuser_conninfo(server), dbname="one"), size=12)
    await one.open()
    async with one.transaction() as session:
        await session.execute(site_ddl(domicile.ownership))
        await session.execute("SET session_replication_role = replica")  # the fence has nothing to do here
        for site in domicile.sites.values():
            for table in TABLES:
                columns = domicile.ownership[table].columns
                rows = await site.importer.run(f"SELECT {', '.join(columns)} FROM {table}")
                await session.copy_in(sql.Identifier(table), columns, map(plain, rows))
    await one.run("VACUUM ANALYZE")
    return one


def plain(row: tuple[object, ...]) -> tuple[object, ...]:
    """The row with its JSON as text, for COPY."""
    return tuple(msgspec.json.encode(value).decode() if isinstance(value, dict | list) else value for value in row)


async def print_ratio(domicile: Domicile, one: Database, count: int, reader: MemberId) -> None:
    async def ours() -> None:
        page = await domicile.timelines.home(reader, make_bounds(20))
        assert page.complete and len(page.items) == 20, (page.complete, len(page.items))

    async def limit() -> None:
        assert len(await one.run(ONE, (reader,))) == 20

    for clients in (1, 8):
        repeat = 1200 if count < 1000 else 200
        rate, p50, p99 = await measure(ours, clients, repeat)
        best, best50, best99 = await measure(limit, clients, repeat)
        print(
            f"{count:5} followees, {clients} at once: {rate:6.0f}/s p50 {p50:6.1f} ms p99 {p99:6.1f} ms"
            f"   one SQL {best:6.0f}/s p50 {best50:6.1f} ms p99 {best99:6.1f} ms   ratio {p50 / best50:5.2f}"
        )
    share = await border_share(ours, 100)
    print(f"{count:5} followees: the border's share of the time is {share:.1%}")


async def print_requests(domicile: Domicile, reader: MemberId) -> None:
    """The whole way: token, timeline, shapes, HTTP; the client runs in another process."""
    app = await domicile.access.register_app("benchmark", ["urn:ietf:wg:oauth:2.0:oob"], "read", None)
    token = await domicile.access.new_token(reader, app.client_id, "read")
    stop, up = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(domicile, stop, up.set))
    await up.wait()
    for clients in (1, 8):
        client = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--client", str(domicile.config.port), str(clients), token
        )
        await client.wait()
    stop.set()
    await serving


async def ask_over_http(port: int, clients: int, token: str, total: int = 1600) -> None:
    """Ask for the home timeline `total` times over kept connections, and print how quickly it came."""
    path = "/api/v1/timelines/home?limit=20"
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    taken: list[float] = []

    async def client(times: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(times):
            start = time.perf_counter()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            taken.append((time.perf_counter() - start) * 1e3)
        writer.close()

    await client(50)
    taken.clear()
    start = time.perf_counter()
    await asyncio.gather(*(client(total // clients) for _ in range(clients)))
    seconds = time.perf_counter() - start
    taken.sort()
    p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
    rate = len(taken) / seconds
    print(f"   44 followees over HTTP, {clients} at once: {rate:6.0f} requests/s p50 {p50:6.1f} ms p99 {p99:6.1f} ms")


async def measure(work: Callable[[], Awaitable[None]], clients: int, repeat: int) -> tuple[float, float, float]:
    """Requests a second, and p50 and p99 in ms."""
    taken: list[float] = []

    async def client() -> None:
        for _ in range(repeat // clients):
            start = time.perf_counter()
            await work()
            taken.append((time.perf_counter() - start) * 1e3)

    await work()
    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - start
    taken.sort()
    return len(taken) / seconds, taken[len(taken) // 2], taken[int(len(taken) * 0.99)]


async def border_share(work: Callable[[], Awaitable[None]], repeat: int) -> float:
    """Time inside licences, masks and the messages' encoding and decoding, over all of the time."""
    spent = 0.0

    def timed(function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*args: object, **named: object) -> object:
            nonlocal spent
            start = time.perf_counter()
            try:
                return function(*args, **named)
            finally:
                spent += time.perf_counter() - start

        return wrapper

    kept = Desk.license, crossing.mask, crossing.encode, crossing.decode
    Desk.license = timed(kept[0])
    crossing.mask, crossing.encode, crossing.decode = map(timed, kept[1:])
    start = time.perf_counter()
    for _ in range(repeat):
        await work()
    whole = time.perf_counter() - start
    Desk.license, crossing.mask, crossing.encode, crossing.decode = kept
    return spent / whole


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=5100)
    parser.add_argument("--client", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.client:
        uvloop.run(ask_over_http(int(chosen.client[0]), int(chosen.client[1]), chosen.client[2]))
    else:
        uvloop.run(main(chosen.members))
