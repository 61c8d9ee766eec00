"""How an entity is a row of words: its key, what is null, its values and until when they hold. Texts lie in a heap."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pumphouse.errors import BuildError
from pumphouse.features.online.hashing import (
    START,
    TEXT_BYTES_MAX,
    Sum,
    Texts,
    Words,
    packed,
    stir,
    stir_one,
    text_hash,
)
from pumphouse.features.online.store import Key, OnlineColumn

Kind = Literal["int64", "float64", "bool", "string"]
EXPIRY = "__expires_at"
"""A column of this ending holds the first moment at which the value beside it no longer counts; null: never."""
FOREVER = 2**63 - 1
_FIRST = np.zeros(1, np.uint64)
"""A heap's first word is no text's, so that a slot of 0 is none."""
LENGTH_BITS = 24

Keys = list["NDArray[np.int64] | Texts"]
"""The entity's columns of many rows."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column as it is stored."""

    name: str
    type: Kind
    feature: str = ""
    fingerprint: str = ""
    expires: bool = False
    """Whether its values hold only until a moment of their own."""
    label: str = ""
    """What it is called where its batches come from, if not by its name: there may be two of one name."""

    @property
    def is_declared(self) -> bool:
        """Whether it is the column of its name, and not one as a model learned it."""
        return not self.label

    @property
    def declared(self) -> OnlineColumn:
        """As those who read know it."""
        return OnlineColumn(
            name=self.name, type=pa.type_for_alias(self.type), feature=self.feature, fingerprint=self.fingerprint
        )


@dataclass(frozen=True)
class Layout:
    """Where in a row each thing is: checksum, key, flags (the entity is gone; each column is null), values, expiry."""

    entity: tuple[tuple[str, Kind], ...]
    columns: tuple[Column, ...]

    @cached_property
    def flags(self) -> int:
        """The first word of flags."""
        return 1 + len(self.entity)

    @cached_property
    def values(self) -> int:
        """The first word of values."""
        return self.flags + (len(self.columns) + 1 + 63) // 64

    @cached_property
    def expiry(self) -> dict[int, int]:
        """The word in which the expiry of each column that has one is."""
        having = [number for number, column in enumerate(self.columns) if column.expires]
        return {number: self.values + len(self.columns) + at for at, number in enumerate(having)}

    @cached_property
    def width(self) -> int:
        """Words of a row."""
        return self.values + len(self.columns) + len(self.expiry)

    @cached_property
    def row(self) -> struct.Struct:
        """A row's words."""
        return struct.Struct(f"<{self.width}Q")

    @cached_property
    def typed(self) -> struct.Struct:
        """The same, each word as what it stands for: true/false and texts as the words that they are."""
        codes = {"int64": "q", "float64": "d"}
        keys = "".join(codes.get(kind, "Q") for _, kind in self.entity)
        values = "".join(codes.get(column.type, "Q") for column in self.columns)
        return struct.Struct(f"<Q{keys}{'Q' * (self.values - self.flags)}{values}{'q' * len(self.expiry)}")

    @cached_property
    def sum(self) -> Sum:
        """The checksum of a row's words but the first."""
        return Sum(self.width - 1)

    @cached_property
    def texts(self) -> tuple[int, ...]:
        """The words that stand for a text in the heap."""
        keys = [1 + at for at, (_, kind) in enumerate(self.entity) if kind == "string"]
        return (*keys, *(self.values + at for at, column in enumerate(self.columns) if column.type == "string"))


def stored_kind(kind: pa.DataType, name: str) -> Kind:
    """How a column of this type is stored. Raises BuildError for what is neither number, true/false nor text."""
    types = pa.types
    if types.is_dictionary(kind):
        return stored_kind(kind.value_type, name)
    if types.is_boolean(kind):
        return "bool"
    if types.is_integer(kind) and not types.is_uint64(kind):
        return "int64"
    if types.is_floating(kind) or types.is_decimal(kind) or types.is_uint64(kind):
        return "float64"
    if types.is_string(kind) or types.is_large_string(kind):
        return "string"
    raise BuildError(f"column '{name}' is {kind}, which an online store can't hold", mend="Make it a number or text.")


def hash_of(key: Key) -> int:
    """The hash of one key."""
    found = START
    for part in key:
        found = stir_one(found, text_hash(part.encode()) if isinstance(part, str) else part & (2**64 - 1))
    return stir_one(found, len(key))


def hashes_of(keys: Keys) -> Words:
    """The hash of each key."""
    count = len(keys[0].lengths if isinstance(keys[0], Texts) else keys[0])
    found = np.full(count, START, np.uint64)
    for part in keys:
        if isinstance(part, Texts):
            words, begins = packed(part)
            found = stir(found, words[begins])
        else:
            found = stir(found, part.view(np.uint64))
    return stir(found, np.full(count, len(keys), np.uint64))


def keys_of(layout: Layout, keys: Sequence[Key]) -> Keys:
    """Keys given one by one, column by column."""
    found: Keys = []
    for at, (_, kind) in enumerate(layout.entity):
        parts = [key[at] for key in keys]
        if kind == "string":
            found.append(Texts.of_bytes([str(part).encode() for part in parts]))
        else:
            found.append(np.array(parts, np.int64))
    return found


def keys_in(layout: Layout, rows: Words, heap: Words) -> Keys:
    """The keys of stored rows."""
    return [
        texts_in(rows[:, 1 + at], heap) if kind == "string" else rows[:, 1 + at].astype(np.int64)
        for at, (_, kind) in enumerate(layout.entity)
    ]


def texts_in(slots: Words, heap: Words) -> Texts:
    """The texts that slots stand for. Raises Damaged where the heap doesn't hold what was put there."""
    lengths = (slots & np.uint64(2**LENGTH_BITS - 1)).astype(np.int64)
    entries = (slots >> np.uint64(LENGTH_BITS)).astype(np.int64)
    counts = (lengths + 7) >> 3
    if len(slots) and int((entries + counts).max()) >= len(heap):
        raise Damaged
    ends = np.cumsum(counts)
    starts = ends - counts
    total = int(ends[-1]) if len(ends) else 0
    words = np.zeros(total + 1, np.uint64)
    words[:total] = heap[np.arange(total) + np.repeat(entries + 1 - starts, counts)]
    texts = Texts(words.view(np.uint8), starts * 8, lengths)
    again, begins = packed(texts)
    if not np.array_equal(again[begins], heap[entries]):
        raise Damaged
    return texts


class Damaged(Exception):
    """Bytes on disk are not what was written. It never leaves the store: whoever reads gets LakeError."""


def encode(layout: Layout, batch: pa.RecordBatch) -> tuple[Words, Words]:
    """Rows of entities with their values as words, not yet `sealed`, and the heap that their texts lie in.

    Raises BuildError for a text that is too long.
    """
    rows = np.zeros((batch.num_rows, layout.width), np.uint64)
    heap: list[Words] = [_FIRST]
    for at, (name, kind) in enumerate(layout.entity):
        column = batch.column(name)
        if kind == "string":
            rows[:, 1 + at] = _slots(Texts.of_arrow(column), heap, name)
        else:
            rows[:, 1 + at] = column.cast(pa.int64()).to_numpy(zero_copy_only=False).view(np.uint64)
    for at, stored in enumerate(layout.columns):
        label = stored.label or stored.name
        column = _plain(batch.column(label))
        if column.null_count:
            word, bit = divmod(at + 1, 64)
            nulls = column.is_null().to_numpy(zero_copy_only=False)
            rows[:, layout.flags + word] |= nulls.astype(np.uint64) << np.uint64(bit)
        rows[:, layout.values + at] = _words(column, stored, heap)
        if stored.expires:
            moments = batch.column(label + EXPIRY).cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
            expiry = moments.fill_null(FOREVER).to_numpy(zero_copy_only=False)
            rows[:, layout.expiry[at]] = expiry.view(np.uint64)
    return rows, np.concatenate(heap)


def _words(column: pa.Array, stored: Column, heap: list[Words]) -> Words:
    import pyarrow.compute as pc

    if stored.type == "string":
        # Few texts are often those of many rows; each is stored once.
        few = column.cast(pa.string()).dictionary_encode()
        slots = _slots(Texts.of_arrow(few.dictionary), heap, stored.name)
        found = np.zeros(len(column), np.uint64)
        valid = few.indices.is_valid().to_numpy(zero_copy_only=False)
        found[valid] = slots[few.indices.drop_null().to_numpy()]
        return found
    if stored.type == "bool":
        truths: NDArray[np.bool_] = column.fill_null(False).to_numpy(zero_copy_only=False)  # noqa: FBT003  # a value
        return truths.astype(np.uint64)
    kind = pa.int64() if stored.type == "int64" else pa.float64()
    numbers = pc.fill_null(column.cast(kind, safe=False), pa.scalar(0, kind))
    words: Words = numbers.to_numpy(zero_copy_only=False).view(np.uint64)
    return words


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _slots(texts: Texts, heap: list[Words], name: str) -> Words:
    if len(texts.lengths) and int(texts.lengths.max()) > TEXT_BYTES_MAX:
        raise BuildError(
            f"column '{name}' has a text of {int(texts.lengths.max()):,} bytes",
            mend=f"An online store holds texts of up to {TEXT_BYTES_MAX:,} bytes.",
        )
    words, begins = packed(texts)
    before = sum(map(len, heap))
    heap.append(words)
    return moved_slots(begins + before, texts.lengths)


def moved_slots(entries: NDArray[np.int64], lengths: NDArray[np.int64]) -> Words:
    """The slots of texts that begin there."""
    return (entries.astype(np.uint64) << np.uint64(LENGTH_BITS)) | lengths.astype(np.uint64)


def seal(layout: Layout, rows: Words, *, heap_at: int) -> None:
    """Make of fresh rows what is stored: their texts begin at `heap_at` of the heap, and their checksums are set."""
    for word in layout.texts if heap_at else ():
        rows[rows[:, word] > 0, word] += np.uint64(heap_at << LENGTH_BITS)
    rows[:, 0] = layout.sum.many(rows[:, 1:])


def repacked(layout: Layout, rows: Words, heap: Words) -> tuple[Words, Words]:
    """The rows, not yet `sealed`, with a heap of their own that holds their texts only."""
    moved, parts, before = rows.copy(), [_FIRST], len(_FIRST)
    for word in layout.texts:
        slots, which = np.unique(rows[:, word], return_inverse=True)
        texts = texts_in(slots[slots > 0], heap)
        words, begins = packed(texts)
        fresh = np.zeros(len(slots), np.uint64)
        fresh[slots > 0] = moved_slots(begins + before, texts.lengths)
        moved[:, word] = fresh[which]
        parts.append(words)
        before += len(words)
    return moved, np.concatenate(parts)
