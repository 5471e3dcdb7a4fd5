"""PostgreSQL, and the only module that imports its driver.

Rule 10 shapes the errors: what the server says about a row may quote its values, so only SQLSTATE and the names of
tables and constraints leave this module, never the message.
"""

import asyncio
import contextlib
import os
import select
import socket
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import AsyncConnection, pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.generators import fetch_many
from psycopg.rows import namedtuple_row
from psycopg.types.json import Json, set_json_dumps, set_json_loads
from psycopg.waiting import Ready, Wait
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from sqlalchemy import Engine, NullPool, create_engine

from domicile.errors import Conflict, DomicileError, InvalidInput, NoRoom, NotResident, TablesChanged, Unavailable

__all__ = ["Json", "conninfo_to_dict", "make_conninfo", "sql"]  # the driver's, for others

Cursor = psycopg.AsyncCursor[Any]
Row = Any  # a named tuple; its shape is the query's
Params = Sequence[Any] | Mapping[str, Any]

FENCED = "55006"  # object_in_use: raised by the fence when the owner is not at home here (design, section 4)
# Planning a page of posts takes four times as long as running it: a reading connection plans each statement once.
_READING = (
    r"-c default_transaction_isolation=repeatable\ read -c default_transaction_read_only=on"
    r" -c plan_cache_mode=force_generic_plan"
)
RESTART_S = 1.0  # how long a request waits for a server that has just gone away
PIECE = 1 << 17  # bytes of a COPY that travel at once
REST_S = 1.0  # how long nobody asks a server that did not come back
SILENT_S = 3.0  # how long a server may be silent before it is asked whether it still answers anybody
CONNECT_S = 5.0  # how long it may take to answer that, or a new connection
CANCEL_S = 1.0  # how long it may take to hear that a statement is not wanted any more
# A server that cannot be reached any more (a cut line) is noticed like one that was killed: libpq, connection options.
_CUT_OFF = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 25_000}
# How PostgreSQL refuses what a session has prepared, and since 18 a function it has planned, on tables as they were.
_REVALIDATES, _REMADE = "RevalidateCachedQuery", "42P13"
# Connection, shutdown and crash, too many connections, lock not available, idle for too long in a transaction.
_LOST = ("08", "57P", "53300", "55P03", "25P03")
_SHORT_OF = {"53100": "disk", "53200": "memory"}


set_json_dumps(lambda value: msgspec.json.encode(value).decode())
set_json_loads(msgspec.json.decode)


def translate(error: psycopg.Error, server: str = "this server") -> DomicileError:
    """The driver's error as one of ours, without the values that the server's message may quote."""
    state = error.sqlstate or ""
    where = ".".join(
        part for part in (error.diag.schema_name, error.diag.table_name, error.diag.constraint_name) if part
    )
    detail = f"PostgreSQL {state or type(error).__name__} {where}".strip()
    if state == FENCED:
        return NotResident(detail)
    if state.startswith("22") or (not state and isinstance(error, psycopg.DataError)):
        return InvalidInput(detail, "Validation failed: a value is out of range or not valid text")
    if not state or state.startswith(_LOST):
        return Unavailable(detail)
    if state.startswith("53"):
        kind = NoRoom if state == "53100" else Unavailable
        return kind(f"{server} has no room left ({_SHORT_OF.get(state, 'resources')}): {detail}")
    if state in ("40001", "40P01", "23505"):
        return Conflict(detail)
    return DomicileError(detail)


class Session:
    """One connection inside one transaction. Queries use `%s` or `%(name)s`; values never become part of the text."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        self._connection = connection

    async def fetch(self, query: str, params: Params | None = None) -> list[Row]:
        cursor = await self._connection.execute(query, params, binary=True)
        return await cursor.fetchall()

    async def one(self, query: str, params: Params | None = None) -> Row | None:
        cursor = await self._connection.execute(query, params, binary=True)
        return await cursor.fetchone()

    async def value(self, query: str, params: Params | None = None) -> Any:
        row = await self.one(query, params)
        return None if row is None else row[0]

    async def execute(self, query: str, params: Params | None = None) -> int:
        """Run a statement; the number of rows it touched."""
        cursor = await self._connection.execute(query, params)
        return cursor.rowcount

    async def send(self, query: str, params: Params | None = None) -> Cursor:
        """Queue a statement in a pipeline; fetch from the cursor later."""
        return await self._connection.execute(query, params, binary=True)

    async def execute_many(self, query: str, rows: Iterable[Params]) -> None:
        async with self._connection.cursor() as cursor:
            try:
                await cursor.executemany(query, rows)
            except AssertionError as error:
                # psycopg 3.3, cancelled as it enters its pipeline, stays in it and says this instead.
                await self._connection.close()
                task = asyncio.current_task()
                if task is None or not task.cancelling():
                    raise
                raise asyncio.CancelledError from error

    async def copy_in(self, table: sql.Composable, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """COPY rows into a table, in text form; returns how many."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, sql.SQL(", ").join(map(sql.Identifier, columns)))
        count = 0
        async with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                await copy.write_row(row)
                count += 1
        return count

    async def copy_to(self, query: str, target: "Session", statement: str, params: Params | None = None) -> int:
        """COPY what `query` finds into `target` by `statement`, as PostgreSQL's own bytes; returns how many bytes."""
        passed = 0
        reading = self._connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)", params)
        writing = target._connection.cursor().copy(f"{statement} FROM STDIN (FORMAT binary)")
        async with reading as source, writing as sink:
            async for block in source:
                await sink.write(block)
                passed += len(block)
        return passed

    async def copy_out(self, query: sql.Composable) -> AsyncGenerator[bytes]:
        """Rows of a query in COPY's binary form, in pieces of some `PIECE` bytes."""
        async with self._connection.cursor() as cursor, cursor.copy(_binary("COPY ({}) TO STDOUT", query)):
            ended = False
            while not ended:
                piece, ended = await self._connection.wait(_drain(self._connection.pgconn))
                yield piece

    async def copy_pieces(self, table: sql.Composable, pieces: AsyncIterator[bytes]) -> int:
        """COPY into a table (with its columns) what `copy_out` gave; returns how many rows."""
        async with self._connection.cursor() as cursor:
            async with cursor.copy(_binary("COPY {} FROM STDIN", table)) as copy:
                async for piece in pieces:
                    await copy.write(piece)
            return cursor.rowcount

    @contextlib.asynccontextmanager
    async def pipeline(self) -> AsyncIterator[None]:
        async with self._connection.pipeline():
            yield


def _drain(connection: pq.abc.PGconn) -> Generator[Wait, Ready | int, tuple[bytes, bool]]:
    """What a COPY has to give, up to `PIECE` bytes, and whether its end was among it.

    Row by row through the driver's own iterator costs more than PostgreSQL needs to read the rows.
    """
    piece = bytearray()
    while len(piece) < PIECE:
        size, data = connection.get_copy_data(1)
        if size > 0:
            piece += data
        elif size == 0:
            if piece:
                break
            yield Wait.R
            connection.consume_input()
        else:
            (result,) = yield from fetch_many(connection)
            if result.status != pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)
            return bytes(piece), True
    return bytes(piece), False


def _binary(statement: str, what: sql.Composable) -> sql.Composed:
    return sql.SQL(f"{statement} (FORMAT BINARY)").format(what)


def array(numbers: Iterable[int]) -> str:
    """Many whole numbers as one parameter, for `%s::bigint[]`: quicker by far than the driver's list."""
    return f"{{{','.join(map(str, numbers))}}}"


def open_engine(conninfo: str) -> Engine:
    """A SQLAlchemy engine for one connection under these credentials, for migrations."""
    return create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo), poolclass=NullPool)


def _has_ended(connection: AsyncConnection[Row]) -> bool:
    """Whether the server has closed an idle connection: only then is there something to read from it."""
    if connection.closed:
        return True
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poller.poll(0))


class _Connection(AsyncConnection[Row]):
    """A connection on which nobody waits for ever: a server that hangs (stopped, swapping, its disk gone) is noticed.

    Long work is no silence: while a statement takes long, the server is asked over a new connection whether it answers
    at all. If not, this one is cut, as if the server had died; what was not committed then never is.
    """

    database: "Database | None" = None
    """None while the pool makes the connection, which has a time-out of its own."""

    async def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        database = self.database
        if database is None:
            return await super().wait(gen, *args, **kwargs)
        watch: asyncio.Task[None] | None = None

        def doubt() -> None:
            nonlocal watch
            watch = asyncio.ensure_future(self._watch(database))

        timer = asyncio.get_running_loop().call_later(database.silent_s, doubt)
        try:
            return await super().wait(gen, *args, **kwargs)
        finally:
            timer.cancel()
            if watch is not None:
                watch.cancel()

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:  # noqa: ASYNC109 - the driver's name
        try:
            await super().cancel_safe(timeout=min(timeout, CANCEL_S))
        except psycopg.errors.CancellationTimeout:
            self._cut()

    async def _watch(self, database: "Database") -> None:
        while await database.answers():  # noqa: ASYNC110 - nobody could tell us
            await asyncio.sleep(database.silent_s)
        self._cut()

    def _cut(self) -> None:
        """Whoever waits on this connection finds it lost."""
        with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(self.pgconn.socket)) as cut:
            cut.shutdown(socket.SHUT_RDWR)


class Database:
    """A pool of connections to one database under one role. `reading`: each only reads, in snapshots.

    `silent_s` and `connect_s`: how long its server may be silent, and then take to answer at all.
    `says`: what each connection says of this process, to whoever looks at pg_stat_activity.
    """

    def __init__(
        self, name: str, conninfo: str, *, size: int = 8, wait_s: float = 5.0, reading: bool = False, says: str = ""
    ) -> None:
        if reading:
            options = conninfo_to_dict(conninfo).get("options") or ""
            conninfo = make_conninfo(conninfo, options=f"{options} {_READING}".strip())
        self.name = name
        self.silent_s, self.connect_s = SILENT_S, CONNECT_S
        said = f"domicile {os.getpid()} {says}".strip()
        self.conninfo = conninfo = make_conninfo(conninfo, application_name=said, **_CUT_OFF)
        self._asking: asyncio.Task[bool] | None = None
        self._reading = reading
        self._size = size
        self._wait_s = wait_s
        self._resting_until = 0.0
        self._pool: AsyncConnectionPool[_Connection] = AsyncConnectionPool(
            conninfo,
            connection_class=_Connection,
            configure=self._watch_over,
            min_size=1,
            max_size=size,
            open=False,
            timeout=wait_s,
            reconnect_timeout=0,
            max_idle=600,
            kwargs={
                "autocommit": True,
                "row_factory": namedtuple_row,
                "prepare_threshold": 2,
                "connect_timeout": int(CONNECT_S),
            },
        )

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close(timeout=2)

    async def answers(self) -> bool:
        """Whether the server answers anybody: everybody who doubts it asks once, together. Refusing is an answer."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.ensure_future(self._ask())
        return await asyncio.shield(self._asking)

    async def _ask(self) -> bool:
        try:
            async with asyncio.timeout(self.connect_s):
                connection = await AsyncConnection.connect(self.conninfo, autocommit=True)
                await connection.close()
        except (TimeoutError, psycopg.errors.ConnectionTimeout):
            self._resting_until = time.monotonic() + REST_S
            await self._pool.drain()  # those that lie idle would only be silent again
            return False
        except psycopg.Error:
            return True
        return True

    async def _watch_over(self, connection: _Connection) -> None:
        connection.database = self

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[_Connection]:
        """A connection that answers: one that died while it lay idle is replaced before anybody has used it."""
        connection = await self.take()
        try:
            yield connection
        except psycopg.Error as error:
            if error.sqlstate == _REMADE or error.diag.source_function == _REVALIDATES:
                await connection.close()
                raise TablesChanged(f"the tables of {self.name} have changed under a prepared statement") from None
            raise translate(error, self.name) from None
        finally:
            await self._give_back(connection)

    async def take(self) -> _Connection:
        """A connection, waiting a little while the server comes back; not at all if it failed to a moment ago."""
        if time.monotonic() < self._resting_until:
            raise Unavailable(f"{self.name} did not answer a moment ago")
        wait_s = RESTART_S if self._resting_until else self._wait_s
        try:
            connection = await self._pool.getconn(timeout=wait_s)
            while _has_ended(connection):
                await connection.close()
                await self._pool.putconn(connection)
                connection = await self._pool.getconn(timeout=min(RESTART_S, wait_s))
        except PoolTimeout as error:
            self._resting_until = time.monotonic() + REST_S
            raise Unavailable(f"no connection to {self.name}") from error
        self._resting_until = 0.0
        return connection

    async def _give_back(self, connection: _Connection) -> None:
        if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
            await connection.close()  # cancelled as it entered or left a pipeline: the next user would be in it
        if not connection.closed and connection.info.transaction_status != pq.TransactionStatus.IDLE:
            with contextlib.suppress(psycopg.Error):
                await connection.rollback()
        await self._pool.putconn(connection)

    @contextlib.asynccontextmanager
    async def transaction(self, begin: str = "BEGIN") -> AsyncIterator[Session]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        async with self._connection() as connection:
            await connection.execute(begin, prepare=False)  # it may be several statements
            try:
                yield Session(connection)
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    await asyncio.shield(connection.rollback())
                raise
            await connection.execute("COMMIT")

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """A REPEATABLE READ, read-only transaction, pipelined: statements travel with the first result asked for.

        Statements of a pipeline up to its end are one transaction by themselves (PostgreSQL, libpq pipeline mode), in
        the connection's own isolation level: a reading pool needs neither BEGIN nor COMMIT.
        """
        async with self._connection() as connection, connection.pipeline():
            if not self._reading:
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Session(connection)
            if not self._reading:
                await connection.execute("COMMIT")

    async def run(self, query: str, params: Params | None = None) -> list[Row]:
        """One statement in a transaction of its own; its rows, if it has any."""
        for _ in range(self._size):  # so many connections may have prepared it before the tables changed
            with contextlib.suppress(TablesChanged):
                return await self._run(query, params)
        return await self._run(query, params)

    async def _run(self, query: str, params: Params | None) -> list[Row]:
        async with self._connection() as connection:
            cursor = await connection.execute(query, params, binary=True)
            has_rows = cursor.pgresult is not None and cursor.pgresult.nfields > 0
            return await cursor.fetchall() if has_rows else []
