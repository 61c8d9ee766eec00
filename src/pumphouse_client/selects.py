"""One SELECT, put together a piece at a time. Values; nothing here asks anybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from pumphouse_client.errors import ClientError
from pumphouse_client.values import Value, checked, names_in


def quoted(name: str) -> str:
    """A name as an SQL identifier: `quoted('a"b') == '"a""b"'`."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """What is asked of a table or a query. Conditions and order may name columns that are not among those selected."""

    title: str
    """What a person calls it: the table's name, or "query"."""
    source: str
    """A quoted name, or the text of a query."""
    is_table: bool
    columns: tuple[tuple[str, str], ...] = ()
    """Each by its name with its expression; without any, all."""
    conditions: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    limit: int | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The SQL. A query that nothing was asked of beyond it is its own text, to the letter."""
        if not (self.is_table or self.columns or self.conditions or self.order or self.limit is not None):
            return self.source
        chosen = ", ".join(
            expression if expression == quoted(name) else f"{expression} AS {quoted(name)}"
            for name, expression in self.columns
        )
        lines = [
            f"SELECT {chosen or '*'}",
            f"FROM {self.source}" if self.is_table else f"FROM (\n{self.source.strip().rstrip(';')}\n) AS query",
        ]
        if self.conditions:
            lines.append("WHERE " + "\n  AND ".join(f"({_ended(one)})" for one in self.conditions))
        if self.order:
            lines.append("ORDER BY " + ", ".join(self.order))
        if self.limit is not None:
            lines.append(f"LIMIT {self.limit}")
        return "\n".join(lines)

    def selecting(self, names: tuple[str, ...], expressions: Mapping[str, str]) -> Select:
        """With these columns alone."""
        if not names and not expressions:
            raise ClientError("no column was selected", mend='Name some: .select("order_id", "amount").')
        before = dict(self.columns)
        if before and not expressions and before.keys() >= set(names):
            return replace(self, columns=tuple((name, before[name]) for name in dict.fromkeys(names)))
        chosen = {name: quoted(name) for name in names} | {name: _ended(text) for name, text in expressions.items()}
        whole = self.within() if before else self
        return replace(whole, columns=tuple(chosen.items()))

    def meeting(self, conditions: tuple[str, ...], values: Mapping[str, Value]) -> Select:
        """With the rows alone that meet conditions; `values` are of `$name`, or without conditions of columns."""
        whole = self if self.limit is None else self.within()
        if not conditions:
            for column, value in values.items():
                whole = whole._equal(column, checked(column, value))
            return whole
        known = frozenset[str]().union(*map(names_in, conditions))
        for name in values:
            if name not in known:
                raise ClientError(
                    f"no ${name} stands in {' or '.join(map(repr, conditions))}",
                    mend=f"A column is compared by a call of its own: .where({name}=...).",
                )
        return replace(whole, conditions=(*whole.conditions, *conditions), parameters=_joined(whole.parameters, values))

    def _equal(self, column: str, value: Value) -> Select:
        """With the rows alone whose column has this value, or one of these."""
        if value is None:
            return replace(self, conditions=(*self.conditions, f"{quoted(column)} IS NULL"))
        if value == ():
            return replace(self, conditions=(*self.conditions, "FALSE"))
        name = next(name for number in count(1) if (name := f"value_{number}") not in self.parameters)
        sign = "IN" if isinstance(value, tuple) else "="
        return replace(
            self,
            conditions=(*self.conditions, f"{quoted(column)} {sign} ${name}"),
            parameters=_joined(self.parameters, {name: value}),
        )

    def ordered(self, columns: tuple[str, ...]) -> Select:
        """In this order: a name, or with a minus before it from the last to the first."""
        whole = self if self.limit is None else self.within()
        order = (f"{quoted(one[1:])} DESC" if one.startswith("-") else quoted(one) for one in columns)
        return replace(whole, order=tuple(order))

    def limited(self, rows: int) -> Select:
        """With at most so many rows."""
        if rows < 0:
            raise ClientError(f"there is no limit of {rows} rows", mend="Give a number from 0 up.")
        return replace(self, limit=rows if self.limit is None else min(rows, self.limit))

    def counting(self) -> Select:
        """How many rows there are."""
        plain = all(expression == quoted(name) for name, expression in self.columns)
        whole = self if self.is_table and self.limit is None and plain else self.within()
        return replace(whole, columns=(("rows", "count(*)"),), order=())

    def within(self) -> Select:
        """The same rows as a query of which more can be asked."""
        return Select(title=self.title, source=self.text, is_table=False, parameters=self.parameters)


def _joined(before: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
    joined = dict(before)
    for name, given in values.items():
        value = checked(name, given)
        if name in joined and (joined[name] != value or type(joined[name]) is not type(value)):
            raise ClientError(f"${name} has two values", mend="Call one of them something else.")
        joined[name] = value
    return joined


def _ended(text: str) -> str:
    """SQL after which more can stand on the line: a comment at its end does not swallow it."""
    return f"{text}\n" if "--" in text else text
