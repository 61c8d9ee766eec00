"""One session: what a client says from signing in until it leaves, and what it is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pyarrow as pa

from pumphouse.errors import Cancelled
from pumphouse.server.postgres import commands as c
from pumphouse.server.postgres import messages as m
from pumphouse.server.postgres.asking import Asking
from pumphouse.server.postgres.block import Block
from pumphouse.server.postgres.connection import Connection, Gone
from pumphouse.server.postgres.copying import Copying, copy_format
from pumphouse.server.postgres.hall import Hall
from pumphouse.server.postgres.lexing import STATEMENTS_MAX, TEXT_CHARACTERS_MAX, Piece, statements
from pumphouse.server.postgres.parameters import values_of
from pumphouse.server.postgres.portals import Kept, Portal, Statement, formats_of
from pumphouse.server.postgres.rows import messages_of
from pumphouse.server.postgres.settings import REPORTED, Settings
from pumphouse.server.postgres.signing_in import options_of, sign_in
from pumphouse.server.postgres.sources import Fetched, Made, Source, shown
from pumphouse.server.postgres.sqlstate import INTERNAL, Refused, refusal, response
from pumphouse.server.postgres.types import TEXT, Column, columns_of

CUT_HERE_MAX = 5_000
"""Longer texts are cut into statements where others need not wait for it."""
UNSAID_MAX = 200
"""Answers that are sent together."""
ALL = 2**62
"""More rows than there are."""

log = logging.getLogger("pumphouse.server.postgres")


class Session:
    """A client's session. Everything but `cancel`'s effect happens in the loop's thread."""

    def __init__(self, connection: Connection, hall: Hall) -> None:
        self._connection = connection
        self._hall = hall
        self._settings = Settings()
        self._kept = Kept()
        self._asking = Asking(hall, self._settings)
        self._block = Block()
        self._running: Source | None = None
        self._busy = False
        """Whether a statement is being answered."""
        self._stopped: str | None = None
        """Why what runs is to be stopped."""
        self._ending = False
        self._said: list[bytes] = []
        self._task: asyncio.Task[None] | None = None

    # ---- from elsewhere

    def cancel(self) -> None:
        """Stop the statement that runs, if there is one."""
        self._stop("canceling statement due to user request")

    def end(self) -> None:
        """End the session: the server does."""
        self._ending = True
        self._stop("terminating connection due to administrator command")
        if self._task and not self._busy:
            self._task.cancel()

    def _stop(self, why: str) -> None:
        if self._busy and self._stopped is None:
            self._stopped = why
            for stop in (self._running.cancel if self._running else None, self._asking.starting):
                if stop is not None:
                    stop()

    # ---- the whole of it

    async def run(self) -> None:
        """All of it, until the client leaves or is sent away."""
        self._task = asyncio.current_task()
        process = 0
        self._connection.on_gone = lambda: self._stop("the client is gone")
        try:
            async with asyncio.timeout(self._hall.limits.sign_in_s):
                who = await sign_in(self._connection, self._hall)
            if who is None:
                return
            self._asking.hashed = who.hashed
            process, key = self._hall.enter(self)
            self._asking.process = process
            self._greet(who.who, who.options, process, key)
            await self._serve()
        except Gone:
            pass
        except TimeoutError:
            self._farewell(Refused("it took too long to sign in", state="08006", fatal=True))
        except asyncio.CancelledError:
            if not self._ending:
                raise
            self._farewell(Refused("terminating connection due to administrator command", state="57P01", fatal=True))
        except m.BrokenMessage as error:
            self._farewell(Refused(error.what, state="08P01", fatal=True))
        except Refused as error:
            self._farewell(error)
        except Exception as error:  # the outermost edge
            log.exception("a session failed")
            self._farewell(Refused(refusal(error).what, state=INTERNAL, fatal=True))
        finally:
            self._hall.leave(process)
            self._connection.close()
            await self._close_portals(list(self._kept.portals))

    def _farewell(self, error: Refused) -> None:
        self._connection.write(b"".join(self._said) + response(error))

    def _greet(self, who: str, options: Any, process: int, key: int) -> None:
        settings = self._settings
        settings.start(options_of(options), who=who, zone=self._hall.project.zone)
        self._say(m.AUTHENTICATED)
        for name, spelled in REPORTED.items():
            self._say(m.parameter_status(spelled, settings.show(name)))
        self._say(m.backend_key(process, key))
        self._ready()

    async def _serve(self) -> None:
        skipping = False
        while True:
            limits = self._hall.limits
            if not self._connection.has_unread or len(self._said) > UNSAID_MAX:
                self._flush()
                await self._taken()
            idle_s = limits.idle_s if self._block.status == "I" else limits.idle_in_transaction_s
            try:
                async with asyncio.timeout(idle_s):
                    letter, data = await self._connection.framed(bytes_max=m.MESSAGE_BYTES_MAX)
            except TimeoutError:
                state = "57P05" if self._block.status == "I" else "25P03"
                raise Refused("the session was idle for too long", state=state, fatal=True) from None
            message = m.message(letter, data)
            match message:
                case m.Plain("X"):
                    return
                case m.Plain("S"):
                    skipping = False
                    if self._block.status == "I":
                        await self._close_portals([name for name, one in self._kept.portals.items() if not one.held])
                    self._ready()
                    continue
                case m.Plain("H"):
                    self._flush()
                    continue
                case m.Plain("F"):
                    self._fail(Refused("functions are called in SQL here", state="0A000"))
                    self._ready()
                    continue
                case m.Plain():
                    continue  # data of a COPY that nobody asked for
                case m.Secret():
                    raise m.BrokenMessage("nobody asked for a password")
            if skipping:
                continue
            try:
                await self._answer(message)
            except Refused as error:
                if error.fatal:
                    raise
                self._fail(error)
                if isinstance(message, m.Query):
                    self._ready()
                else:
                    skipping = True

    async def _answer(self, message: m.Message) -> None:
        match message:
            case m.Query():
                await self._query(message.text)
                self._ready()
            case m.Parse():
                await self._told(self._parse(message), message.text)
            case m.Bind():
                await self._bind(message)
            case m.Describe():
                await self._describe(message)
            case m.Execute():
                await self._execute(message)
            case m.Close("S", name):
                self._kept.forget_statement(name)
                self._say(m.CLOSED)
            case m.Close(_, name):
                await self._close_portals([name])
                self._say(m.CLOSED)

    # ---- saying

    def _say(self, data: bytes) -> None:
        self._said.append(data)

    def _flush(self) -> None:
        if self._said:
            self._connection.write(b"".join(self._said))
            self._said.clear()

    async def _taken(self) -> None:
        """Wait until the client has taken nearly all that was sent. Raises Gone where it does not."""
        try:
            async with asyncio.timeout(self._hall.limits.untaken_s):
                await self._connection.drain()
        except TimeoutError:
            self._connection.abort()
            raise Gone from None

    def _ready(self) -> None:
        self._say(m.ready(self._block.status))
        self._flush()
        if self._ending:
            raise Refused("terminating connection due to administrator command", state="57P01", fatal=True)

    def _fail(self, error: Refused) -> None:
        self._say(response(error))
        self._block.fail()

    async def _told(self, work: Awaitable[None], text: str = "", *, at: int = 0) -> None:
        """What it does, with whatever goes wrong said as PostgreSQL says it; it can be cancelled."""
        self._busy, self._stopped = True, "the client is gone" if self._connection.gone else None
        timeout_s = self._settings.timeout_s
        timer = (
            asyncio.get_running_loop().call_later(timeout_s, self._stop, "canceling statement due to statement timeout")
            if timeout_s
            else None
        )
        try:
            await work
        except (Gone, m.BrokenMessage):
            raise
        except Refused as error:
            raise refusal(error, text, at=at) from error
        except Exception as error:
            if self._stopped is not None:
                raise Refused(self._stopped, state="57014", fatal=self._connection.gone) from error
            refused = refusal(error, text, at=at)
            if refused.state == INTERNAL:
                log.exception("a statement failed")
            raise refused from error
        finally:
            self._busy = False
            if timer:
                timer.cancel()

    def _check_stopped(self) -> None:
        if self._stopped is not None:
            raise Cancelled(self._stopped)

    async def _pieces(self, text: str) -> list[Piece]:
        if len(text) > TEXT_CHARACTERS_MAX:
            raise Refused(f"a statement has at most {TEXT_CHARACTERS_MAX:,} characters", state="54000")
        return statements(text) if len(text) < CUT_HERE_MAX else await self._hall.in_thread(statements, text)

    # ---- simple

    async def _query(self, text: str) -> None:
        pieces = await self._pieces(text)
        if len(pieces) > STATEMENTS_MAX:
            raise Refused(f"there are more than {STATEMENTS_MAX} statements", state="54000")
        if not pieces:
            self._say(m.EMPTY_QUERY)
        await self._close_portals([""])
        for piece in pieces:
            await self._told(self._simple(piece), piece.text, at=piece.at)

    async def _simple(self, piece: Piece) -> None:
        statement = Statement(piece=piece, command=c.command_of(piece), oids=())
        portal = Portal(statement=statement)
        try:
            await self._open(portal)
            if portal.source is not None and not isinstance(statement.command, c.Copy):
                columns = portal.source.columns
                self._say(m.row_description(columns, [0] * len(columns)))
            await self._run(portal, ALL)
        finally:
            if portal.source is not None:
                await self._hall.at_the_door(portal.close)

    # ---- extended

    async def _parse(self, message: m.Parse) -> None:
        pieces = await self._pieces(message.text)
        if len(pieces) > 1:
            raise Refused("cannot insert multiple commands into a prepared statement", state="42601")
        piece = pieces[0] if pieces else None
        command = None if piece is None else c.command_of(piece)
        count = max(piece.parameters if piece else 0, len(message.oids))
        if count > m.PARAMETERS_MAX:
            raise Refused(f"a statement has at most {m.PARAMETERS_MAX} parameters", state="54000")
        oids = (*message.oids, *[0] * (count - len(message.oids)))
        statement = Statement(piece=piece, command=command, oids=oids)
        if message.name and piece is not None and command is None:
            # What is kept is looked at now; what is not is bound at once, and looked at then.
            self._block.check(statement)
            await self._hall.in_thread(self._asking.columns, piece, [TEXT] * count)
        self._kept.put_statement(message.name, statement)
        self._say(m.PARSED)

    async def _bind(self, message: m.Bind) -> None:
        statement = self._kept.statement(message.statement)
        self._block.check(statement)
        if len(message.values) != len(statement.oids):
            raise Refused(
                f"bind message supplies {len(message.values)} parameters, but prepared statement"
                f' "{message.statement}" requires {len(statement.oids)}',
                state="08P01",
            )
        if len(message.formats) not in (0, 1, len(message.values)):
            raise Refused("bind message has more or fewer formats than parameters", state="08P01")
        size = sum(len(value) for value in message.values if value is not None)
        if not message.portal:
            await self._close_portals([""])
        self._kept.check_portal(message.portal, size)
        values = values_of(
            message.values,
            message.formats,
            statement.oids,
            lists=statement.piece.lists if statement.piece else (),
        )
        portal = Portal(statement=statement, values=values, formats=message.results, bytes=size)
        self._kept.put_portal(message.portal, portal)
        self._say(m.BOUND)

    async def _describe(self, message: m.Describe) -> None:
        if message.what == "P":
            portal = self._kept.portal(message.name)
            piece = portal.statement.piece
            text, at = (piece.text, piece.at) if piece else ("", 0)
            self._block.check(portal.statement)
            await self._told(self._open(portal), text, at=at)
            if portal.source is None or isinstance(portal.statement.command, c.Copy):
                self._say(m.NO_DATA)
            else:
                columns = portal.source.columns
                self._say(m.row_description(columns, formats_of(portal.formats, len(columns))))
            return
        statement = self._kept.statement(message.name)
        self._block.check(statement)
        await self._told(self._describe_statement(statement), statement.piece.text if statement.piece else "")

    async def _describe_statement(self, statement: Statement) -> None:
        columns: Sequence[Column] | None = None
        command = statement.command
        if isinstance(command, c.Show):
            columns = columns_of(shown(command.name, "").schema)
        elif isinstance(command, c.Fetch) and not command.moves:
            columns = (await self._cursor(command.cursor)).columns
        elif statement.piece is not None and command is None:
            columns, told = await self._hall.in_thread(self._asking.columns, statement.piece, statement.oids)
            statement.described = columns
            statement.oids = tuple(oid or told.get(at, 0) for at, oid in enumerate(statement.oids, start=1))
        self._say(m.parameter_description([oid or TEXT for oid in statement.oids]))
        self._say(m.NO_DATA if columns is None else m.row_description(columns, [0] * len(columns)))

    async def _execute(self, message: m.Execute) -> None:
        portal = self._kept.portal(message.portal)
        piece = portal.statement.piece
        if piece is None:
            self._say(m.EMPTY_QUERY)
            return
        await self._told(self._run_portal(portal, message.rows_max), piece.text, at=piece.at)

    async def _run_portal(self, portal: Portal, rows_max: int) -> None:
        if portal.done and portal.source is None and portal.statement.command is None:
            self._say(m.command_complete("SELECT 0"))
            return
        await self._open(portal)
        await self._run(portal, rows_max if rows_max > 0 else ALL)

    # ---- rows

    async def _open(self, portal: Portal) -> None:
        """Have the portal's rows, where it has some."""
        statement = portal.statement
        self._block.check(statement)
        if portal.source is not None or portal.done or statement.piece is None:
            return
        match statement.command:
            case None:
                portal.source = await self._rows(statement.piece.text, portal.values)
                if statement.described is not None:
                    if len(statement.described) != len(portal.source.columns):
                        raise Refused("cached plan must not change result type", state="0A000", hint="Prepare it anew.")
                    portal.source.columns = statement.described
            case c.Copy() as copy:
                copy_format(copy)
                portal.source = await self._rows(copy.query, portal.values)
            case c.Show() as show:
                value = self._settings.all() if show.name == "all" else self._settings.show(show.name)
                portal.source = Made(shown(REPORTED.get(show.name, show.name), value))
            case c.Fetch(cursor, count, False):
                portal.source = Fetched(await self._cursor(cursor), count)

    async def _rows(self, text: str, values: Sequence[Any]) -> Source:
        source, snapshot = await self._asking.rows(text, values, self._check_stopped)
        if self._block.status == "T" and self._asking.pinned is None:
            self._asking.pinned = snapshot
        if self._stopped is not None:
            await self._hall.at_the_door(source.close)
            self._check_stopped()
        return source

    async def _run(self, portal: Portal, rows_max: int) -> None:
        command = portal.statement.command
        if portal.source is None:
            if not portal.done:
                portal.done = True
                self._say(m.command_complete(await self._do(portal)))
            return
        if isinstance(command, c.Copy):
            sent, done = await self._copy(portal, command)
        else:
            columns = portal.source.columns
            formats = formats_of(portal.formats, len(columns))
            zone = self._settings.zone

            def made(batch: pa.RecordBatch) -> memoryview:
                return messages_of(batch, columns, formats, zone)

            sent, done = await self._send(portal.source, made, rows_max)
        if not done:
            self._say(m.SUSPENDED)
            return
        await self._hall.at_the_door(portal.close)
        tag = {c.Show: "SHOW", c.Fetch: f"FETCH {sent}", c.Copy: f"COPY {sent}"}.get(type(command), f"SELECT {sent}")
        self._say(m.command_complete(tag))

    async def _copy(self, portal: Portal, command: c.Copy) -> tuple[int, bool]:
        assert portal.source is not None
        columns = portal.source.columns
        form = copy_format(command)
        self._say(m.copy_out(len(columns), binary=form.binary))
        self._say(form.head(columns))
        sent, done = await self._send(portal.source, Copying(columns, form, self._settings.zone), ALL)
        self._say(form.tail(sent) + m.COPY_DONE)
        return sent, done

    async def _send(
        self, source: Source, made: Callable[[pa.RecordBatch], memoryview | bytes], rows_max: int
    ) -> tuple[int, bool]:
        """Send rows until there are no more, or as many as were asked for; how many, and whether there are no more."""
        sent = 0
        self._running = source

        def step(most: int) -> tuple[memoryview | bytes, int] | None:
            self._asking.visitor()
            batch = source.take(most)
            if batch is None:
                return None
            try:
                return made(batch), batch.num_rows
            except Exception:
                source.give_back(batch.num_rows)
                raise

        try:
            while sent < rows_max:
                self._check_stopped()
                piece = await self._hall.in_thread(step, rows_max - sent)  # what was taken is sent, and counts
                if piece is None:
                    self._check_stopped()
                    return sent, True
                self._flush()
                self._connection.write(piece[0])
                sent += piece[1]
                await self._taken()
            return sent, False
        finally:
            self._running = None

    async def _cursor(self, name: str) -> Source:
        portal = self._kept.portals.get(name)
        if portal is None or not name:
            raise Refused(f'cursor "{name}" does not exist', state="34000")
        await self._open(portal)
        if portal.source is None:
            raise Refused(f'cursor "{name}" has no rows', state="34000")
        return portal.source

    # ---- commands

    async def _do(self, portal: Portal) -> str:
        """Do what a command says; its tag."""
        command = portal.statement.command
        match command:
            case c.Begin():
                if self._block.status == "I":
                    self._block.status = "T"
                    self._settings.begin()
                else:
                    self._warn("there is already a transaction in progress", "25001")
                return "BEGIN"
            case c.End():
                return await self._end(commits=command.commits)
            case c.Savepoint():
                return self._block.savepoint(command)
            case c.Put():
                self._put(command)
                return command.tag
            case c.Forget():
                return await self._forget(command)
            case c.Declare():
                return await self._declare(command, portal)
            case c.Fetch():
                return await self._move(command)
            case c.Nothing():
                return command.tag
        raise AssertionError(command)

    def _warn(self, text: str, state: str) -> None:
        self._say(m.error_response(state=state, message=text, severity="WARNING"))

    async def _end(self, *, commits: bool) -> str:
        if self._block.status == "I":
            self._warn("there is no transaction in progress", "25P01")
        failed = self._block.end()
        self._asking.pinned = None
        self._report(lambda: self._settings.end(commits=commits and not failed))
        await self._close_portals([name for name, portal in self._kept.portals.items() if name and not portal.held])
        return "COMMIT" if commits and not failed else "ROLLBACK"

    def _put(self, command: c.Put) -> None:
        def change() -> None:
            if command.name is None:
                self._settings.reset()
            else:
                self._settings.put(command.name, command.values, local=command.local and self._block.status == "T")

        self._report(change)

    def _report(self, change: Callable[[], None]) -> None:
        """Change settings, and tell the client of those that it wants to know of."""
        before = {name: self._settings.get(name) for name in REPORTED}
        change()
        for name, spelled in REPORTED.items():
            if (value := self._settings.show(name)) != before[name]:
                self._say(m.parameter_status(spelled, value))

    async def _forget(self, command: c.Forget) -> str:
        if command.what == "all" and self._block.status != "I":
            raise Refused("DISCARD ALL cannot run inside a transaction block", state="25001")
        portals, tag = self._kept.forget(command)
        await self._close_portals(portals)
        if command.what == "all":
            self._report(self._settings.reset)
        return tag

    async def _declare(self, command: c.Declare, portal: Portal) -> str:
        if self._block.status == "I" and not command.hold:
            raise Refused("DECLARE CURSOR can only be used in transaction blocks", state="25P01")
        pieces = statements(command.query)
        if len(pieces) != 1 or c.command_of(pieces[0]) is not None:
            raise Refused("a cursor is declared for a query", state="42601", position=command.at + 1)
        piece = pieces[0]
        self._kept.check_portal(command.name, portal.bytes)
        cursor = Portal(
            statement=Statement(piece=piece, command=None, oids=portal.statement.oids),
            values=portal.values,
            bytes=portal.bytes,
            held=command.hold,
        )
        cursor.source = await self._rows(piece.text, portal.values)
        self._kept.put_portal(command.name, cursor)
        return "DECLARE CURSOR"

    async def _move(self, command: c.Fetch) -> str:
        source = Fetched(await self._cursor(command.cursor), command.count)
        moved = 0
        self._running = source
        try:
            while (batch := await self._hall.in_thread(source.take, ALL)) is not None:
                moved += batch.num_rows
                self._check_stopped()
        finally:
            self._running = None
        return f"MOVE {moved}"

    async def _close_portals(self, names: Sequence[str]) -> None:
        for portal in self._kept.take_portals(names):
            if portal.source is not None:
                await self._hall.at_the_door(portal.close)
