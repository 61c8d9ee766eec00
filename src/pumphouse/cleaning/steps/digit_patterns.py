"""Patterns of digits, as numbering plans have them, followed for a whole column of numbers at once.

All patterns of a country code become one automaton: a state is what may still come by each of them. A column is led
from state to state, digit by digit, by one look into a table for all its rows. States are made when rows first come
to them, so that only what is met is worked out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[Any, Any]  # Any: numpy's own types

NO_DIGIT = 10
"""Beside the digits 0 to 9: where a number has not begun or has ended. It leads nowhere else."""
SYMBOLS = 11
SURE_DIGITS = 6
"""From here on it is asked whether all numbers have ended."""
UNKNOWN = -1
DIGITS = frozenset(range(10))
Node = tuple[str, Any]  # Any: digits, or nodes
ANY_REST: Node = ("any", None)


def parsed(pattern: str) -> Node:
    """What a pattern says. Raises ValueError for what is not made of digits, classes, groups, `|`, `?` and `{}`."""
    node, end = _either(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"not a pattern of digits: {pattern}")
    return node


def _either(pattern: str, place: int) -> tuple[Node, int]:
    branches: list[Node] = []
    parts: list[Node] = []
    while place < len(pattern) and pattern[place] != ")":
        if pattern[place] == "|":
            branches.append(("all", parts))
            parts, place = [], place + 1
            continue
        atom, place = _atom(pattern, place)
        least, most, place = _times(pattern, place)
        parts.append(("times", (atom, least, most)))
    return ("either", [*branches, ("all", parts)]), place


def _atom(pattern: str, place: int) -> tuple[Node, int]:
    if pattern.startswith("(?:", place):
        node, place = _either(pattern, place + 3)
        if not pattern.startswith(")", place):
            raise ValueError(f"not a pattern of digits: {pattern}")
        return node, place + 1
    if pattern.startswith("\\d", place):
        return ("digit", DIGITS), place + 2
    if pattern[place] == "[":
        end = pattern.index("]", place)
        return ("digit", _class(pattern[place + 1 : end])), end + 1
    if pattern[place] in "0123456789":
        return ("digit", frozenset((int(pattern[place]),))), place + 1
    raise ValueError(f"not a pattern of digits: {pattern}")


def _class(written: str) -> frozenset[int]:
    digits: set[int] = set()
    place = 0
    while place < len(written):
        if written.startswith("\\d", place):
            digits |= DIGITS
            place += 2
        elif written[place + 1 : place + 2] == "-":
            digits |= set(range(int(written[place]), int(written[place + 2]) + 1))
            place += 3
        else:
            digits.add(int(written[place]))
            place += 1
    return frozenset(digits)


def _times(pattern: str, place: int) -> tuple[int, int, int]:
    """(at least, at most, where the pattern goes on)."""
    if pattern.startswith("?", place):
        return 0, 1, place + 1
    if not pattern.startswith("{", place):
        return 1, 1, place
    end = pattern.index("}", place)
    least, _, most = pattern[place + 1 : end].partition(",")
    return int(least), int(most or least), end + 1


def texts(node: Node) -> Iterator[str]:
    """The texts that a pattern stands for. Of two that begin a number, it takes the one that comes first here."""
    kind, what = node
    if kind == "digit":
        yield from map(str, sorted(what))
    elif kind == "either":
        for branch in what:
            yield from texts(branch)
    elif kind == "all":
        for parts in product(*(list(texts(part)) for part in what)):
            yield "".join(parts)
    else:
        atom, least, most = what
        for times in range(most, least - 1, -1):
            for parts in product(list(texts(atom)), repeat=times):
                yield "".join(parts)


def texts_count(node: Node) -> int:
    """How many texts a pattern stands for, some of them perhaps twice."""
    kind, what = node
    if kind == "digit":
        return len(what)
    if kind == "either":
        return sum(map(texts_count, what))
    if kind == "all":
        return prod(map(texts_count, what))
    atom, least, most = what
    return sum(texts_count(atom) ** times for times in range(least, most + 1))


class Automata:
    """The automata of all country codes that were asked for, in one table.

    `ends` of a state are the names of the patterns that a number fits which ends there.
    """

    def __init__(self) -> None:
        import numpy as np

        self.digits: list[frozenset[int]] = []
        self.next: list[frozenset[int]] = []
        """By position in a pattern: the digits that fit there, and the positions behind it."""
        self.names: dict[int, str] = {}
        """Positions that stand for a pattern's end."""
        self.states: dict[tuple[int, frozenset[int]], int] = {}
        self.keys: list[tuple[int, frozenset[int]]] = []
        self.table: Numbers = np.empty((0, SYMBOLS), dtype=np.int32)

    def start(self, group: int, patterns: Mapping[str, Node]) -> int:
        """The state from which numbers of a group (a country code) begin, with its patterns by name."""
        first: frozenset[int] = frozenset()
        for name, node in patterns.items():
            end = self._position(frozenset(), frozenset())
            self.names[end] = name
            first |= self._before(node, frozenset((end,)))
        return self._state(group, first)

    def group(self, state: int) -> int:
        """The group that a state belongs to."""
        return self.keys[state][0]

    def ends(self, state: int) -> frozenset[str]:
        """Names of the patterns that fit what led to the state."""
        return frozenset(self.names[position] for position in self.keys[state][1] if position in self.names)

    def follow(self, states: Numbers, digits: Numbers, begin: Numbers) -> Numbers:
        """The state that each row's digits lead to, from its state. `digits` is by place, then by row."""
        import numpy as np

        latest = begin.max(initial=0)
        for place, column in enumerate(digits):
            if place >= SURE_DIGITS and column.min(initial=NO_DIGIT) == NO_DIGIT:
                break
            symbols = column if place >= latest else np.where(begin > place, NO_DIGIT, column)
            reached = self.table.ravel().take(states * SYMBOLS + symbols)
            if len(reached) and reached.min() == UNKNOWN:
                for state in np.unique(states[reached == UNKNOWN]).tolist():
                    self._expand(state)
                reached = self.table.ravel().take(states * SYMBOLS + symbols)
            states = reached
        return states

    def follow_one(self, state: int, number: str) -> int:
        """The state that one number's digits lead to."""
        for digit in map(int, number):
            reached = self.table.item(state, digit)
            if reached == UNKNOWN:
                self._expand(state)
                reached = self.table.item(state, digit)
            state = reached
        return state

    def _position(self, digits: frozenset[int], after: frozenset[int]) -> int:
        self.digits.append(digits)
        self.next.append(after)
        return len(self.digits) - 1

    def _before(self, node: Node, after: frozenset[int]) -> frozenset[int]:
        """The positions that a node begins with, where `after` comes behind it."""
        kind, what = node
        if kind == "digit":
            return frozenset((self._position(what, after),))
        if kind == "any":
            position = self._position(DIGITS, after)
            self.next[position] = after | {position}
            return self.next[position]
        if kind == "either":
            return frozenset().union(*(self._before(branch, after) for branch in what))
        if kind == "all":
            for part in reversed(what):
                after = self._before(part, after)
            return after
        atom, least, most = what
        first = after
        for _ in range(most - least):
            first = self._before(atom, first) | after
        for _ in range(least):
            first = self._before(atom, first)
        return first

    def _state(self, group: int, positions: frozenset[int]) -> int:
        key = (group, positions)
        state = self.states.get(key)
        if state is None:
            state = self.states[key] = len(self.keys)
            self.keys.append(key)
            if state == len(self.table):
                import numpy as np

                grown = np.full((max(1024, 2 * state), SYMBOLS), UNKNOWN, dtype=np.int32)
                grown[:, NO_DIGIT] = np.arange(len(grown))
                grown[:state] = self.table
                self.table = grown
        return state

    def _expand(self, state: int) -> None:
        group, positions = self.keys[state]
        reached: list[set[int]] = [set() for _ in DIGITS]
        for position in positions:
            after = self.next[position]
            for digit in self.digits[position]:
                reached[digit] |= after
        row = [self._state(group, frozenset(each)) for each in reached]
        self.table[state, :NO_DIGIT] = row
