"""Filling gaps with what a model says of the row's other columns. The fitted model is the fit, with how far off it is.

It is a gradient boosting of scikit-learn, kept as a skops archive that is checked before any of it is made: loading it
runs no stranger's code.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar

from pumphouse.cleaning.step import as_text
from pumphouse.cleaning.table_step import FitRow, RowStep
from pumphouse.cleaning.table_steps.samples import sample
from pumphouse.errors import BuildError, MissingExtra
from pumphouse.lake.archives import lasting

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from pumphouse.cleaning.batch import Batch
    from pumphouse.cleaning.staged import Staged

ROWS_MAX = 50_000
"""Rows that a model is fitted on."""
ROWS_MIN = 50
"""With fewer rows that have a value nothing is learnt: there would be less than 10 to measure it on."""
HELD_OUT = 5
"""Each fifth row is left out, to measure how far off the model is."""
CLASSES_MAX = 20
"""Different values of a column that is no number."""
VALUE_ROWS_MIN = 10
"""Rows of one text; of a rarer one a model would only learn those rows by heart."""
SURE = 0.8
ITERATIONS = 100
KNOWN_TYPES = frozenset({"sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"})
"""What is in the archives beside what skops knows by heart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillModel(RowStep):
    """The step that `fill("model", using=[...])` makes."""

    name: ClassVar[str] = "fill"
    on_column: ClassVar[bool] = True
    using: tuple[str, ...]
    sure: float = SURE
    version: str = field(default="1", init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns that the model looks at."""
        return self.using

    @property
    def imputes(self) -> str | None:
        """It is fitted on other rows."""
        return f'fill("model", using={list(self.using)})'

    def fit_name(self, column: str) -> str:
        """What it looks at, and from when on it is sure."""
        return f"fill {column} by a model of {', '.join(self.using)}, sure from {self.sure:g}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """The model as text, with how far off it is; without it where it is no better than a guess."""
        staged.require(column, *self.using)
        for name in self.using:
            if _form(staged.rows.schema.field(name).type) is None:
                kind = staged.rows.schema.field(name).type
                raise BuildError(f"'{column}' can't be filled by a model of '{name}': its type is {kind}")
        kind = staged.rows.schema.field(column).type
        if (form := _form(kind)) is None:
            raise BuildError(f"'{column}' can't be filled by a model: its type is {kind}")
        rows = sample(staged, [column, *self.using], rows_max=ROWS_MAX, known=[column])
        if form == "number":
            rows = rows.filter(_is_finite(rows[column]))
        if rows.num_rows < ROWS_MIN:
            return []
        fitted, evidence = _numbers(self, rows, column) if form == "number" else _classes(self, rows, column)
        value = json.dumps(fitted, ensure_ascii=False) if fitted is not None else None
        return [FitRow(step=self.fit_name(column), column=column, value=value, evidence=evidence)]

    def told(self, fit: Sequence[FitRow]) -> list[str]:
        """How far off it is."""
        filled = {True: "filled by a model", False: "not filled by a model"}
        return [f"{row.column} is {filled[row.value is not None]}: {row.evidence}" for row in fit]

    def operation(self, column: str, fit: Sequence[FitRow]) -> FillByModel:
        """Gaps filled by the model. Raises BuildError where another version of scikit-learn fitted it."""
        written = next((row.value for row in fit), None)
        if written is not None and (by := json.loads(written)["scikit-learn"]) != _version():
            raise BuildError(
                f"the model that fills '{column}' was fitted by scikit-learn {by}, and {_version()} is installed",
                mend="Fit it anew with --refit, or install that version: another one may say something else.",
            )
        return FillByModel(column=column, using=self.using, sure=self.sure, written=written)


def _numbers(step: FillModel, rows: pa.Table, column: str) -> tuple[dict[str, Any] | None, str]:
    """The fitted regressor, and its error beside that of the median."""
    import numpy as np
    import pyarrow as pa

    wanted = _floats(rows[column])
    tested = np.arange(len(wanted)) % HELD_OUT == HELD_OUT - 1
    known, others = wanted[~tested], wanted[tested]
    trial = _fitted(step, rows.filter(pa.array(~tested)), known, regressor=True)
    off = _root_mean_square(trial.numbers(rows.filter(pa.array(tested))) - others)
    guess = _root_mean_square(np.median(known) - others)
    evidence = f"RMSE {off:.4g} against {guess:.4g} for the median, on {len(others)} rows that it was not fitted on"
    if not off < guess:
        return None, evidence
    model = _fitted(step, rows, wanted, regressor=True)
    return {**model.as_json(), "least": float(wanted.min()), "most": float(wanted.max())}, evidence


def _classes(step: FillModel, rows: pa.Table, column: str) -> tuple[dict[str, Any] | None, str]:
    """The fitted classifier, and how often it is right where it is sure, beside the most frequent value."""
    import numpy as np
    import pyarrow as pa

    answers = as_text(rows[column].combine_chunks())
    classes = sorted(set(answers.to_pylist()))
    if not 2 <= len(classes) <= CLASSES_MAX:
        return None, f"a model tells 2 to {CLASSES_MAX} different values apart, and it has {len(classes)}"
    places = {value: place for place, value in enumerate(classes)}
    wanted = np.array([places[value] for value in answers.to_pylist()], dtype=np.float64)
    tested = np.arange(len(wanted)) % HELD_OUT == HELD_OUT - 1
    if len(set(wanted[~tested])) < 2:
        return None, "nearly all of its cells are the same"
    trial = _fitted(step, rows.filter(pa.array(~tested)), wanted[~tested], regressor=False)
    said, chance = trial.answers(rows.filter(pa.array(tested)))
    others, usual = wanted[tested], float(np.bincount(wanted[~tested].astype(np.int64)).argmax())
    is_sure = chance >= step.sure
    right, guessed = int((said == others)[is_sure].sum()), int((others == usual)[is_sure].sum())
    sure = int(is_sure.sum())
    evidence = (
        f"right in {right} of {sure} rows where it is sure, the most frequent value in {guessed}; "
        f"measured on {len(others)} rows that it was not fitted on"
    )
    if right <= guessed:
        return None, evidence
    return {**_fitted(step, rows, wanted, regressor=False).as_json(), "classes": classes}, evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An estimator, and how the columns that it looks at become numbers. It works on one thread, so that the same rows
    give the same bits."""

    estimator: Any  # of scikit-learn
    values: Mapping[str, Mapping[str, float]]
    """Of a column of text: what each value is to the estimator."""
    using: tuple[str, ...]

    def inputs(self, rows: pa.Table | pa.RecordBatch) -> NDArray[np.float64]:
        """The rows as the estimator sees them: NaN for null and for text that it does not know."""
        import numpy as np
        import pyarrow as pa

        columns = []
        for name in self.using:
            column = rows.column(name)
            if name in self.values:
                column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
                encoded = as_text(column).dictionary_encode()
                known = [self.values[name].get(value, float("nan")) for value in encoded.dictionary.to_pylist()]
                column = pa.array([*known], pa.float64()).take(encoded.indices)
            columns.append(_floats(column))
        stacked: NDArray[np.float64] = np.column_stack(columns)
        return stacked

    def fit(self, rows: pa.Table, wanted: NDArray[np.float64]) -> None:
        """Fit the estimator."""
        with _one_thread():
            self.estimator.fit(self.inputs(rows), wanted)

    def numbers(self, rows: pa.Table | pa.RecordBatch) -> NDArray[np.float64]:
        """What a regressor says of each row."""
        with _one_thread():
            found: NDArray[np.float64] = self.estimator.predict(self.inputs(rows))
        return found

    def answers(self, rows: pa.Table | pa.RecordBatch) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The likeliest class of each row, and its chance."""
        import numpy as np

        with _one_thread():
            chances = self.estimator.predict_proba(self.inputs(rows))
        return np.asarray(self.estimator.classes_)[chances.argmax(axis=1)], chances.max(axis=1)

    def as_json(self) -> dict[str, Any]:
        """All of it as values of JSON."""
        data = zlib.compress(lasting(_skops().dumps(self.estimator)), 9)
        return {"scikit-learn": _version(), "values": self.values, "skops": base64.b64encode(data).decode()}


def _fitted(step: FillModel, rows: pa.Table, wanted: NDArray[np.float64], *, regressor: bool) -> Model:
    """A model of the rows."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    except ImportError as error:
        raise MissingExtra("scikit-learn", extra="models", purpose='fill("model")') from error

    make = HistGradientBoostingRegressor if regressor else HistGradientBoostingClassifier
    estimator = make(max_iter=ITERATIONS, early_stopping=False, random_state=0)
    text = [name for name in step.using if _form(rows.schema.field(name).type) == "text"]
    values = {name: _ordered(rows[name], wanted) for name in text}
    model = Model(estimator=estimator, values=values, using=step.using)
    model.fit(rows, wanted)
    return model


def _ordered(column: pa.ChunkedArray, wanted: NDArray[np.float64]) -> dict[str, float]:
    """A number for each text: its place in the order of the mean that goes with it, so that a tree can part them."""
    import numpy as np

    encoded = as_text(column.combine_chunks()).dictionary_encode()
    places = encoded.indices.fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    counts = np.bincount(places, minlength=len(encoded.dictionary) + 1)
    sums = np.bincount(places, weights=wanted, minlength=len(encoded.dictionary) + 1)
    listed = enumerate(encoded.dictionary.to_pylist())
    means = [(float(sums[n] / counts[n]), value) for n, value in listed if counts[n] >= VALUE_ROWS_MIN]
    return {value: float(place) for place, (_, value) in enumerate(sorted(means))}


class FillByModel:
    """`fill("model")` with its model, which is made of its text when the first gap comes."""

    def __init__(self, *, column: str, using: tuple[str, ...], sure: float, written: str | None) -> None:
        self.column = column
        self.using = using
        self.sure = sure
        self.written = written
        self._said: Callable[[pa.RecordBatch, pa.DataType], pa.Array] | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (_fill_by_model, (self.column, self.using, self.sure, self.written))

    def __call__(self, batch: Batch) -> None:
        """Set the column, and add which of its cells were filled."""
        import pyarrow as pa
        import pyarrow.compute as pc

        column = batch.column(self.column)
        beside = pa.RecordBatch.from_arrays([batch.column(name) for name in self.using], names=list(self.using))
        gaps = pc.is_null(column)
        if self.written is None:
            gaps = pc.and_(gaps, pa.scalar(value=False))
        # Of a row of gaps alone a model would only say what is usual.
        gaps = pc.and_(gaps, reduce(pc.or_, [pc.is_valid(one) for one in beside.columns]))
        result = column
        if pc.any(gaps).as_py():
            self._said = self._said or _speaker(json.loads(self.written or ""), self.using, self.sure)
            result = pc.replace_with_mask(column, gaps, self._said(beside.filter(gaps), column.type))
        batch.put(self.column, result, after=self.column)
        batch.put_new(f"{self.column}__filled", pc.and_(gaps, pc.is_valid(result)), after=self.column)


def _fill_by_model(column: str, using: tuple[str, ...], sure: float, written: str | None) -> FillByModel:
    return FillByModel(column=column, using=using, sure=sure, written=written)


def _speaker(
    known: Mapping[str, Any], using: tuple[str, ...], sure: float
) -> Callable[[pa.RecordBatch, pa.DataType], pa.Array]:
    """From rows and the type of the column to what its gaps are filled with; null where it is not sure."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    model = Model(estimator=_loaded(known["skops"]), values=known["values"], using=using)

    def filled(rows: pa.RecordBatch, kind: pa.DataType) -> pa.Array:
        if "classes" in known:
            answers, chances = model.answers(rows)
            said = pa.array(known["classes"], pa.string()).take(pa.array(answers.astype(np.int64)))
            return pc.cast(pc.if_else(pa.array(chances >= sure), said, None), kind)
        numbers = np.clip(model.numbers(rows), known["least"], known["most"])
        return _as(numbers, kind)

    return filled


def _as(numbers: NDArray[np.float64], kind: pa.DataType) -> pa.Array:
    """Numbers as cells of a column: rounded where it has whole ones, or digits."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(kind):
        return pc.cast(pa.array(numbers), kind)
    if pa.types.is_decimal(kind):
        return pc.cast(pc.round(pa.array(numbers), kind.scale), kind, safe=False)
    whole = pc.cast(pc.round(pa.array(numbers)), pa.int64())
    if pa.types.is_timestamp(kind):
        return pc.cast(pc.cast(whole, pa.timestamp("us", kind.tz)), kind, safe=False)
    if pa.types.is_date(kind):
        return pc.cast(pc.cast(pc.cast(whole, pa.int32()), pa.date32()), kind)
    return pc.cast(whole, kind)


def _form(kind: pa.DataType) -> str | None:
    """What a column is to a model: "number" (times too), "text" (true and false too), or nothing."""
    import pyarrow.types as types

    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_timestamp(kind) or types.is_date(kind):
        return "number"
    return "text" if types.is_string(kind) or types.is_boolean(kind) else None


def _floats(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """Cells as floats, null as NaN: a time in microseconds, a date in days."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_date(column.type):
        column = pc.cast(pc.cast(pc.cast(column, pa.date32()), pa.int32()), pa.int64())
    elif pa.types.is_timestamp(column.type):
        column = pc.cast(pc.cast(column, pa.timestamp("us", column.type.tz), safe=False), pa.int64())
    floats = pc.cast(column, pa.float64(), safe=False)
    floats = floats.combine_chunks() if isinstance(floats, pa.ChunkedArray) else floats
    found: NDArray[np.float64] = floats.to_numpy(zero_copy_only=False)
    return found


def _is_finite(column: pa.ChunkedArray) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(np.isfinite(_floats(column)))


def _root_mean_square(numbers: NDArray[np.float64]) -> float:
    import numpy as np

    return float(np.sqrt((numbers**2).mean()))


def _loaded(written: str) -> Any:
    """The estimator in a fit. Raises BuildError where it holds anything that such a fit does not."""
    skops = _skops()
    data = zlib.decompress(base64.b64decode(written))
    unknown = skops.get_untrusted_types(data=data)
    if strange := sorted(set(unknown) - KNOWN_TYPES):
        raise BuildError(
            f"a stored fit holds code that is none of its own: {', '.join(strange)}", mend="Fit it anew with --refit."
        )
    return skops.loads(data, trusted=unknown)


def _one_thread() -> Any:  # the library has no types
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)


def _version() -> str:
    _skops()
    import sklearn

    return str(sklearn.__version__)


def _skops() -> Any:  # the library has no types
    try:
        import skops.io as skops_io
    except ImportError as error:
        raise MissingExtra("skops", extra="models", purpose='fill("model")') from error
    return skops_io
