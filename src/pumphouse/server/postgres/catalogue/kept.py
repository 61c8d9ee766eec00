"""What is made once for each who wants it, and then kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

WAIT_S_MAX = 60.0
"""How long somebody waits for what another makes for both; then it is a TimeoutError."""


class Kept(Generic[Key, Value]):
    """Values by key, of which those used last are kept. Each is made by one who asks; only who wants it too waits."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Future[Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of a key, made now where there is none. What `make` raises is raised, and not kept."""
        with self._lock:
            value = self._values.get(key)
            is_ours = value is None
            if value is None:
                value = self._values[key] = Future()
                while len(self._values) > self._most:
                    self._values.popitem(last=False)  # whoever has it, or waits for it, still holds it
            else:
                self._values.move_to_end(key)
        if is_ours:
            try:
                value.set_result(make())
            except BaseException as error:
                with self._lock:
                    if self._values.get(key) is value:
                        del self._values[key]
                value.set_exception(error)
                raise
        return value.result(WAIT_S_MAX)
