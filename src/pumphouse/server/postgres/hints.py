"""Of which types a statement's parameters may be, told from what stands beside them.

DuckDB does not say before there are values. Drivers that encode by the types that they are told (asyncpg, sqlx,
tokio-postgres, Npgsql) would have to send all as text. A hint that is wrong makes an error, and no other value: what a
client sends is decoded by the type that it was told, and cast by DuckDB as any value.
"""

from __future__ import annotations

from collections.abc import Mapping

from pumphouse.server.postgres.lexing import Piece, Token
from pumphouse.server.postgres.types import KINDS, Column

_NAMES = {
    "BIGINT": "int8", "BLOB": "bytea", "BOOLEAN": "bool", "DECIMAL": "numeric", "DOUBLE": "float8", "FLOAT": "float4",
    "INT": "int4", "INTEGER": "int4", "REAL": "float4", "SMALLINT": "int2", "STRING": "text", "CHAR": "text",
}  # fmt: skip
"""Types as SQL writes them, where that is not PostgreSQL's own name."""
_COMPARISONS = frozenset("=<>!")


def hinted(piece: Piece, columns: Mapping[str, Column]) -> dict[int, int]:
    """The types of parameters by their numbers, those that can be told. `columns` are those that it may name."""
    tokens = piece.tokens
    words = [token.word for token in tokens]
    found: dict[int, int] = {}
    for at, token in enumerate(tokens):
        if token.kind != "parameter":
            continue
        number = int(token.text[1:6])
        oid = _cast(words, at) or _beside(tokens, words, at, columns)
        if oid and number not in found:
            found[number] = oid
    return found


def _cast(words: list[str], at: int) -> int | None:
    """$1::INTEGER, CAST($1 AS INTEGER), LIMIT $1."""
    after = words[at + 1 : at + 6]
    if after[:2] == [":", ":"] and len(after) > 2:
        name, brackets = after[2], after[3:5] == ["[", "]"]
    elif after[:1] == ["AS"] and words[max(at - 2, 0) : at] in (["CAST", "("], ["TRY_CAST", "("]) and len(after) > 1:
        name, brackets = after[1], after[2:4] == ["[", "]"]
    elif at and words[at - 1] in ("LIMIT", "OFFSET"):
        return KINDS["int8"].oid
    else:
        return None
    kind = KINDS.get(_NAMES.get(name, name.lower()))
    return None if kind is None else kind.array if brackets else kind.oid


def _beside(tokens: tuple[Token, ...], words: list[str], at: int, columns: Mapping[str, Column]) -> int | None:
    """The type of the column that it is compared with: c = $1, $1 < c, c IN ($1, $2), c BETWEEN $1 AND $2."""
    before, is_list = _before(tokens, words, at)
    place = _past_comparison(words, before, step=-1)
    if place is None and before == at - 1:
        place = _past_comparison(words, at + 1, step=1)
    elif place is None:
        place = before
    if place is None or not 0 <= place < len(tokens) or tokens[place].kind not in ("word", "name"):
        return None
    column = columns.get(tokens[place].value.lower())
    if column is None or column.is_array or column.nested:
        return None
    return column.kind.array if is_list else column.kind.oid


def _before(tokens: tuple[Token, ...], words: list[str], at: int) -> tuple[int, bool]:
    """Where what it is compared with ends, or the sign of the comparison; and whether it is a list of that."""
    place = at - 1
    if words[max(at - 2, 0) : at] in (["ANY", "("], ["ALL", "("]):
        return at - 3, True
    if place >= 3 and words[place] == "AND" and words[place - 2] == "BETWEEN":
        place -= 3
    elif place >= 1 and words[place] in ("BETWEEN", "LIKE", "ILIKE"):
        place -= 1
    else:
        opened = place
        while opened >= 0 and (words[opened] == "," or tokens[opened].kind == "parameter"):
            opened -= 1
        if opened >= 2 and words[opened] == "(" and words[opened - 1] == "IN":
            place = opened - 2
    return (place - 1 if place >= 1 and words[place] == "NOT" else place), False


def _past_comparison(words: list[str], place: int, *, step: int) -> int | None:
    """What stands beyond the sign of a comparison; None where there is none."""
    start = place
    while 0 <= place < len(words) and words[place] in _COMPARISONS:
        place += step
    return None if place == start else place
