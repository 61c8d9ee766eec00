"""Merging rows that are alike: how likely two are one is learnt of the table, without anybody's labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from pumphouse.cleaning.table_step import PAIRS, Applied, FitRow, WholeStep
from pumphouse.cleaning.table_steps.likeness import Like
from pumphouse.cleaning.table_steps.linking import ROWS_TO_LEARN_MIN, compared, found_in, model_of
from pumphouse.cleaning.table_steps.merging import Groups, Keep, merge, survivor_of
from pumphouse.errors import BuildError

if TYPE_CHECKING:
    from pumphouse.cleaning.staged import Staged


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupeAlike(WholeStep):
    """The step that `dedupe(like=...)` makes."""

    name: ClassVar[str] = "dedupe"
    on_column: ClassVar[bool] = False
    like: Like
    threshold: float
    review: float
    keep: Keep
    by: str | None
    gaps: Literal["fill"] | tuple[str, ...]
    version: str = field(default="1", init=False)

    def asks(self, newest_by: str) -> tuple[str, ...]:
        """What is compared, and what says which row is newer."""
        return (*(column for column, _ in self.like), self.by or newest_by)

    def fit_name(self, column: str) -> str:
        """What is compared and how."""
        return f"dedupe like {', '.join(f'{name} ({kind})' for name, kind in self.like)}, version {self.version}"

    def learn(self, staged: Staged, column: str) -> list[FitRow]:
        """A model of Splink as JSON. Of too few rows, or where none have anything in common, nothing is learnt."""
        _require_key(staged)
        with compared(staged, self.like) as rows:
            model = model_of(rows)
        return [FitRow(step=self.fit_name(column), value=model)] if model else []

    def told(self, fit: Sequence[FitRow]) -> list[str]:
        """That nothing was learnt yet."""
        few = f"there are fewer than {ROWS_TO_LEARN_MIN} rows, or none, or all, of those that share a value are one"
        return [] if fit else [f"dedupe merged nothing by likeness, for it could not learn it: {few}"]

    def apply(self, staged: Staged, column: str, fit: Sequence[FitRow]) -> Applied:
        """The rows that stay, a crosswalk of the others, and the pairs about which somebody has to decide."""
        _require_key(staged)
        survivor = survivor_of(staged, keep=self.keep, by=self.by, gaps=self.gaps)
        model = next((row.value for row in fit if row.value), None)
        with compared(staged, self.like) as rows:
            groups, pairs = found_in(rows, model, threshold=self.threshold, review=self.review)
        joined = (
            "SELECT s.*, g.cluster AS _cluster, g.probability AS _probability FROM"
            f" (SELECT *, {staged.row_id} AS _joined FROM staged) AS s LEFT JOIN clusters AS g ON g.row_id = s._joined"
        )
        rule = f"alike in {', '.join(name for name, _ in self.like)}"
        applied = merge(
            staged,
            Groups(text=joined, by=("_cluster",), rule=rule, inputs={"clusters": staged.scan_of(groups)}),
            survivor,
        )
        query = staged.query("SELECT * FROM pairs", pairs=staged.scan_of(pairs))
        proposed = staged.engine.write(query, folder=staged.folder, stem=f"{staged.stem}_proposed")
        return Applied(rows=applied.rows, merged=applied.merged, tables={**applied.tables, PAIRS: proposed})


def _require_key(staged: Staged) -> None:
    if not staged.key:
        raise BuildError(
            "dedupe(like=...) needs a key: without one nothing can say which row became which",
            mend="Name it: clean(..., key='customer_id').",
        )
