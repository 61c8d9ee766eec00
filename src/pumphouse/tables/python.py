"""Tables written in Python: a function from tables, in the form it asks for, to a table in any form."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from pumphouse.declare.asset import Asset
from pumphouse.declare.tables import Table
from pumphouse.engines.duckdb import BATCH_ROWS, DuckDB
from pumphouse.engines.engine import Query, Scan, Written
from pumphouse.engines.parameters import quoted
from pumphouse.errors import BuildError, MissingExtra, did_you_mean
from pumphouse.lake.context import Built, Context
from pumphouse.tables import slices
from pumphouse.tables.known import with_declared
from pumphouse.tables.landing import land, staged


def build(asset: Asset, context: Context) -> Built:
    """Call the function with its inputs at the run's snapshot and commit what it returns.

    Raises BuildError where it returns something that is no table, and what `land` raises.
    """
    assert context.declaration is not None  # the project hands it to every kind that is written in Python
    spec: Table = asset.spec
    scans = {name: context.scan(name) for name in asset.inputs if name != asset.name}
    if context.lake.has(asset.name, snapshot=context.snapshot) and asset.name in asset.inputs:
        scans[asset.name] = context.scan(asset.name)
    part = None
    if spec.slice is not None and context.window is not None and context.lake.has(asset.name):
        sliced = [name for name, scan in scans.items() if spec.slice.column in scan.columns]
        if len(sliced) != 1:
            raise BuildError(
                f"'{asset.name}' can't be sliced: {len(sliced)} of its inputs have a column '{spec.slice.column}'",
                asset=asset.name,
                place=asset.place,
                mend="Take 'slice' out of its declaration, or let exactly one input have the column.",
            )
        part = slices.Part(slice=spec.slice, window=context.window)
        scans[sliced[0]] = scans[sliced[0]].where(part.reach(spec.slice.column))
        context = slices.as_built_before(asset, context)
    if context.sample is not None:
        scans = {name: scan.sample(context.sample) for name, scan in scans.items()}
    result = call(asset, context, scans)
    query = Query(text=with_declared("SELECT * FROM result", result.schema, asset), tables={"result": result})
    written = context.lake.engine.fork().write(
        query, folder=context.lake.staging(), stem=f"{asset.name}_{uuid.uuid4().hex}"
    )
    if part is not None:
        _refuse_outside(asset, context, written, part)
    context.progress(written.rows)
    rows_in = sum(context.lake.count(name, snapshot=context.snapshot) for name in scans)
    return land(asset, context, written, rows_in=rows_in, part=part)


def call(asset: Asset, context: Context, scans: dict[str, Scan]) -> Any:  # a table or a reader of batches
    """What the asset's function returns for these inputs, as something Arrow."""
    assert context.declaration is not None
    forms = dict(asset.forms)
    engine = context.lake.engine.fork()
    arguments: dict[str, Any] = {
        name: delivered(scans[name], forms.get(name), engine=engine) if name in scans else None for name in asset.inputs
    }
    settings = {
        name: context.today if name == "today" else context.settings[name]
        for name in asset.settings
        if name in {*context.settings, "today"}
    }
    result = as_arrow(context.declaration(**arguments, **settings), asset=asset)
    _refuse_equal_names(result.schema.names, asset)
    schema = pa.schema([field.with_type(_never_null(field.type)) for field in result.schema])
    return result if schema == result.schema else result.cast(schema)


def delivered(scan: Scan, form: str | None, *, engine: DuckDB) -> Any:
    """A table's rows in the form a parameter asks for; without one a lazy DuckDB relation, never a loaded frame."""
    query = Query(text=f'SELECT * FROM "{scan.table}"', inputs={scan.table: scan.only(scan.columns)})
    match form:
        case None | "duckdb.DuckDBPyRelation":
            return engine.relation(query)
        case "pa.RecordBatchReader":
            return engine.read(query)
        case "pa.Table":
            return engine.read(query).read_all()
        case "pl.DataFrame":
            return _polars().from_arrow(engine.read(query).read_all())
        case "pl.LazyFrame":
            return engine.fork().relation(query).pl(lazy=True)  # polars reads several at once
        case "pd.DataFrame":
            return engine.read(query).read_all().to_pandas()
    raise BuildError(f"a table can't be delivered as {form}")


def as_arrow(result: Any, *, asset: Asset) -> pa.Table | pa.RecordBatchReader:
    """Anything a function may return, as Arrow: a frame, a lazy frame, a relation, batches, or a list of dicts."""
    kind = f"{type(result).__module__.split('.')[0]}.{type(result).__name__}"
    match kind:
        case "pyarrow.Table" | "pyarrow.RecordBatchReader":
            return result
        case "pyarrow.RecordBatch":
            return pa.Table.from_batches([result])
        case "polars.LazyFrame":
            return result.collect(engine="streaming").to_arrow()
        case "polars.DataFrame":
            return result.to_arrow()
        case "pandas.DataFrame":
            return pa.Table.from_pandas(_with_index(result, asset), preserve_index=False)
        case "duckdb.DuckDBPyRelation" | "_duckdb.DuckDBPyRelation":
            return result.to_arrow_reader(BATCH_ROWS)
        case "builtins.list":
            return pa.Table.from_pylist(result)
        case "builtins.generator":
            return _from_generator(result, asset)
    raise BuildError(
        f"'{asset.name}' returned {kind}, which is no table",
        asset=asset.name,
        place=asset.place,
        mend="Return a polars, pandas or Arrow table, a DuckDB relation, or a list of dicts.",
    )


def _with_index(frame: Any, asset: Asset) -> Any:  # pandas.DataFrame, twice
    """The frame with what its index is named, as `groupby` does, as columns before the others.

    An index without a name is left out where it only numbers the rows. Raises BuildError where it says more.
    """
    names = list(frame.index.names)
    if names == [None] and frame.index.inferred_type in ("integer", "empty"):
        return frame
    if None in names:
        raise BuildError(
            f"'{asset.name}' returned a frame whose index has no name, and would be lost",
            asset=asset.name,
            place=asset.place,
            mend="Make it a column: frame.reset_index(names=...), or leave it out: frame.reset_index(drop=True).",
        )
    _refuse_equal_names([*names, *frame.columns], asset)
    return frame.reset_index()


def _refuse_equal_names(names: Iterable[Any], asset: Asset) -> None:
    """Raise BuildError where two columns have one name, or names that SQL does not tell apart."""
    seen: dict[str, str] = {}
    for place, name in enumerate(map(str, names), 1):
        before = seen.setdefault(name.lower(), name)
        if len(seen) < place:
            raise BuildError(
                f"'{asset.name}' returned two columns '{before}' and '{name}'; SQL does not tell them apart",
                asset=asset.name,
                place=asset.place,
                mend="Rename or leave out one of them.",
            )


def _never_null(kind: pa.DataType) -> pa.DataType:
    """The type, with text for what has no value yet and so no type: the values to come are then not held to one."""
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_never_null(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_never_null(field.type)) for field in kind])
    return kind


def _refuse_outside(asset: Asset, context: Context, written: Written, part: slices.Part) -> None:
    """Raise BuildError where the function gave rows outside its window: they would stand beside those already there."""
    column, (first, last) = part.slice.column, part.window or ("", "")
    if column not in written.schema.names:
        raise BuildError(
            f"'{asset.name}' returned no column '{column}', by which it is sliced",
            asset=asset.name,
            place=asset.place,
            mend=did_you_mean(column, written.schema.names) or "Return it, or take 'slice' out of its declaration.",
        )
    text = f"SELECT count(*) AS n, min({quoted(column)}) AS example FROM landing WHERE ({part.where()}) IS NOT TRUE"
    query = Query(text=text, inputs={"landing": staged(written, "landing")})
    found = context.lake.engine.fork().read(query).read_all().to_pylist()[0]
    if found["n"]:
        raise BuildError(
            f"'{asset.name}' was asked for {first} up to {last} and returned {found['n']:,} of its {written.rows:,}"
            f" rows outside, such as {column} = {found['example']}",
            asset=asset.name,
            place=asset.place,
            mend=f"Keep '{column}' as the input has it, or take 'slice' out of the declaration and build it whole.",
        )


def _from_generator(rows: Iterator[Any], asset: Asset) -> pa.RecordBatchReader:
    first = next(rows, None)
    if not isinstance(first, pa.RecordBatch):
        raise BuildError(
            f"'{asset.name}' yielded {type(first).__name__}, not Arrow record batches",
            asset=asset.name,
            place=asset.place,
            mend="Yield pa.RecordBatch, or return a list of dicts.",
        )
    return pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], rows))


def _polars() -> Any:  # the module
    try:
        import polars as pl
    except ImportError as error:
        raise MissingExtra("polars", extra="polars", purpose="A parameter annotated pl.DataFrame") from error
    return pl
