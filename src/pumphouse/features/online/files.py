"""The online store of one machine: generations in files, mapped into memory by each process that reads them."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pumphouse.errors import LakeError, PumphouseError, RequestRefused, UnknownName, did_you_mean
from pumphouse.features.online.answers import entity_of, is_too_old, nobody, rows_of
from pumphouse.features.online.generations import Manifest, put, readable, segments_of, signature
from pumphouse.features.online.hashing import Words
from pumphouse.features.online.layout import Column, Damaged, Layout, hash_of, hashes_of, keys_of
from pumphouse.features.online.overlay import Hide, Overlay, Put, Record, framed
from pumphouse.features.online.segments import Segment, taken
from pumphouse.features.online.store import (
    Entity,
    Found,
    Generation,
    Key,
    OnlineColumn,
    OnlineRows,
    Value,
    micros,
)

OPEN_TRIES_MAX = 8
"""How often a reader looks again whether the generation that it was about to open was just replaced."""
LOOK_EVERY_S = 0.001
"""How often a reader looks for a newer generation. Newer values and who is hidden it looks for with each read."""
CHOICES_MAX = 64
FEW_MAX = 16
"""So many keys are read one by one in less time than together: numpy takes as long for one as for dozens."""
_BIG = 2**63
_GONE = np.uint64(1)
_NULL, _EXPIRED, _MISSING = Found.NULL, Found.EXPIRED, Found.MISSING
_NOTHING: Mapping[str, tuple[Value, int]] = MappingProxyType({})
_NOTHING_ABSENT: Mapping[int, Found] = MappingProxyType({})

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Some of a layout's columns, and where in a row they are."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    words: NDArray[np.int64]
    flag_words: NDArray[np.int64]
    flag_bits: NDArray[np.uint64]
    whole: NDArray[np.int64]
    """Which of them are whole numbers or true/false."""
    texts: tuple[int, ...]
    truths: tuple[int, ...]
    expiry: tuple[tuple[int, int], ...]
    """Which of them expire, and the word that says when."""
    taken: Callable[[Sequence[Any]], Sequence[Any]]
    """Their words of a row's."""
    present: Mapping[str, Found]
    """The states where all are present, as most are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """One generation as it is open; a read uses one from its start to its end."""

    manifest: Manifest
    layout: Layout
    segments: tuple[Segment, ...]
    overlay: Overlay
    signature: tuple[int, int] | None
    choices: dict[object, _Choice] = field(default_factory=dict)


class FileStore:
    """Generations in a folder. It follows the newest by itself; threads may share one, each process opens its own."""

    def __init__(self, name: str, home: Path) -> None:
        self._name = name
        self._home = home
        self._lock = threading.Lock()
        self._waiting: list[_Ticket] = []
        self._waiting_lock = threading.Lock()
        self._writing = threading.Lock()
        self._looked_at = time.monotonic()
        self._state: _State | None = self._opened()

    @property
    def entity(self) -> tuple[str, ...]:
        """The entity's columns."""
        return tuple(name for name, _ in self._now().layout.entity)

    @property
    def entity_types(self) -> Mapping[str, str]:
        """The entity's columns, each "int64" or "string"."""
        return dict(self._now().layout.entity)

    @property
    def columns(self) -> tuple[OnlineColumn, ...]:
        """The columns of the generation that is read now."""
        return tuple(column.declared for column in self._now().layout.columns)

    @property
    def generation(self) -> Generation:
        """The generation that is read now."""
        return self._now().manifest.generation

    def read(
        self, keys: Sequence[Key], *, columns: Sequence[tuple[str, str]] | None = None, now: datetime
    ) -> OnlineRows:
        """The entities of these keys; see `OnlineStore.read`.

        Raises UnknownName, RequestRefused for keys of another type, LakeError where the files are damaged.
        """
        at = micros(now)

        def answered(state: _State) -> OnlineRows:
            checked_keys(self._name, state.layout, keys)
            choice = self._chosen(state, columns)
            if len(keys) <= FEW_MAX:
                found = [_entity(state, key, choice, at) for key in keys]
                return rows_of(state.layout.columns, choice.numbers, found)
            return _read(state, keys, choice, at)

        return self._answered(answered)

    def entities(self, keys: Sequence[Key], *, now: datetime) -> list[Entity]:
        """All that there is of these entities, each value of its own type; see `OnlineStore.entities`."""

        def answered(state: _State) -> list[Entity]:
            checked_keys(self._name, state.layout, keys)
            choice, at = self._chosen(state, None), micros(now)
            return [_entity(state, key, choice, at) for key in keys]

        return self._answered(answered)

    def put(self, key: Key, values: Mapping[str, float | str | bool | None], *, at: datetime) -> None:
        """Newer values of one entity; see `OnlineStore.put`. Those of many threads at once reach the disk together."""
        state = self._now()
        checked_keys(self._name, state.layout, [key])
        known = {column.name: column for column in state.layout.columns if column.is_declared}
        checked = {name: checked_value(self._name, known, name, value) for name, value in values.items()}
        self._append(Put(key=tuple(key), values=checked, at=micros(at)))

    def hide(self, column: str, value: str) -> None:
        """Hide whoever has this value in a column of the entity; see `OnlineStore.hide`."""
        self._append(Hide(column=column, value=value))

    def close(self) -> None:
        """Let go of the files; a store that is used again opens them again."""
        self._state = None

    # -- inside ------------------------------------------------------------------------------------------------------

    def _append(self, record: Record) -> None:
        ticket = _Ticket(framed(record))
        with self._waiting_lock:
            self._waiting.append(ticket)
        with self._writing:  # who comes in here writes for all that wait
            if not ticket.done:
                with self._waiting_lock:
                    tickets, self._waiting = self._waiting, []
                try:
                    put(self._home, [one.frame for one in tickets])
                except (PumphouseError, OSError) as error:
                    for one in tickets:
                        one.error = error
                for one in tickets:
                    one.done = True
        if ticket.error is not None:
            raise ticket.error

    def _answered(self, answer: Callable[[_State], Answer]) -> Answer:
        """What a read says, of the newest generation that proves whole."""
        state = self._now()
        try:
            return answer(state)
        except Damaged:
            self._state = None
            state = self._reopened(than=state)
        try:
            return answer(state)
        except Damaged:
            raise self._damaged() from None

    def _now(self) -> _State:
        state, looked_at = self._state, time.monotonic()
        if state is None or looked_at - self._looked_at > LOOK_EVERY_S:
            if state is None or signature(self._home) != state.signature:
                state = self._reopened()
            self._looked_at = looked_at
        state.overlay.follow()
        return state

    def _reopened(self, *, than: _State | None = None) -> _State:
        with self._lock:
            state = self._state
            if state is None or signature(self._home) != state.signature:
                state = self._state = self._opened(but=than.manifest if than else None)
            return state

    def _opened(self, *, but: Manifest | None = None) -> _State:
        """The newest generation that can be read, other than one that proved damaged."""
        for _ in range(OPEN_TRIES_MAX):
            before = signature(self._home)
            refused = but is not None
            for manifest in _candidates(self._home, but):
                try:
                    segments = segments_of(self._home, manifest)
                except Damaged:
                    refused = True
                    continue
                if refused and signature(self._home) == before:
                    text = f"the newest generation of '{self._name}' is damaged; generation {manifest.number} is read"
                    warnings.warn(text, RuntimeWarning, stacklevel=2)
                return _State(
                    manifest=manifest,
                    layout=segments[0].layout if segments else manifest.layout,
                    segments=segments,
                    overlay=Overlay(self._home / manifest.log),
                    signature=before,
                )
            if signature(self._home) == before:  # nobody replaced it meanwhile
                break
        raise self._damaged()

    def _damaged(self) -> LakeError:
        return LakeError(
            f"no generation of '{self._name}' can be read: its files are not what was written",
            asset=self._name,
            mend=f"Publish it anew: pumphouse run {self._name} --full",
        )

    def _chosen(self, state: _State, columns: Sequence[tuple[str, str]] | None) -> _Choice:
        wanted = None if columns is None else tuple(columns)
        found = state.choices.get(wanted)
        if found is None:
            found = _choice(state.layout, chosen(self._name, state.layout.columns, wanted))
            if len(state.choices) < CHOICES_MAX:
                state.choices[wanted] = found
        return found


class _Ticket:
    """A record that waits to be written."""

    def __init__(self, frame: bytes) -> None:
        self.frame = frame
        self.done = False
        self.error: Exception | None = None


def chosen(name: str, columns: Sequence[Column], wanted: Sequence[tuple[str, str]] | None) -> tuple[int, ...]:
    """The numbers of the columns wanted. Raises UnknownName."""
    if wanted is None:
        return tuple(number for number, column in enumerate(columns) if column.is_declared)
    numbers = {(column.name, column.fingerprint): number for number, column in enumerate(columns)}
    found = []
    for pair in wanted:
        if pair not in numbers:
            names = [column.name for column in columns]
            other = pair[0] in names
            raise UnknownName(
                f"'{name}' has column '{pair[0]}' of another version of its feature"
                if other
                else f"'{name}' has no column '{pair[0]}'",
                asset=name,
                mend=f"Publish it anew: pumphouse run {name}" if other else did_you_mean(pair[0], names) or None,
            )
        found.append(numbers[pair])
    return tuple(found)


def _choice(layout: Layout, numbers: tuple[int, ...]) -> _Choice:
    kinds = [layout.columns[number].type for number in numbers]
    bits = np.array([number + 1 for number in numbers], np.int64)
    return _Choice(
        numbers=numbers,
        names=tuple(layout.columns[number].name for number in numbers),
        words=np.array([layout.values + number for number in numbers], np.int64),
        flag_words=layout.flags + bits // 64,
        flag_bits=(bits % 64).astype(np.uint64),
        whole=np.array([at for at, kind in enumerate(kinds) if kind in ("int64", "bool")], np.int64),
        texts=tuple(at for at, kind in enumerate(kinds) if kind == "string"),
        truths=tuple(at for at, kind in enumerate(kinds) if kind == "bool"),
        expiry=tuple((at, layout.expiry[number]) for at, number in enumerate(numbers) if number in layout.expiry),
        taken=_taker([layout.values + number for number in numbers]),
        present=dict.fromkeys((layout.columns[number].name for number in numbers), Found.PRESENT),
    )


def _taker(words: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(words) > 1:
        return itemgetter(*words)
    return lambda row: [row[word] for word in words]


def checked_keys(name: str, layout: Layout, keys: Sequence[Key]) -> None:
    """Raise RequestRefused for a key that is none of the entity's."""
    if all(kind == "int64" for _, kind in layout.entity) and set(map(len, keys)) == {len(layout.entity)}:
        parts: list[Any] = list(chain.from_iterable(keys))
        if set(map(type, parts)) == {int} and min(parts) >= -_BIG and max(parts) < _BIG:
            return  # so are most, and this takes a tenth of the time
    for key in keys:
        if len(key) != len(layout.entity):
            raise RequestRefused(
                f"'{name}' is asked by {', '.join(one for one, _ in layout.entity)}, not by {len(key)} values",
                asset=name,
            )
        for part, (column, kind) in zip(key, layout.entity, strict=True):
            if kind == "string":
                if type(part) is not str or not _is_unicode(part):
                    raise RequestRefused(f"'{column}' is text, not {type(part).__name__}", asset=name)
            elif type(part) is not int:  # true is an int to Python, not to us
                raise RequestRefused(f"'{column}' is a whole number, not {type(part).__name__}", asset=name)
            elif not -_BIG <= part < _BIG:
                raise RequestRefused(f"'{column}' has no value {str(part)[:40]}", asset=name)


def checked_value(name: str, known: Mapping[str, Column], column: str, value: object) -> Value:
    """A value of a column's type. Raises UnknownName, RequestRefused."""
    if column not in known:
        raise UnknownName(f"'{name}' has no column '{column}'", asset=name, mend=did_you_mean(column, known) or None)
    kind = known[column].type
    if value is None:
        return None
    if kind == "float64" and type(value) in (int, float):
        return float(value)  # type: ignore[arg-type]
    if kind == "int64" and type(value) is int and -_BIG <= value < _BIG:
        return value
    if kind == "bool" and type(value) is bool:
        return value
    if kind == "string" and type(value) is str and _is_unicode(value):
        return value
    words = {"float64": "a number", "int64": "a whole number", "bool": "true or false", "string": "text"}
    raise RequestRefused(f"'{column}' is {words[kind]}, not {str(value)[:40]!r}", asset=name)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _candidates(home: Path, but: Manifest | None) -> Iterator[Manifest]:
    return (one for one in readable(home) if but is None or one.segments != but.segments)


def _entity(state: _State, key: Key, choice: _Choice, now: int) -> Entity:
    """What the segments say of one entity, and over it what the log does. Without numpy, which is slow for one."""
    layout, manifest, overlay = state.layout, state.manifest, state.overlay
    if overlay.hidden and overlay.hides([name for name, _ in layout.entity], key):
        return nobody(layout.columns, choice.numbers)
    hash = hash_of(key)
    stored: Entity | None = None
    for segment in state.segments:
        row = segment.find_one(key, hash)
        if row is not None:
            stored = _stored(state, segment, row, choice, now)
            break
    newer = overlay.entries.get(tuple(key)) if overlay.entries else None
    if newer is None and stored is not None:
        return stored
    return entity_of(manifest, choice.numbers, stored=stored, newer=newer or _NOTHING, now=now)


def _stored(state: _State, segment: Segment, row: bytes, choice: _Choice, now: int) -> Entity | None:
    """What a row says; None where the entity is gone."""
    layout, manifest = state.layout, state.manifest
    words = layout.typed.unpack(row)
    if words[layout.flags] & 1:
        return None
    values = list(choice.taken(words))
    if choice.expiry or any(words[layout.flags : layout.values]) or manifest.max_age is not None:
        absent = _absent(state, words, choice, now)
    else:
        absent = _NOTHING_ABSENT
    for at in choice.truths:
        values[at] = bool(values[at])
    for at in choice.texts:
        values[at] = None if at in absent else segment.text(values[at]).decode()
    states = choice.present
    if absent:
        states = {name: absent.get(at, Found.PRESENT) for at, name in enumerate(choice.names)}
        for at in absent:
            values[at] = None
    return Entity(
        values=dict(zip(choice.names, values, strict=True)),
        states=states,
        as_of=manifest.as_of,
        snapshot=manifest.snapshot,
    )


def _absent(state: _State, words: Sequence[Any], choice: _Choice, now: int) -> Mapping[int, Found]:
    """Which of the columns have no value in a row, and why."""
    layout, manifest = state.layout, state.manifest
    if is_too_old(manifest, manifest.as_of, now):
        return dict.fromkeys(range(len(choice.names)), _EXPIRED)
    flags = sum(word << 64 * at for at, word in enumerate(words[layout.flags : layout.values]))
    found = {at: _NULL for at, number in enumerate(choice.numbers) if flags >> (number + 1) & 1} if flags else {}
    found |= {at: _EXPIRED for at, word in choice.expiry if words[word] <= now}
    return found


def _read(state: _State, keys: Sequence[Key], choice: _Choice, now: int) -> OnlineRows:
    """The newest rows of the keys, decoded together; those that the log has more of are then answered one by one."""
    layout, manifest, overlay = state.layout, state.manifest, state.overlay
    rows, source = _rows_many(state, keys)
    known = (source >= 0) & ((rows[:, layout.flags] & _GONE) == 0)
    words = rows[:, choice.words]
    states = ((rows[:, choice.flag_words] >> choice.flag_bits) & _GONE).astype(np.uint8)  # 0 is PRESENT, 1 is NULL
    if manifest.max_age is not None and now - manifest.as_of > manifest.max_age:
        states[:] = _EXPIRED
    for at, word in choice.expiry:
        states[rows[:, word].view(np.int64) <= now, at] = _EXPIRED
    states[~known] = _MISSING
    floats = words.view(np.float64)
    if len(choice.whole):
        floats[:, choice.whole] = words[:, choice.whole].view(np.int64)  # right to left: the words are taken first
    floats[states != 0] = np.nan
    values: dict[str, NDArray[Any]] = {name: floats[:, at] for at, name in enumerate(choice.names)}
    for at in choice.texts:
        texts = np.full(len(keys), None, object)
        for row in np.nonzero(states[:, at] == 0)[0].tolist():
            texts[row] = state.segments[source[row]].text(int(rows[row, choice.words[at]])).decode()
        values[choice.names[at]] = texts
    as_of, snapshot = np.where(known, manifest.as_of, -1), np.where(known, manifest.snapshot, -1)
    if overlay.entries or overlay.hidden:
        for row, key in enumerate(keys):
            if overlay.hidden or tuple(key) in overlay.entries:
                entity = _entity(state, key, choice, now)
                as_of[row], snapshot[row] = entity.as_of, entity.snapshot
                for at, (name, value) in enumerate(entity.values.items()):
                    states[row, at] = entity.states[name]
                    values[name][row] = np.nan if value is None and at not in choice.texts else value
    return OnlineRows(
        values=values,
        states={name: states[:, at] for at, name in enumerate(choice.names)},
        as_of=as_of,
        snapshot=snapshot,
    )


def _rows_many(state: _State, keys: Sequence[Key]) -> tuple[Words, NDArray[np.int64]]:
    """The newest row of each key, and the segments they are in; -1 where they are in none."""
    count = len(keys)
    rows = np.zeros((count, state.layout.width), np.uint64)
    source = np.full(count, -1, np.int64)
    if not count:
        return rows, source
    asked = keys_of(state.layout, keys)
    hashes = hashes_of(asked)
    waiting = np.arange(count)
    for at, segment in enumerate(state.segments):
        whole = len(waiting) == count
        found = segment.find(asked if whole else taken(asked, waiting), hashes if whole else hashes[waiting])
        there = found >= 0
        rows[waiting[there]] = segment.rows[found[there]]
        source[waiting[there]] = at
        waiting = waiting[~there]
        if not len(waiting):
            break
    return rows, source
