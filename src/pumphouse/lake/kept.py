"""What is made once and kept for whoever asks again, up to a number: what was asked for last stays longest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """Values by their keys, for all threads. What is kept may not change, and costs nothing but time to make again."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: dict[Key, Value] = {}
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        """What is kept."""
        with self._lock:
            value = self._values.pop(key, None)
            if value is not None:
                self._values[key] = value
            return value

    def put(self, key: Key, value: Value) -> None:
        """Keep it; what was not asked for the longest makes room."""
        with self._lock:
            self._values.pop(key, None)
            while len(self._values) >= self.most:
                self._values.pop(next(iter(self._values)))
            self._values[key] = value

    def of(self, key: Key, make: Callable[[], Value]) -> Value:
        """What is kept, or is made now: by two threads at once, twice."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def drop(self, key: Key) -> None:
        """Keep it no longer."""
        with self._lock:
            self._values.pop(key, None)

    def __iter__(self) -> Iterator[Key]:
        """The keys of what is kept now."""
        with self._lock:
            return iter(list(self._values))
