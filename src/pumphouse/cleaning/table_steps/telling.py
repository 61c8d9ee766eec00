"""Whether a column alone tells another one: a label that it was made from, or that was known only afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pumphouse.cleaning.table_steps.samples import codes, numpy

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

AUC_MIN = 0.99
"""From here on a number that ranks the answers alone tells them."""
CORRELATION_MIN = 0.999
MISTAKES_MAX = 0.01
"""The share of the rarer answers that a rule may get wrong and still tell the label."""
ROWS_MIN = 20
"""Of each answer, and of each value on average; with fewer, chance alone separates them."""
ANSWERS_MAX = 100
"""A label that is no number and has more answers than these is none."""


def tells(column: pa.ChunkedArray, label: pa.ChunkedArray) -> str | None:
    """How the column alone tells the label, in words; None where it does not. Rows without a label do not count."""
    import pyarrow as pa

    there = label.is_valid()
    column, label = column.filter(there), label.filter(there)
    answers, count = codes(label)
    np = numpy("finding columns that tell a label")
    often = np.bincount(answers, minlength=count) if count else np.zeros(0, dtype=np.int64)
    is_number = pa.types.is_integer(label.type) or pa.types.is_floating(label.type) or pa.types.is_decimal(label.type)
    if count > 2 and is_number:
        return _correlated(column, label)
    if not 2 <= count <= ANSWERS_MAX or int(often.min()) < ROWS_MIN:
        return None
    rarer = int(len(answers) - often.max())
    values, different = codes(column)
    by_gaps = _mistakes((values < 0).astype(np.int64), answers, 2, count)
    if min(int((values < 0).sum()), int((values >= 0).sum())) >= ROWS_MIN and by_gaps <= MISTAKES_MAX * rarer:
        return f"whether it is null tells it but for {by_gaps} of {len(answers)} rows"
    if different >= 2 and different * ROWS_MIN <= len(answers):
        mistakes = _mistakes(values + 1, answers, different + 1, count)
        if mistakes <= MISTAKES_MAX * rarer:
            return f"its {different} values tell it but for {mistakes} of {len(answers)} rows"
    if count == 2 and (numbers := _numbers(column)) is not None:
        valid = np.isfinite(numbers)
        ranks = _auc(numbers[valid], answers[valid])
        if max(ranks, 1 - ranks) >= AUC_MIN:
            return f"it tells one answer from the other {max(ranks, 1 - ranks):.1%} of the time"
    return None


def _mistakes(values: NDArray[np.int64], answers: NDArray[np.int64], different: int, count: int) -> int:
    """The rows that are not of the most frequent answer for their value."""
    np = numpy("finding columns that tell a label")
    table = np.bincount(values * count + answers, minlength=different * count).reshape(different, count)
    return int(table.sum() - table.max(axis=1).sum())


def _correlated(column: pa.ChunkedArray, label: pa.ChunkedArray) -> str | None:
    np = numpy("finding columns that tell a label")
    values, wanted = _numbers(column), _numbers(label)
    if values is None or wanted is None:
        return None
    valid = np.isfinite(values) & np.isfinite(wanted)
    values, wanted = values[valid], wanted[valid]
    if len(values) < ROWS_MIN or values.std() == 0 or wanted.std() == 0:
        return None
    strength = abs(float(np.corrcoef(values, wanted)[0, 1]))
    return f"it is the label but for its scale (correlation {strength:.4f})" if strength >= CORRELATION_MIN else None


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64] | None:
    """The cells as floats, null as NaN; None of what is no number and no time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_date(kind):
        column = pc.cast(column, pa.timestamp("us"))
    if pa.types.is_timestamp(column.type):
        column = pc.cast(column, pa.int64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return None
    cells = pc.cast(column, pa.float64(), safe=False).combine_chunks()
    floats: NDArray[np.float64] = cells.to_numpy(zero_copy_only=False)
    return floats


def _auc(values: NDArray[np.float64], answers: NDArray[np.int64]) -> float:
    """The chance that one answer has the higher value, equal ones counted half; a half where too few tell it."""
    np = numpy("finding columns that tell a label")
    positives = int(answers.sum())
    negatives = len(answers) - positives
    if min(positives, negatives) < ROWS_MIN:
        return 0.5
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[answers == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))
