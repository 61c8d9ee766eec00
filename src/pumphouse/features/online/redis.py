"""The online store of many machines: a Redis or Valkey that holds each entity under one key.

A key holds at most two versions of an entity, each with the number of the generation that wrote it. A reader asks for
the generation's number and all keys in one transaction, and takes of each the newest version that is not above that
number. So publishing writes the entities that changed beside what is read, and one SET of the number shows them all:
nobody sees half a generation, and nothing that did not change is sent. A prefix for each generation would show them
at once as well, but send everybody each time and hold all of it twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pumphouse.errors import BuildError, LakeError, MissingExtra
from pumphouse.features.online.answers import entity_of, is_too_old, nobody, rows_of
from pumphouse.features.online.files import checked_keys, checked_value, chosen
from pumphouse.features.online.generations import Manifest, Published
from pumphouse.features.online.layout import EXPIRY, Layout
from pumphouse.features.online.overlay import Hidden, Hide, is_hidden, merged
from pumphouse.features.online.segments import FORMAT
from pumphouse.features.online.store import Entity, Found, Generation, Key, OnlineColumn, OnlineRows, Value, micros
from pumphouse.lake.context import Connection

if TYPE_CHECKING:
    import pyarrow as pa
    from redis import Redis

KEYS_AT_ONCE = 5_000
TIMEOUT_S = 10.0
_PUT = """
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and tonumber(string.match(before, '^(-?%d+):')) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
return 1
"""
_FOLD = """
local fields = redis.call('HGETALL', KEYS[1])
for at = 1, #fields, 2 do
  if tonumber(string.match(fields[at + 1], '^(-?%d+):')) <= tonumber(ARGV[1]) then
    redis.call('HDEL', KEYS[1], fields[at])
  end
end
"""

Item = TypeVar("Item")
_Version = tuple[int, bytes | None]
"""The generation that wrote it, and the values as msgpack; None: the entity left."""


class RedisStore:
    """Entities in a Redis. Threads and processes may share one; all of them see each generation at the same moment."""

    def __init__(self, name: str, client: Redis) -> None:
        self._name = name
        self._client = client
        self._put: Any = client.register_script(_PUT)  # a Script of redis, which has no types

    @property
    def entity(self) -> tuple[str, ...]:
        """The entity's columns."""
        return tuple(name for name, _ in self._manifest().entity)

    @property
    def entity_types(self) -> Mapping[str, str]:
        """The entity's columns, each "int64" or "string"."""
        return dict(self._manifest().entity)

    @property
    def columns(self) -> tuple[OnlineColumn, ...]:
        """The columns of the generation that is read now."""
        return tuple(column.declared for column in self._manifest().columns)

    @property
    def generation(self) -> Generation:
        """The generation that is read now."""
        return self._manifest().generation

    def read(
        self, keys: Sequence[Key], *, columns: Sequence[tuple[str, str]] | None = None, now: datetime
    ) -> OnlineRows:
        """The entities of these keys; see `OnlineStore.read`. Raises LakeError where Redis can't be reached."""
        found, numbers, manifest = self._read(keys, columns, now)
        return rows_of(manifest.columns, numbers, found)

    def entities(self, keys: Sequence[Key], *, now: datetime) -> list[Entity]:
        """All that there is of these entities, each value of its own type; see `OnlineStore.entities`."""
        return self._read(keys, None, now)[0]

    def put(self, key: Key, values: Mapping[str, float | str | bool | None], *, at: datetime) -> None:
        """Newer values of one entity; see `OnlineStore.put`. Redis has them on disk where it is set to see to that."""
        manifest = self._manifest()
        checked_keys(self._name, manifest.layout, [key])
        known = {column.name: column for column in manifest.columns if column.is_declared}
        checked = {name: checked_value(self._name, known, name, value) for name, value in values.items()}
        with explained(self._name), self._client.pipeline(transaction=True) as pipe:
            for name, value in checked.items():
                arguments = [name, micros(at), msgspec.msgpack.encode(value)]
                self._put(keys=[_key(self._name, "newer", key)], args=arguments, client=pipe)
            pipe.execute()

    def hide(self, column: str, value: str) -> None:
        """Hide whoever has this value in a column of the entity; see `OnlineStore.hide`."""
        with explained(self._name):
            self._client.sadd(_name(self._name, "hidden"), msgspec.msgpack.encode(Hide(column=column, value=value)))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _manifest(self) -> Manifest:
        manifest = current(self._name, self._client)
        if manifest is None:
            raise LakeError(
                f"'{self._name}' is not in its Redis any more",
                asset=self._name,
                mend=f"pumphouse run {self._name} --full",
            )
        return manifest

    def _read(
        self, keys: Sequence[Key], columns: Sequence[tuple[str, str]] | None, now: datetime
    ) -> tuple[list[Entity], tuple[int, ...], Manifest]:
        checked_keys(self._name, self._manifest().layout, keys)
        with explained(self._name), self._client.pipeline(transaction=True) as pipe:  # all of it at one moment
            pipe.get(_name(self._name, "current"))
            pipe.smembers(_name(self._name, "hidden"))
            for key in keys:
                pipe.get(_key(self._name, "entity", key))
                pipe.hgetall(_key(self._name, "newer", key))
            said = pipe.execute()
        manifest = msgspec.json.decode(said[0], type=Manifest)
        hidden = _people(said[1])
        numbers = chosen(self._name, manifest.columns, None if columns is None else tuple(columns))
        entity = [name for name, _ in manifest.entity]
        found = []
        for key, stored, newer in zip(keys, said[2::2], said[3::2], strict=True):
            if is_hidden(entity, key, hidden):
                found.append(nobody(manifest.columns, numbers))
                continue
            live = _live(stored, manifest.number)
            there = None if live is None or live[1] is None else _entity(live[1], manifest, numbers, micros(now))
            values = {name.decode(): _newer(value) for name, value in newer.items()}
            found.append(entity_of(manifest, numbers, stored=there, newer=values, now=micros(now)))
        return found, numbers, manifest


def client_of(connection: Connection) -> Redis:
    """A client of a connection's server. Raises MissingExtra."""
    try:
        import redis
    except ImportError:
        raise MissingExtra("redis", extra="redis", purpose="an online store that machines share") from None
    password = connection.options.get("password")
    return redis.Redis.from_url(
        connection.url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        **({"password": password} if password else {}),
    )


def current(name: str, client: Redis) -> Manifest | None:
    """The generation that is read now; None where none was published."""
    with explained(name):
        said: Any = client.get(_name(name, "current"))
    return msgspec.json.decode(said, type=Manifest) if said else None


def publish(
    name: str,
    client: Redis,
    batches: Callable[[], Iterable[pa.RecordBatch]],
    *,
    layout: Layout,
    snapshot: int,
    as_of: datetime,
    max_age: int | None = None,
    hidden: Mapping[str, frozenset[str]] | None = None,
    anew: bool = False,
) -> Published:
    """The generation that holds these entities and no others; see `generations.publish`. The caller is the only one."""
    before = current(name, client)
    shown = before.number if before else 0
    known = before is not None and before.layout == layout and not anew
    seen: set[bytes] = set()
    changed = gone = 0
    with explained(name):
        for keys in _parts(_stored(batches(), layout), KEYS_AT_ONCE):
            states = dict(keys)
            if len(states) < len(keys) or not seen.isdisjoint(states):
                raise BuildError("an entity came twice", mend="Each feature gives one row for each entity and moment.")
            seen.update(states)
            changed += _write(name, client, states, shown=shown, known=known)
        for batch in _parts(_scanned(client, name, "entity"), KEYS_AT_ONCE):
            left = {key: None for key in batch if key not in seen}
            gone += _write(name, client, left, shown=shown, known=True)
        people = [Hide(column=column, value=value) for column, values in (hidden or {}).items() for value in values]
        if people:
            client.sadd(_name(name, "hidden"), *map(msgspec.msgpack.encode, people))
        manifest = Manifest(
            format=FORMAT,
            number=shown + bool(changed or gone or before is None),
            snapshot=snapshot,
            as_of=micros(as_of),
            entities=len(seen),
            entity=layout.entity,
            columns=layout.columns,
            segments=(),
            log="",
            max_age=max_age,
        )
        client.set(_name(name, "current"), msgspec.json.encode(manifest))
        _fold(name, client, manifest)
    return Published(manifest=manifest, changed=changed, gone=gone)


def _write(name: str, client: Redis, states: Mapping[bytes, bytes | None], *, shown: int, known: bool) -> int:
    """Write the states that differ from what is shown as versions of the next generation; how many that were."""
    if not states:
        return 0
    prefix = _name(name, "entity")
    stored: Any = client.mget([prefix + key for key in states])
    count = 0
    with client.pipeline(transaction=False) as pipe:
        for (key, state), raw in zip(states.items(), stored, strict=True):
            live = _live(raw, shown)
            there = live[1] if live else None
            if state == there and (known or state is None):
                if state is None:
                    pipe.delete(prefix + key)  # it left a generation ago
                elif live and raw != (kept := msgspec.msgpack.encode([live])):
                    pipe.set(prefix + key, kept)  # without the version of a publication that was killed
                continue
            count += 1
            versions: list[_Version] = [(shown + 1, state), *([live] if live else [])]
            pipe.set(prefix + key, msgspec.msgpack.encode(versions))
        pipe.execute()
    return count


def _stored(batches: Iterable[pa.RecordBatch], layout: Layout) -> Iterator[tuple[bytes, bytes]]:
    """Each entity's key and values as they are stored."""
    import pyarrow as pa

    types = {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_(), "string": pa.string()}
    for batch in batches:
        keys = [batch.column(name).cast(types[kind]).to_pylist() for name, kind in layout.entity]
        values, expiry = [], []
        for column in layout.columns:
            label = column.label or column.name
            values.append(batch.column(label).cast(types[column.type], safe=False).to_pylist())
            if column.expires:
                moments = batch.column(label + EXPIRY).cast(pa.timestamp("us", tz="UTC"))
                expiry.append(moments.cast(pa.int64()).to_pylist())
        rows = range(batch.num_rows)
        for at in rows:
            cells = [[column[at] for column in values], [column[at] for column in expiry]]
            yield msgspec.msgpack.encode([part[at] for part in keys]), msgspec.msgpack.encode(cells)


def _parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    waiting = iter(items)
    while part := list(islice(waiting, size)):
        yield part


def _fold(name: str, client: Redis, manifest: Manifest) -> None:
    """Remove newer values that are not newer any more, and those of people who are hidden."""
    fold: Any = client.register_script(_FOLD)
    people: Any = client.smembers(_name(name, "hidden"))
    hidden = _people(people)
    entity = [column for column, _ in manifest.entity]
    for batch in _parts(_scanned(client, name, "newer"), KEYS_AT_ONCE):
        with client.pipeline(transaction=False) as pipe:
            for key in batch:
                stored = _name(name, "newer") + key
                if is_hidden(entity, msgspec.msgpack.decode(key, type=Key), hidden):
                    pipe.delete(stored)
                else:
                    fold(keys=[stored], args=[manifest.as_of], client=pipe)
            pipe.execute()


def _scanned(client: Redis, name: str, part: str) -> Iterator[bytes]:
    """The keys of all entities that have such a part. One may come twice."""
    prefix = _name(name, part)
    pattern = b"".join(b"\\" + bytes([byte]) if byte in b"*?[]\\^-" else bytes([byte]) for byte in prefix)
    for key in client.scan_iter(match=pattern + b"*", count=KEYS_AT_ONCE):
        yield key[len(prefix) :]


def _live(raw: bytes | None, number: int) -> _Version | None:
    """The newest version that is not above a generation."""
    versions = msgspec.msgpack.decode(raw, type=list[_Version]) if raw else []
    return next((one for one in versions if one[0] <= number), None)


def _entity(state: bytes, manifest: Manifest, numbers: Sequence[int], now: int) -> Entity:
    stored, expiry = msgspec.msgpack.decode(state)
    moments = dict(zip((at for at, column in enumerate(manifest.columns) if column.expires), expiry, strict=True))
    too_old = is_too_old(manifest, manifest.as_of, now)
    values: dict[str, Value] = {}
    states: dict[str, Found] = {}
    for number in numbers:
        name, until = manifest.columns[number].name, moments.get(number)
        expired = too_old or (until is not None and now >= until)
        values[name] = None if expired else stored[number]
        states[name] = Found.EXPIRED if expired else Found.NULL if stored[number] is None else Found.PRESENT
    return Entity(values=values, states=states, as_of=manifest.as_of, snapshot=manifest.snapshot)


def _newer(stored: bytes) -> tuple[Value, int]:
    at, _, value = stored.partition(b":")
    return msgspec.msgpack.decode(value), int(at)


def _people(stored: Iterable[bytes]) -> Hidden:
    return merged({}, (msgspec.msgpack.decode(one, type=Hide) for one in stored))


def _name(name: str, part: str) -> bytes:
    return (
        f"pumphouse:{{{name}}}:{part}:".encode()
    )  # in braces: one shard of a cluster holds all, so one transaction can


def _key(name: str, part: str, key: Key) -> bytes:
    return _name(name, part) + msgspec.msgpack.encode(list(key))


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Redis's errors as ours."""
    from redis.exceptions import RedisError

    try:
        yield
    except RedisError as error:
        raise LakeError(
            f"the Redis of '{name}' does not answer: {error}",
            asset=name,
            mend="Is it up, and its url and password right?",
        ) from error
