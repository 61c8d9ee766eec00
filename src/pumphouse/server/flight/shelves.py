"""What is kept for a visitor between two calls: tickets and prepared statements, each by a handle nobody can guess."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from pumphouse.errors import Overloaded, UnknownName
from pumphouse.server.access.gate import Visitor

HANDLE_BYTES = 16

Kept = TypeVar("Kept")


@dataclass(slots=True)
class _Place(Generic[Kept]):
    thing: Kept
    used_at: float


class Shelf(Generic[Kept]):
    """Things of visitors. A thing is its visitor's alone, and goes when nobody has used it for `kept_s`.

    Of one visitor `of_one_max` are kept, and the one that was unused for longest makes room; of all, `of_all_max`.
    """

    def __init__(
        self,
        what: str,
        *,
        kept_s: float,
        of_one_max: int,
        of_all_max: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._kept_s = kept_s
        self._of_one_max = of_one_max
        self._of_all_max = of_all_max
        self._now = now
        self._lock = threading.Lock()
        self._places: dict[Visitor, dict[bytes, _Place[Kept]]] = {}
        """Of each visitor, what was used last stands last."""
        self._count = 0

    def put(self, visitor: Visitor, thing: Kept) -> bytes:
        """Keep it; the handle to get it by. Raises Overloaded where too much of others is kept."""
        handle = secrets.token_bytes(HANDLE_BYTES)
        with self._lock:
            self._leave_old()
            own = self._places.setdefault(visitor, {})
            if len(own) >= self._of_one_max:
                self._drop(visitor, next(iter(own)))
            if self._count >= self._of_all_max:
                raise Overloaded(f"too many {self._what}s are open", mend="Ask again in a moment.")
            own = self._places.setdefault(visitor, {})
            own[handle] = _Place(thing, self._now())
            self._count += 1
        return handle

    def get(self, visitor: Visitor, handle: bytes) -> Kept:
        """The visitor's thing. Raises UnknownName also where it is somebody else's."""
        with self._lock:
            self._leave_old()
            own = self._places.get(visitor, {})
            place = own.pop(handle, None)
            if place is None:
                raise UnknownName(
                    f"there is no such {self._what}, or it has ended", mend="Ask for the statement again."
                )
            place.used_at = self._now()
            own[handle] = place
        return place.thing

    def take(self, visitor: Visitor, handle: bytes) -> Kept:
        """The visitor's thing, which is not kept any more. Raises UnknownName likewise."""
        thing = self.get(visitor, handle)
        with self._lock:
            if handle not in self._places.get(visitor, {}):
                raise UnknownName(f"this {self._what} was used before", mend="Ask for the statement again.")
            self._drop(visitor, handle)
        return thing

    def _leave_old(self) -> None:
        oldest = self._now() - self._kept_s
        for visitor, own in list(self._places.items()):
            for handle, place in list(own.items()):
                if place.used_at > oldest:
                    break
                self._drop(visitor, handle)

    def _drop(self, visitor: Visitor, handle: bytes) -> None:
        own = self._places[visitor]
        del own[handle]
        self._count -= 1
        if not own:
            del self._places[visitor]
