"""What happened around the lake: the run log, the access log, events that arrive one by one, tokens, small memories.

History and arrivals only: nothing here decides what a table holds. Losing the run log loses a story; an event is lost
by nobody, since `append` returns when it is on disk.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pumphouse.lake.databases import Database, Writing
from pumphouse.lake.tokens import Tokens, make_table

KEYS_PER_QUERY = 500
"""Keys that are looked up at once; SQLite takes no more than 32,766 values."""

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, command TEXT NOT NULL, actor TEXT NOT NULL,
    status TEXT NOT NULL, snapshot BIGINT, summary TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS run_builds (
    number {number}, run TEXT NOT NULL, asset TEXT NOT NULL, status TEXT NOT NULL, started TEXT NOT NULL,
    seconds REAL, snapshot BIGINT, note TEXT NOT NULL DEFAULT '', UNIQUE (run, asset));
CREATE TABLE IF NOT EXISTS access (
    number {number}, at TEXT NOT NULL, who TEXT NOT NULL, door TEXT NOT NULL, asset TEXT NOT NULL,
    snapshot BIGINT, rows BIGINT NOT NULL, offered INTEGER NOT NULL, run TEXT, detail TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS access_by_asset ON access (asset, at);
CREATE INDEX IF NOT EXISTS access_by_time ON access (at);
CREATE TABLE IF NOT EXISTS events (
    seq {number}, stream TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE (stream, key));
CREATE INDEX IF NOT EXISTS events_by_stream ON events (stream, seq);
CREATE TABLE IF NOT EXISTS checks (
    number {number}, name TEXT NOT NULL, asset TEXT NOT NULL, at TEXT NOT NULL, run TEXT NOT NULL, snapshot BIGINT,
    status TEXT NOT NULL, severity TEXT NOT NULL, failing BIGINT NOT NULL, said TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS checks_by_asset ON checks (asset, name, number);
CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

COUNTLESS = ("exposures/", "outcomes/", "predictions/")
"""How streams begin whose events are many, and name no stored bytes."""
TEXTS_AT_ONCE = 10_000

_COUNTED = "SELECT coalesce(sum(CASE WHEN key LIKE ? THEN -1 ELSE 1 END), 0) FROM events WHERE stream = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that arrived: an answer, a prediction, an exposure. `seq` grows within the lake."""

    seq: int
    key: str
    at: datetime
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """An event that asks for a place in its stream, which has `most` of them, or any number."""

    stream: str
    key: str
    body: str
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What stands under an arrival's key: its own body where it is new, else an earlier one; None where all is full."""

    body: str | None
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One read: who, through which door, what, which snapshot, how many rows.

    `offered` is set where a lazy form was handed out and the rows that were taken can't be counted. A read that a run
    made for itself names the run, and is not use.
    """

    at: datetime
    who: str
    door: str
    asset: str
    snapshot: int | None
    rows: int
    offered: bool = False
    run: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one person read of one asset through one door: how often, how much, and when last.

    `rows` were consumed; `rows_offered` are those of lazy forms, of which nobody knows how many were taken.
    """

    asset: str
    who: str
    door: str
    reads: int
    rows: int
    rows_offered: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One run in the log. `status` is running, done, failed or stopped."""

    run: str
    started: datetime
    finished: datetime | None
    command: str
    actor: str
    status: str
    snapshot: int | None
    summary: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRecord:
    """What became of one asset in one run. `status` is building, built, unchanged, failed or skipped."""

    run: str
    asset: str
    status: str
    started: datetime
    seconds: float | None
    snapshot: int | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """What a check found once. `status` is passed, failed or undecided; `failing` counts rows.

    `snapshot` is that of the version it looked at; None where the check refused it.
    """

    name: str
    asset: str
    at: datetime
    run: str
    snapshot: int | None
    status: str
    severity: str
    failing: int
    said: str


class State:
    """What a lake remembers beside its tables. Threads, processes and, in PostgreSQL, machines share it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tokens = Tokens(database)
        with self._database.transaction() as db:
            for statement in _TABLES.split(";\n"):
                if statement:
                    db.run(statement)
            make_table(db)

    def append(
        self,
        stream: str,
        events: Sequence[tuple[str, str]],
        *,
        at: datetime | None = None,
        reads: Sequence[Access] = (),
    ) -> int:
        """Store events (key, JSON text), with who read them, and return the newest sequence number of the stream.

        All are on disk when this returns. An event whose key the stream has already is left out: exactly once.
        """
        moment = _text(at or datetime.now(UTC))
        with self._database.transaction() as db:
            _insert(db, [(stream, key, moment, body) for key, body in events], end="ON CONFLICT DO NOTHING")
            _record(db, reads)
            return int(db.one("SELECT coalesce(max(seq), 0) FROM events WHERE stream = ?", [stream]))

    def admit(self, arrivals: Sequence[Arrival], *, at: datetime, freed: str) -> tuple[Place, ...]:
        """Store events while there is room for each in its stream; what stands under their keys now, on disk.

        One transaction for all: many that come at once wait for the disk once. An event whose key ends with `freed`
        gives back the place of the one before that ending, so neither counts.
        """
        with self._database.transaction() as db:
            kept: dict[tuple[str, str], str] = {}
            room: dict[str, int] = {}
            for stream in {one.stream for one in arrivals}:
                keys = {one.key for one in arrivals if one.stream == stream}
                kept |= {(stream, key): body for key, body in self.bodies(stream, [*keys]).items()}
            new: dict[tuple[str, str], Arrival] = {}
            for one in arrivals:
                at_key = one.stream, one.key
                if at_key in kept:
                    continue
                if one.most is not None:
                    if one.stream not in room:
                        room[one.stream] = one.most - int(db.one(_COUNTED, [f"%{freed}", one.stream]))
                    if room[one.stream] <= 0:
                        continue
                    room[one.stream] -= 1
                kept[at_key], new[at_key] = one.body, one
            moment = _text(at)
            _insert(db, [(one.stream, one.key, moment, one.body) for one in new.values()])
        return tuple(
            Place(
                body=kept.get((one.stream, one.key)),
                is_new=new.get((one.stream, one.key)) is one,
            )
            for one in arrivals
        )

    def places_taken(self, stream: str, *, freed: str) -> int:
        """How many places of a stream are taken at this moment, as `admit` counts them."""
        return int(self._database.rows(_COUNTED, [f"%{freed}", stream])[0][0])

    def counted(self, stream: str, *, ending: str) -> tuple[int, int]:
        """How many events of a stream have keys that don't end so, and how many do."""
        ends = "sum(CASE WHEN key LIKE ? THEN 1 ELSE 0 END)"
        ((all_, some),) = self._database.rows(
            f"SELECT count(*), coalesce({ends}, 0) FROM events WHERE stream = ?", [f"%{ending}", stream]
        )
        return int(all_) - int(some), int(some)

    def events(self, stream: str, *, after: int = 0, limit: int = 10_000) -> tuple[Event, ...]:
        """Events of a stream that came after a sequence number, oldest first."""
        rows = self._database.rows(
            "SELECT seq, key, at, body FROM events WHERE stream = ? AND seq > ? ORDER BY seq LIMIT ?",
            [stream, after, limit],
        )
        return tuple(Event(seq=seq, key=key, at=_moment(at), body=body) for seq, key, at, body in rows)

    def bodies(self, stream: str, keys: Sequence[str]) -> dict[str, str]:
        """The JSON text of those events of a stream that have these keys, by key."""
        found: dict[str, str] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), KEYS_PER_QUERY):
            some = wanted[start : start + KEYS_PER_QUERY]
            marks = ", ".join("?" * len(some))
            found |= dict(
                self._database.rows(
                    f"SELECT key, body FROM events WHERE stream = ? AND key IN ({marks})", [stream, *some]
                )
            )
        return found

    def access(self, *reads: Access) -> None:
        """Record reads."""
        with self._database.transaction() as db:
            _record(db, reads)

    def accesses(self, *, asset: str | None = None, since: datetime | None = None) -> tuple[Access, ...]:
        """Recorded reads, oldest first; of one asset, or since a moment."""
        where, values = _where({"asset = ?": asset, "at >= ?": _text(since) if since else None})
        rows = self._database.rows(
            f"SELECT at, who, door, asset, snapshot, rows, offered, run, detail FROM access{where} ORDER BY number",
            values,
        )
        return tuple(
            Access(
                at=_moment(at), who=who, door=door, asset=name, snapshot=snapshot, rows=count, offered=bool(offered),
                run=run, detail=detail,
            )
            for at, who, door, name, snapshot, count, offered, run, detail in rows
        )  # fmt: skip

    def usage(self, *, after: datetime, until: datetime, asset: str | None = None) -> tuple[Usage, ...]:
        """Reads after a moment and up to another, summed for each asset, person and door; a run's own are left out."""
        where, values = _where({"at > ?": _text(after), "at <= ?": _text(until), "asset = ?": asset})
        rows = self._database.rows(
            "SELECT asset, who, door, count(*), sum(CASE offered WHEN 0 THEN rows ELSE 0 END),"
            f" sum(CASE offered WHEN 0 THEN 0 ELSE rows END), max(at) FROM access{where} AND run IS NULL"
            " GROUP BY asset, who, door ORDER BY asset, who, door",
            values,
        )
        return tuple(
            Usage(
                asset=name, who=who, door=door, reads=reads, rows=int(taken), rows_offered=int(offered),
                last_at=_moment(last),
            )
            for name, who, door, reads, taken, offered, last in rows
        )  # fmt: skip

    def texts(self) -> Iterator[str]:
        """All that is remembered, and what answers and messages say: what may name stored bytes."""
        for name, value in self._database.rows("SELECT name, value FROM memory"):
            yield f"{name} {value}"
        others = " AND ".join(f"stream NOT LIKE '{begun}%'" for begun in COUNTLESS)
        last = 0
        while rows := self._database.rows(
            f"SELECT seq, body FROM events WHERE seq > ? AND {others} ORDER BY seq LIMIT {TEXTS_AT_ONCE}", [last]
        ):
            last = rows[-1][0]
            yield from (body for _, body in rows)

    def remember(self, name: str, value: str) -> None:
        """Keep a small text under a name, in place of an earlier one."""
        with self._database.transaction() as db:
            db.run(
                "INSERT INTO memory VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )

    def recall(self, name: str) -> str | None:
        """The text kept under a name, or None."""
        rows = self._database.rows("SELECT value FROM memory WHERE name = ?", [name])
        return rows[0][0] if rows else None

    def make_token(self, who: str, *, scope: str) -> str:
        """A new token for a person, as `tokens.make` makes it."""
        return self.tokens.make(who, scope=scope)

    def run_started(self, run: str, *, command: str, actor: str, at: datetime) -> None:
        """Open a run in the log."""
        with self._database.transaction() as db:
            db.run(
                "INSERT INTO runs (run, started, command, actor, status) VALUES (?, ?, ?, ?, 'running')",
                [run, _text(at), command, actor],
            )

    def run_finished(self, run: str, *, status: str, at: datetime, snapshot: int | None, summary: str) -> None:
        """Close a run in the log."""
        with self._database.transaction() as db:
            db.run(
                "UPDATE runs SET finished = ?, status = ?, snapshot = ?, summary = ? WHERE run = ?",
                [_text(at), status, snapshot, summary, run],
            )

    def build_logged(self, record: BuildRecord) -> None:
        """Write what became of one asset, in place of what was written of it in the same run."""
        with self._database.transaction() as db:
            db.run(
                "INSERT INTO run_builds (run, asset, status, started, seconds, snapshot, note)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, asset) DO UPDATE SET status = excluded.status,"
                " started = excluded.started, seconds = excluded.seconds, snapshot = excluded.snapshot,"
                " note = excluded.note",
                [
                    record.run,
                    record.asset,
                    record.status,
                    _text(record.started),
                    record.seconds,
                    record.snapshot,
                    record.note,
                ],
            )

    def checks_logged(self, *records: CheckRecord) -> None:
        """Write what checks found."""
        with self._database.transaction() as db:
            db.insert(
                "checks (name, asset, at, run, snapshot, status, severity, failing, said)",
                [
                    (r.name, r.asset, _text(r.at), r.run, r.snapshot, r.status, r.severity, r.failing, r.said)
                    for r in records
                ],
            )

    def last_checks(self, asset: str) -> dict[str, CheckRecord]:
        """What each check of an asset found last, by its name."""
        rows = self._database.rows(
            "SELECT name, asset, at, run, snapshot, status, severity, failing, said FROM checks WHERE number IN"
            " (SELECT max(number) FROM checks WHERE asset = ? GROUP BY name) ORDER BY name",
            [asset],
        )
        return {
            name: CheckRecord(
                name=name, asset=of, at=_moment(at), run=run, snapshot=snapshot, status=status, severity=severity,
                failing=failing, said=said,
            )
            for name, of, at, run, snapshot, status, severity, failing, said in rows
        }  # fmt: skip

    def runs(self, *, limit: int = 50) -> tuple[RunRecord, ...]:
        """The newest runs, newest first."""
        rows = self._database.rows(
            "SELECT run, started, finished, command, actor, status, snapshot, summary FROM runs"
            " ORDER BY started DESC, run DESC LIMIT ?",
            [limit],
        )
        return tuple(
            RunRecord(
                run=run, started=_moment(started), finished=_moment(finished) if finished else None, command=command,
                actor=actor, status=status, snapshot=snapshot, summary=summary,
            )
            for run, started, finished, command, actor, status, snapshot, summary in rows
        )  # fmt: skip

    def run_builds(
        self, *, run: str | None = None, asset: str | None = None, limit: int = 1000
    ) -> tuple[BuildRecord, ...]:
        """What became of the assets of a run, or of one asset in its newest runs; newest first."""
        where, values = _where({"run = ?": run, "asset = ?": asset})
        rows = self._database.rows(
            f"SELECT run, asset, status, started, seconds, snapshot, note FROM run_builds{where}"
            " ORDER BY started DESC, number DESC LIMIT ?",
            [*values, limit],
        )
        return tuple(
            BuildRecord(
                run=of,
                asset=name,
                status=status,
                started=_moment(started),
                seconds=seconds,
                snapshot=snapshot,
                note=note,
            )
            for of, name, status, started, seconds, snapshot, note in rows
        )

    def close(self) -> None:
        """Close its connection; the next use opens another."""
        self._database.close()


def _insert(db: Writing, events: Sequence[tuple[str, str, str, str]], *, end: str = "") -> None:
    """Write events. They count on from the clock: what was moved into tables is known by its number.

    So a state that was put back from a copy gives none out again that a later one gave out.
    """
    if events:
        db.count_on("events", time.time_ns() // 1000)
    db.insert("events (stream, key, at, body)", events, end=end)


def _record(db: Writing, reads: Sequence[Access]) -> None:
    db.insert(
        "access (at, who, door, asset, snapshot, rows, offered, run, detail)",
        [(_text(r.at), r.who, r.door, r.asset, r.snapshot, r.rows, int(r.offered), r.run, r.detail) for r in reads],
    )


def _where(conditions: Mapping[str, object]) -> tuple[str, list[object]]:
    """The clause of those conditions that have a value, and the values."""
    given = {condition: value for condition, value in conditions.items() if value is not None}
    return (f" WHERE {' AND '.join(given)}" if given else ""), list(given.values())


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
