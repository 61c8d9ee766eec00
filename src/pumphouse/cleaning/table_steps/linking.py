"""Splink: how alike rows are, learnt without labels, and which are one. The only module that knows it.

Rows are read out of whatever engine runs the build and are compared in a DuckDB of the build's own, in its folder, with
Splink's own random numbers from one seed: the same rows give the same model, in whatever order they come.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.table_steps.blocking import Rule, rules
from pumphouse.cleaning.table_steps.likeness import Like, levels, normal
from pumphouse.engines.parameters import literal, quoted
from pumphouse.errors import BuildError, MissingExtra

if TYPE_CHECKING:
    import duckdb

    from pumphouse.cleaning.staged import Staged

ROWS_TO_LEARN_MIN = 50
"""Of fewer rows nothing is learnt."""
PAIRS_TO_LEARN_MIN = 20
"""A rule that brings fewer pairs together teaches nothing."""
PAIRS_SAMPLED = 1_000_000
"""Pairs of rows drawn by chance, which say how alike rows are that are not one."""
TRAININGS_MAX, TRIES_MAX = 3, 8
MEMORY_MAX = "4GB"
DIGITS = 10
SEED = 1
NEVER_SEEN = 0.001
"""How often rows that are one differ in a column in which none of them did."""
CLUSTER_ROWS_MAX = 100
"""Rows that may become one. More are a chain of which each link is likely and the whole is not."""
_TOLD = {"same": "{gamma} = {most}", "close": "{gamma} > 0 AND {gamma} < {most}", "different": "{gamma} = 0"}
"""What is told of a pair, by the level at which Splink found each column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The rows of a table as they are compared: the table `compared` of a DuckDB."""

    connection: duckdb.DuckDBPyConnection
    like: Like
    rows: int
    folder: Path
    stem: str

    def rules(self) -> list[Rule]:
        """Which pairs of them are compared."""
        return rules([kind for _, kind in self.like], rows=self.rows, pairs=self._pairs)

    def _pairs(self, parts: tuple[str, ...]) -> int:
        known = " AND ".join(f"{part} IS NOT NULL" for part in parts)
        counts = f"SELECT count(*) AS n FROM compared WHERE {known} GROUP BY {', '.join(parts)}"
        found = self.connection.execute(f"SELECT coalesce(sum(n * (n - 1) // 2), 0) FROM ({counts})").fetchone()
        return int(found[0]) if found else 0


@contextmanager
def compared(staged: Staged, like: Like) -> Iterator[Compared]:
    """The staged rows that have a key. Raises BuildError where one key names several of them."""
    import duckdb
    import pyarrow as pa

    staged.require(*(column for column, _ in like), *staged.key)
    known = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in staged.key)
    listed = "".join(f", {quoted(column)} AS v{place}" for place, (column, _) in enumerate(like))
    reader = staged.engine.read(staged.query(f"SELECT {staged.row_id} AS row_id{listed} FROM staged WHERE {known}"))
    staged.folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        str(staged.folder / f"{staged.stem}_compared.duckdb"),
        config={"memory_limit": MEMORY_MAX, "temp_directory": str(staged.folder), "autoload_known_extensions": "false"},
    )
    try:
        connection.register("batch", reader.schema.empty_table())
        connection.execute("CREATE TABLE incoming AS FROM batch")
        for batch in reader:  # in this thread: an engine reads in the one that asked
            connection.register("batch", pa.Table.from_batches([batch]))
            connection.execute("INSERT INTO incoming FROM batch")
        connection.unregister("batch")
        values = ", ".join(f"{normal(kind, f'v{place}')} AS c{place}" for place, (_, kind) in enumerate(like))
        connection.execute(
            f"CREATE TABLE compared AS SELECT row_number() OVER (ORDER BY row_id) AS unique_id, row_id, {values}"
            " FROM incoming ORDER BY row_id"
        )
        connection.execute("DROP TABLE incoming")
        found = connection.execute("SELECT count(*), count(DISTINCT row_id) FROM compared").fetchone()
        rows, different = found if found else (0, 0)
        if rows > different:
            raise BuildError(
                f"dedupe(like=...) needs a key that names one row: {rows - different:,} rows have the"
                f" {', '.join(staged.key)} of another",
                mend=f"First merge those: dedupe(on={list(staged.key)}).",
            )
        yield Compared(connection=connection, like=like, rows=rows, folder=staged.folder, stem=staged.stem)
    finally:
        connection.close()


def model_of(rows: Compared) -> str | None:
    """How likely two rows are one, by how alike they are: Splink's settings as JSON. None where too little is there."""
    found = (
        [rule for rule in rows.rules() if rule.pairs >= PAIRS_TO_LEARN_MIN] if rows.rows >= ROWS_TO_LEARN_MIN else []
    )
    if not found:
        return None
    with _linkers(rows) as (make, version):
        linker = make(_settings(rows.like, found))
        linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS_SAMPLED, seed=SEED)
        by_chance = linker.misc.save_model_to_json()
        rows.connection.execute("SET threads = 1")  # sums of several threads differ in their last digits
        taught: list[Rule] = []
        for rule in _teaching(found):
            if _teaches(linker, rule):
                taught.append(rule)
            else:  # it leaves the linker half changed
                linker = make(by_chance)
                for known in taught:
                    _teaches(linker, known)
            if len(taught) == TRAININGS_MAX:
                break
        rows.connection.execute("RESET threads")
        model = linker.misc.save_model_to_json()
    # A rule says nothing of the columns in it: each column needs another rule that has taught something.
    if set.intersection(*(rule.columns for rule in taught)) if taught else True:
        return None
    return json.dumps({"splink": version, "model": _settled(model)}, sort_keys=True)


def found_in(rows: Compared, model: str | None, *, threshold: float, review: float) -> tuple[Path, Path]:
    """Parquet files of the rows that become one (row_id, cluster, probability), and of pairs that may be one."""
    _score(rows, model, least=review)
    _cluster(rows, threshold=threshold)
    clusters = (
        "SELECT row_id, cluster, probability FROM clustered JOIN compared USING (unique_id)"
        f" WHERE row_count <= {CLUSTER_ROWS_MAX} ORDER BY row_id"
    )
    chain = "'one of a chain of ' || l.row_count || ' rows: too many to be one'"
    pairs = (
        "SELECT x.row_id, y.row_id AS other_id, s.probability, s.same, s.close, s.different,"
        f" CASE WHEN s.probability >= {threshold} THEN {chain} ELSE 'less likely than {threshold}' END AS reason"
        " FROM scored AS s JOIN compared AS x ON x.unique_id = s.a JOIN compared AS y ON y.unique_id = s.b"
        " LEFT JOIN clustered AS l ON l.unique_id = s.a LEFT JOIN clustered AS r ON r.unique_id = s.b"
        f" WHERE l.cluster IS DISTINCT FROM r.cluster OR l.cluster IS NULL OR l.row_count > {CLUSTER_ROWS_MAX}"
        " ORDER BY s.probability DESC, x.row_id, y.row_id"
    )
    return _written(rows, "clusters", clusters), _written(rows, "pairs", pairs)


def _score(rows: Compared, model: str | None, *, least: float) -> None:
    """Pairs that are at least so likely one, as the table `scored`: a, b, probability, and in which columns alike."""
    found = rows.rules() if model is not None else []
    if model is None or not found:
        texts = ", ".join(f"{name} VARCHAR" for name in _TOLD)
        rows.connection.execute(f"CREATE TABLE scored (a BIGINT, b BIGINT, probability DOUBLE, {texts})")
        return
    settings = json.loads(model)["model"] | {"blocking_rules_to_generate_predictions": _conditions(found)}
    with _linkers(rows) as (make, _):
        table = make(settings).inference.predict(threshold_match_probability=least).physical_name
        told = ", ".join(f"{_columns(rows.like, condition)} AS {name}" for name, condition in _TOLD.items())
        rows.connection.execute(
            "CREATE TABLE scored AS SELECT least(unique_id_l, unique_id_r) AS a,"
            f" greatest(unique_id_l, unique_id_r) AS b, match_probability AS probability, {told} FROM {table}"
        )


def _columns(like: Like, condition: str) -> str:
    """SQL: the names of the columns for which the condition holds."""
    cases = [
        (condition.format(gamma=f"gamma_c{place}", most=len(levels(kind, "")) - 2), column)
        for place, (column, kind) in enumerate(like)
    ]
    names = ", ".join(f"CASE WHEN {case} THEN {literal(column)} END" for case, column in cases)
    return f"nullif(concat_ws(', ', {names}), '')"


def _cluster(rows: Compared, *, threshold: float) -> None:
    """Rows that hang together, as `clustered`: unique_id, cluster, probability of its likeliest pair, row_count."""
    connection = rows.connection
    connection.execute(f"CREATE TABLE edges AS SELECT a, b, probability FROM scored WHERE probability >= {threshold}")
    connection.execute(
        "CREATE TABLE nodes AS SELECT unique_id, max(probability) AS probability FROM"
        " (SELECT a AS unique_id, probability FROM edges UNION ALL SELECT b, probability FROM edges)"
        " GROUP BY unique_id ORDER BY unique_id"
    )
    clusters = "(SELECT unique_id, unique_id AS cluster_id FROM nodes)"
    if connection.execute("SELECT count(*) FROM edges").fetchall() != [(0,)]:
        clusters = _components(connection)
    connection.execute(
        "CREATE TABLE clustered AS SELECT unique_id, cluster_id AS cluster, probability,"
        f" count(*) OVER (PARTITION BY cluster_id) AS row_count FROM {clusters} JOIN nodes USING (unique_id)"
    )


def _components(connection: duckdb.DuckDBPyConnection) -> str:
    """The table of Splink's connected components: unique_id, cluster_id."""
    from splink.backends.duckdb import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    with _quiet():
        api = DuckDBAPI(connection)
        found = cluster_pairwise_predictions_at_threshold(
            nodes=api.register("nodes"),
            edges=api.register("edges"),
            db_api=api,
            node_id_column_name="unique_id",
            edge_id_column_name_left="a",
            edge_id_column_name_right="b",
        )
    return str(found.physical_name)


def _written(rows: Compared, name: str, text: str) -> Path:
    file = rows.folder / f"{rows.stem}_{name}.parquet"
    rows.connection.execute(f"COPY ({text}) TO {literal(str(file))} (FORMAT parquet)")
    return file


def _teaching(found: Sequence[Rule]) -> list[Rule]:
    """The rules by which it may be learnt, the widest first: those of one column, which leave the others free."""
    alone = [rule for rule in found if len(rule.parts) == 1]
    pairwise = [rule for rule in found if len(rule.parts) > 1]
    return [
        *sorted(alone, key=lambda rule: (-rule.pairs, rule.parts)),
        *sorted(pairwise, key=lambda rule: (-rule.pairs, rule.parts)),
    ][:TRIES_MAX]


def _teaches(linker: Any, rule: Rule) -> bool:  # Any: a linker of Splink
    """Learn of the pairs that a rule brings together. False where all of them are one, or none: nothing tells them."""
    from splink.internals.exceptions import SplinkException

    try:
        linker.training.estimate_parameters_using_expectation_maximisation(
            rule.condition,
            estimate_without_term_frequencies=True,
            populate_probability_two_random_records_match_from_trained_values=True,
        )
    except SplinkException:  # the odds are infinite
        return False
    except ValueError as error:
        if "below the minimum allowed" not in str(error):
            raise
        return False  # a share is too small for a double
    return True


def _settings(like: Like, found: Sequence[Rule]) -> dict[str, Any]:  # Any: Splink's settings
    comparisons = [
        {
            "output_column_name": f"c{place}",
            "comparison_description": column,
            "comparison_levels": levels(kind, f"c{place}"),
        }
        for place, (column, kind) in enumerate(like)
    ]
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "comparisons": comparisons,
        "blocking_rules_to_generate_predictions": _conditions(found),
        "retain_matching_columns": True,  # and with them how alike two rows are in each
    }


def _conditions(found: Sequence[Rule]) -> list[dict[str, str]]:
    return [{"blocking_rule": rule.condition} for rule in found]


def _settled(model: dict[str, Any]) -> dict[str, Any]:  # Any: Splink's settings
    """The model without what is by chance, or of one table, in it, and with a number for each level."""
    settled = {
        name: value
        for name, value in model.items()
        if name not in ("linker_uid", "blocking_rules_to_generate_predictions")
    }
    settled["probability_two_random_records_match"] = _rounded(model["probability_two_random_records_match"])
    for comparison in settled["comparisons"]:
        for level in comparison["comparison_levels"]:
            if level.get("is_null_level"):
                continue
            by_chance = level.get("u_probability") or 1 / PAIRS_SAMPLED
            # What was never seen of rows that are one says nothing for or against it; but any may differ.
            never = NEVER_SEEN if level["sql_condition"] == "ELSE" else by_chance
            level["u_probability"] = _rounded(by_chance)
            level["m_probability"] = _rounded(max(level.get("m_probability") or 0.0, min(never, NEVER_SEEN)))
    return settled


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


@contextmanager
def _linkers(rows: Compared) -> Iterator[tuple[Callable[[dict[str, Any]], Any], str]]:  # Any: of Splink
    """What makes a linker of settings, and Splink's version."""
    try:
        import splink
        from splink.backends.duckdb import DuckDBAPI
    except ImportError as error:
        raise MissingExtra("splink", extra="dedupe", purpose="dedupe(like=...)") from error
    with _quiet():
        table = DuckDBAPI(rows.connection).register("compared")
        yield lambda given: splink.Linker(table, deepcopy(given), log_level=None), splink.__version__


@contextmanager
def _quiet() -> Iterator[None]:
    """Splink says nothing: what a person should know of it, a build tells."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
