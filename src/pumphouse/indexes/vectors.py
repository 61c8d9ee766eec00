"""Vectors of a table's text, beside its index: kept by row id, made once for each text by a function of the user's.

They are Parquet files that never change. A state, of one snapshot, is a list of steps: each has ids that went, and
vectors of rows that came; what a later step says of a row counts. A text that has a vector already, in another row or
another state, is never asked about again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError, LakeBusy, LakeError, PumphouseError, UnknownName
from pumphouse.lake import rowids
from pumphouse.lake.disk import folder_to_disk, to_disk
from pumphouse.lake.lake import Lake
from pumphouse.lake.locks import held

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

Embed = Callable[[list[str]], Any]
"""A function of the user's: for each text a row of numbers, as lists or as an array of NumPy."""

TEXTS_AT_ONCE = 256
"""How many texts the function is asked about at a time."""
DIMENSION_MAX = 8_192
STATES_MAX = 4
"""How many states are kept: the newest, and those that still have readers."""
MERGED_UP_TO = 2
"""A step is merged with those after it while it has at most so many times their rows."""
DEAD_SHARE_MAX = 0.2
"""Of all vectors; beyond it those that are alive are written anew."""
SCANNED_ROWS_MAX = 200_000
"""How many rows that no state has right may be looked at for one search."""
WAIT_S = 60.0
_FILE = "vectors.json"
_ROWS_AT_ONCE = 16_384


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Ids that went, and files of the vectors of rows that came after that."""

    gone: str | None
    files: tuple[str, ...]
    rows: int
    ids: int
    """How many are in `gone`."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The vectors of a table at one snapshot."""

    snapshot: int
    version: int
    """The table's, by which it is told whether it is still the same."""
    hidden: int
    """The snapshot of the last tombstone that hid somebody in it."""
    steps: tuple[Step, ...]

    def is_of(self, lake: Lake, table: str, *, snapshot: int) -> bool:
        """Whether the table has the same rows at a snapshot."""
        now = lake.versions(snapshot=snapshot)[table], lake.hidden_at(table, snapshot=snapshot)
        return (self.version, self.hidden) == now


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of one index: states, the oldest first, made by one version of the function."""

    code: str
    """A digest of the function."""
    text: tuple[str, ...]
    """The columns whose text is embedded."""
    dimension: int
    states: tuple[State, ...]
    spare: tuple[str, ...] = ()
    """Files of vectors that a build made before it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The nearest rows, the nearest first; `without` counts rows with a text that has no vector yet."""

    ids: tuple[int, ...]
    without: int


def follow(
    lake: Lake,
    name: str,
    *,
    table: str,
    text: Sequence[str],
    embed: Embed,
    code: str,
    snapshot: int,
    is_full: bool,
    progress: Callable[[int], None],
) -> int:
    """Bring the vectors of an index to a snapshot; how many texts the function was asked about.

    Raises BuildError where the function fails or gives what are no vectors; those that it gave before are kept, and the
    next build goes on from there.
    """
    folder = _home(lake, name)
    folder.mkdir(parents=True, exist_ok=True)
    before, digest = _current(folder)
    usable = before if before and not is_full and (before.code, before.text) == (code, tuple(text)) else None
    version, hidden = lake.versions(snapshot=snapshot)[table], lake.hidden_at(table, snapshot=snapshot)
    newest = usable.states[-1] if usable and usable.states else None
    if newest and newest.is_of(lake, table, snapshot=snapshot):
        return 0
    work = _Work(lake=lake, table=table, text=tuple(text), folder=folder, snapshot=snapshot)
    ids = _differing(lake, table, newest, snapshot=snapshot) if newest else None
    known = [*_files(usable.states), *usable.spare] if usable else []
    made = _Made(folder, dimension=usable.dimension if usable else 0, embed=embed, index=name, progress=progress)
    try:
        with work.new(ids) as connection:
            kept = work.taken_over(connection, known)
            made.add(work.missing(connection, known))
    except BaseException:
        if made.close():
            spare = (*(usable.spare if usable else ()), *made.files)
            states = usable.states if usable else ()
            left = Held(code=code, text=tuple(text), dimension=made.dimension, states=states, spare=spare)
            _swap(folder, left, before=digest, index=name)
        raise
    made.close()
    files = (*kept, *made.files)
    if newest and ids is not None and not len(ids):
        steps = newest.steps
    else:
        gone = _written(folder, ids) if ids is not None else None
        step = Step(gone=gone, files=files, rows=_count(lake, folder, files), ids=len(ids) if ids is not None else 0)
        steps = _merged(lake, folder, (*newest.steps, step) if newest and ids is not None else (step,))
    state = State(snapshot=snapshot, version=version, hidden=hidden, steps=steps)
    states = (*(usable.states if usable else ()), state)[-STATES_MAX:]
    now = Held(code=code, text=tuple(text), dimension=made.dimension, states=states)
    _swap(folder, now, before=digest, index=name)
    return made.asked


def covers(lake: Lake, name: str, *, table: str, text: Sequence[str], code: str, snapshot: int) -> bool:
    """Whether the newest vectors of an index are those of a snapshot, made by this version of the function."""
    current, _ = _current(_home(lake, name))
    if current is None or not current.states or (current.code, current.text) != (code, tuple(text)):
        return False
    newest = current.states[-1]
    return newest.is_of(lake, table, snapshot=snapshot)


def nearest(
    lake: Lake,
    name: str,
    *,
    table: str,
    question: str,
    embed: Embed,
    code: str,
    snapshot: int,
    among: pa.Table | None,
    is_part: bool = False,
    count: int,
) -> Near:
    """The `count` rows at a snapshot whose text is nearest to a question, by the cosine of the angle; all are compared.

    `among` has ids, `_rowid`, of the only rows that are asked about. With `is_part` there is nothing else for whoever
    asks: a row that came since has no vector, also where another one has the same text. Raises UnknownName where there
    are no vectors yet, LakeError where the function fails, or where more rows differ from a state than one search may
    look at.
    """
    folder = _home(lake, name)
    current, _ = _current(folder)
    if current is None or not current.states or current.code != code:
        was = "was never built" if current is None else "was built with another function, or is not whole yet"
        raise UnknownName(f"index '{name}' {was}", asset=name, mend=f"Build it: pumphouse run {name}")
    try:
        asked = _vectors(embed, [question], dimension=current.dimension or None)[0]
    except _NoVectors as error:
        raise LakeError(str(error), asset=name, mend="Without semantic=True it is searched by words alone.") from error
    right = [one for one in current.states if one.is_of(lake, table, snapshot=snapshot)]
    state, is_right = min(right or current.states, key=lambda one: abs(one.snapshot - snapshot)), bool(right)
    ids = None if is_right else _differing(lake, table, state, snapshot=snapshot)
    if is_part and among is not None and not is_right:
        ids = _both(ids, among.column("_rowid"))
    if not is_right and (len(ids) if ids is not None else lake.count(table, snapshot=snapshot)) > SCANNED_ROWS_MAX:
        raise LakeError(
            f"the vectors of index '{name}' cover snapshot {state.snapshot}, and too many rows differ at {snapshot}",
            asset=name,
            mend=f"Build it: pumphouse run {name}. Without semantic=True it is searched by words alone.",
        )
    work = _Work(lake=lake, table=table, text=current.text, folder=folder, snapshot=snapshot)
    vectors = _alive(folder, state.steps)
    with work.new(ids, is_read=not is_right) as connection:
        without = 0
        if not is_right:
            taken = work.taken([] if is_part else _files(current.states))
            rest = f"FROM ({vectors}) WHERE _rowid NOT IN (SELECT id FROM _only)" if ids is not None else "LIMIT 0"
            vectors = f"{taken} UNION ALL (SELECT _rowid, sha, vector {rest})" if ids is not None else taken
            without = connection.execute(
                f"SELECT count(*) FROM _new WHERE _rowid NOT IN (SELECT _rowid FROM ({taken}))"
            ).fetchall()[0][0]
        where = ""
        if among is not None:
            connection.register("_among", among)
            where = " WHERE _rowid IN (SELECT _rowid FROM _among)"
        rows = connection.execute(
            "SELECT _rowid, list_inner_product(vector, CAST(? AS FLOAT[])) AS score"
            f" FROM ({vectors}){where} ORDER BY score DESC, _rowid LIMIT {count}",
            [asked.tolist()],
        ).fetchall()
    return Near(ids=tuple(row[0] for row in rows), without=without)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A table's texts at a snapshot, and those that have a vector already."""

    lake: Lake
    table: str
    text: tuple[str, ...]
    folder: Path
    snapshot: int

    @contextmanager
    def new(self, ids: pa.Array | None, *, is_read: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with the temporary table `_new`: of each row with text, of these ids or all, a digest of it."""
        import pyarrow as pa

        engine = self.lake.engine.fork()
        connection = engine.connection
        try:
            if ids is not None:
                connection.register("_only", pa.table({"id": ids}))
            if is_read:
                only = "WHERE _rowid IN (SELECT id FROM _only)" if ids is not None else ""
                connection.execute(
                    f"CREATE OR REPLACE TEMP TABLE _new AS SELECT _rowid, sha FROM ({self._texts(only)})"
                )
            yield connection
        finally:
            connection.execute("DROP TABLE IF EXISTS _new")
            engine.close()

    def taken(self, files: Sequence[str]) -> str:
        """SQL of the rows of `_new` whose text has a vector in one of the files."""
        if not files:
            return "(SELECT _rowid, sha, CAST([] AS FLOAT[]) AS vector FROM _new WHERE false)"
        known = f"SELECT sha, any_value(vector) AS vector FROM {_read(self.folder, files)} SEMI JOIN _new USING (sha)"
        return f"(SELECT _rowid, sha, vector FROM _new JOIN ({known} GROUP BY sha) USING (sha))"

    def taken_over(self, connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> tuple[str, ...]:
        """A file of the vectors that are there already; none where there are none."""
        if not files:
            return ()
        name = f"{uuid4().hex}.parquet"
        _copy(connection, self.taken(files), self.folder / name)
        return (name,)

    def missing(self, connection: duckdb.DuckDBPyConnection, files: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Rows with their digests and texts that have no vector, a few at a time."""
        known = f"WHERE sha NOT IN (SELECT sha FROM {_read(self.folder, files)})" if files else ""
        only = f"WHERE _rowid IN (SELECT _rowid FROM _new {known})"
        query = f"SELECT _rowid, sha, text FROM ({self._texts(only)})"
        yield from connection.execute(query).to_arrow_reader(TEXTS_AT_ONCE)

    def _texts(self, only: str) -> str:
        columns = ", ".join(f"CAST({quoted(column)} AS VARCHAR)" for column in self.text)
        scan = self.lake.scan(self.table, snapshot=self.snapshot, row_ids=True)
        texts = f"SELECT _rowid, trim(concat_ws(chr(10), {columns})) AS text FROM ({scan.relation}) {only}"
        return f"SELECT _rowid, sha256(text) AS sha, text FROM ({texts}) WHERE text <> ''"


class _NoVectors(Exception):
    """What a function gave are no vectors, or it gave none; the text says why."""


class _Made:
    """A file of new vectors, opened with the first of them."""

    def __init__(
        self, folder: Path, *, dimension: int, embed: Embed, index: str, progress: Callable[[int], None]
    ) -> None:
        self.dimension, self.asked = dimension, 0
        self.files: tuple[str, ...] = ()
        self._folder, self._embed, self._index, self._progress = folder, embed, index, progress
        self._writer: Any = None  # of pyarrow, which is not imported for a search by words

    def add(self, batches: Iterator[pa.RecordBatch]) -> None:
        """Ask for the vectors of these rows, for each text once in a batch."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for batch in batches:
            if not batch.num_rows:
                continue
            encoded = batch.column("text").dictionary_encode()
            texts = encoded.dictionary.to_pylist()
            try:
                found = _vectors(self._embed, texts, dimension=self.dimension or None)
            except _NoVectors as error:
                raise BuildError(
                    str(error),
                    asset=self._index,
                    mend="The index of words is there and answers. Mend the function and run it again: "
                    "it goes on from here.",
                ) from error
            self.dimension, self.asked = found.shape[1], self.asked + len(texts)
            values = found[encoded.indices.to_numpy()]
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), self.dimension)
            table = pa.table({"_rowid": batch.column("_rowid"), "sha": batch.column("sha"), "vector": vectors})
            if self._writer is None:
                name = f"{uuid4().hex}.parquet"
                self._writer = pq.ParquetWriter(
                    self._folder / name, table.schema, compression="none", use_dictionary=False
                )
                self.files = (name,)
            self._writer.write_table(table)
            self._progress(self.asked)

    def close(self) -> bool:
        """End the file; whether there is one."""
        if self._writer is not None:
            self._writer.close()
            with (self._folder / self.files[0]).open("rb") as file:
                to_disk(file)
        return self._writer is not None


def _vectors(embed: Embed, texts: list[str], *, dimension: int | None) -> np.ndarray[Any, Any]:
    """A row of length 1 for each text. Raises _NoVectors where the function fails, or gives something else."""
    import numpy as np

    try:
        given = embed(texts)
        found = np.asarray(given, dtype=np.float64)
    except PumphouseError:
        raise
    except Exception as error:  # whatever code of the user's raises is told as its own
        raise _NoVectors(f"the function that embeds texts failed: {type(error).__name__}: {error}") from error
    if found.ndim != 2 or len(found) != len(texts):
        got = f"an array of the shape {found.shape}" if found.ndim != 2 else f"{len(found):,} vectors"
        raise _NoVectors(f"the function that embeds texts gave {got} for {len(texts):,} texts")
    if not 1 <= found.shape[1] <= DIMENSION_MAX:
        raise _NoVectors(f"a vector has 1 to {DIMENSION_MAX:,} numbers, not {found.shape[1]:,}")
    if dimension is not None and found.shape[1] != dimension:
        raise _NoVectors(f"the function that embeds texts gave vectors of {found.shape[1]} numbers, before {dimension}")
    if not np.isfinite(found).all():
        raise _NoVectors("the function that embeds texts gave a vector with a number that is not finite")
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return (found / np.where(lengths == 0, 1.0, lengths)).astype(np.float32)


def _differing(lake: Lake, table: str, state: State, *, snapshot: int) -> pa.Array | None:
    """The ids of rows that are not the same as in a state; None where nobody knows."""
    import numpy as np
    import pyarrow as pa

    if lake.owner(table, snapshot) is not lake:
        return None
    known = rowids.differing(lake, table, one=state.snapshot, other=snapshot)
    if known is None or lake.hidden_at(table, snapshot=snapshot) == state.hidden:
        return known.ids if known is not None else None
    hidden = rowids.hidden(lake, table, snapshot=snapshot)
    return pa.array(np.union1d(known.ids.to_numpy(), hidden.to_numpy()), pa.int64())


def _both(ids: pa.Array | None, among: pa.ChunkedArray) -> pa.Array:
    """Those of the ids that are among these; None are all."""
    import numpy as np
    import pyarrow as pa

    own = among.to_numpy()
    return pa.array(own if ids is None else np.intersect1d(ids.to_numpy(), own), pa.int64())


def _alive(folder: Path, steps: Sequence[Step]) -> str:
    """SQL of the rows that steps come to: `_rowid`, `sha`, `vector`."""
    parts = [
        f"SELECT _rowid, sha, vector, {number} AS step FROM {_read(folder, step.files)}"
        for number, step in enumerate(steps)
        if step.files
    ]
    went = [
        f"SELECT id, {number} AS step FROM {_read(folder, [step.gone])}"
        for number, step in enumerate(steps)
        if step.gone and number
    ]
    if not parts:
        return "SELECT CAST(0 AS BIGINT) AS _rowid, '' AS sha, CAST([] AS FLOAT[]) AS vector WHERE false"
    came = " UNION ALL ".join(parts)
    if not went:
        return f"SELECT _rowid, sha, vector FROM ({came})"
    gone = f"SELECT id, max(step) AS gone FROM ({' UNION ALL '.join(went)}) GROUP BY id"
    return (
        f"SELECT _rowid, sha, vector FROM ({came}) LEFT JOIN ({gone}) ON _rowid = id WHERE gone IS NULL OR gone <= step"
    )


def _merged(lake: Lake, folder: Path, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same in fewer steps, of sizes that grow, of which few vectors are dead."""
    first, after = len(steps) - 1, steps[-1].rows + steps[-1].ids
    while first and steps[first - 1].rows + steps[first - 1].ids <= MERGED_UP_TO * after:
        first -= 1
        after += steps[first].rows + steps[first].ids
    engine = lake.engine.fork()
    try:
        if len(steps) > 1:
            alive = engine.execute(f"SELECT count(*) FROM ({_alive(folder, steps)})")[0][0]
            if alive < (1 - DEAD_SHARE_MAX) * sum(step.rows for step in steps):
                first = 0
        if first == len(steps) - 1:
            return steps
        name, gone, tail = f"{uuid4().hex}.parquet", None, steps[first:]
        _copy(engine.connection, f"({_alive(folder, tail)})", folder / name)
        went = [step.gone for step in tail if step.gone]
        ids = 0
        if first and went:
            gone = f"{uuid4().hex}.parquet"
            _copy(engine.connection, f"(SELECT DISTINCT id FROM {_read(folder, went)})", folder / gone)
            ids = engine.execute(f"SELECT count(*) FROM {_read(folder, [gone])}")[0][0]
        rows = engine.execute(f"SELECT count(*) FROM {_read(folder, [name])}")[0][0]
        return (*steps[:first], Step(gone=gone, files=(name,), rows=rows, ids=ids))
    finally:
        engine.close()


def _copy(connection: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    connection.execute(
        f"COPY (SELECT * FROM {query}) TO {literal(str(target))}"
        f" (FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE {_ROWS_AT_ONCE})"
    )
    with target.open("rb") as file:
        to_disk(file)


def _written(folder: Path, ids: pa.Array) -> str:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = f"{uuid4().hex}.parquet"
    pq.write_table(pa.table({"id": ids}), folder / name)
    return name


def _count(lake: Lake, folder: Path, files: Sequence[str]) -> int:
    if not files:
        return 0
    return int(lake.engine.fork().execute(f"SELECT count(*) FROM {_read(folder, files)}")[0][0])


def _read(folder: Path, files: Sequence[str]) -> str:
    return f"read_parquet([{', '.join(literal(str(folder / name)) for name in files)}])"


def _files(states: Sequence[State]) -> list[str]:
    return list(dict.fromkeys(name for state in states for step in state.steps for name in step.files))


def _home(lake: Lake, name: str) -> Path:
    return lake.folder / "indexes" / name / "vectors"


def _current(folder: Path) -> tuple[Held | None, str]:
    """What is kept, and a digest of it; None where nothing is, or where it can't be read: it is made anew."""
    try:
        data = (folder / _FILE).read_bytes()
    except FileNotFoundError:
        return None, ""
    digest = hashlib.sha256(data).hexdigest()
    try:
        found = msgspec.json.decode(data, type=Held)
    except msgspec.DecodeError:
        return None, digest
    named = [*_files(found.states), *found.spare, *(s.gone for one in found.states for s in one.steps if s.gone)]
    return (found if all((folder / name).is_file() for name in named) else None), digest


def _swap(folder: Path, now: Held, *, before: str, index: str) -> None:
    """Let this be what is kept. Files that it does not name are removed. Raises LakeBusy where somebody was faster."""
    with held(folder / ".lock", purpose=f"the vectors of '{index}'", wait_s=WAIT_S):
        if _current(folder)[1] != before:
            raise LakeBusy(f"another run has built '{index}' meanwhile", mend="Run it again: it goes on from there.")
        scratch = folder / f".{_FILE}"
        with scratch.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(now), indent=2))
            to_disk(file)
        scratch.replace(folder / _FILE)
        folder_to_disk(folder)
        named = {*_files(now.states), *now.spare, *(s.gone for one in now.states for s in one.steps if s.gone)}
        for left in folder.glob("*.parquet"):
            if left.name not in named:
                left.unlink(missing_ok=True)
