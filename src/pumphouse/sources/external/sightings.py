"""External tables as they were last seen: who lists tables waits for no database that is down."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from pumphouse.engines.engine import Scan
from pumphouse.sources.external.tables import ExternalTables

log = logging.getLogger("pumphouse.sources")

FRESH_S = 5.0
"""How long what was seen of a place is told before somebody looks again, also where it did not answer."""
WAIT_S = 1.0
"""How long those who list tables wait for a look, from when it began."""


@dataclass(slots=True)
class _Sight:
    """One table: what was last seen of it, and whether it was there at the last look."""

    last: Scan | None = None
    is_there: bool = False
    asked_at: float = float("-inf")


@dataclass(slots=True)
class _Round:
    """One look at all tables of a place."""

    began: float
    is_over: threading.Event = field(default_factory=threading.Event)


class Sightings:
    """What was last seen of external tables. Used from many threads at once.

    A place is looked at in a thread of its own, one at a time, once somebody asks and the last look is FRESH_S ago.
    """

    def __init__(self, tables: ExternalTables) -> None:
        self._tables = tables
        self._sights = {name: _Sight() for name in tables.names}
        self._rounds: dict[str, _Round] = {}
        self._lock = threading.Lock()
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often a table came, went, or was seen with other columns."""
        return self._changes

    def there(self, names: Collection[str]) -> tuple[str, ...]:
        """Those of the tables that can be told of now, after WAIT_S at most; all of them were seen once."""
        rounds = [self._round(place) for place in {self._tables.place_of(name): None for name in names}]
        for one in rounds:
            one.is_over.wait(max(0.0, one.began + WAIT_S - time.monotonic()))
        return tuple(name for name in names if self._sights[name].is_there)

    def last(self, name: str) -> Scan | None:
        """The table without its rows, as it was when it was last there; None where it was never seen."""
        return self._sights[name].last

    def look(self, name: str) -> Scan:
        """The table without its rows, as it is now. Raises SourceError where it can't be reached."""
        self._sights[name].asked_at = time.monotonic()
        try:
            found = self._tables.shape(name)
        except Exception:
            self._note(name, None)
            raise
        self._note(name, found)
        return found

    def _round(self, place: str) -> _Round:
        """The look at a place that is under way, or was the last; a new one where that is too long ago."""
        with self._lock:
            now = time.monotonic()
            one = self._rounds.get(place)
            if one is None or (one.is_over.is_set() and now - one.began > FRESH_S):
                one = self._rounds[place] = _Round(began=now)
                threading.Thread(target=self._look, args=(place, one), daemon=True).start()
            return one

    def _look(self, place: str, one: _Round) -> None:
        try:
            for name in self._to_ask(place, one):
                try:
                    self.look(name)
                except Exception as error:  # noqa: BLE001  # nobody else hears of it
                    log.warning("external table '%s' can't be seen: %s", name, error)
        finally:
            one.is_over.set()

    def _to_ask(self, place: str, one: _Round) -> Iterator[str]:
        """The tables of a place, those first that were not asked for longest; none more once it is slow to fail."""
        names = [name for name in self._sights if self._tables.place_of(name) == place]
        for name in sorted(names, key=lambda name: self._sights[name].asked_at):
            yield name
            if not self._sights[name].is_there and time.monotonic() - self._sights[name].asked_at > WAIT_S:
                for other in names:
                    if self._sights[other].asked_at < one.began:
                        self._note(other, None)
                return

    def _note(self, name: str, found: Scan | None) -> None:
        with self._lock:
            sight = self._sights[name]
            known = sight.last if sight.is_there else None
            if found is None or known is None or found.relation != known.relation:
                self._changes += found is not None or sight.is_there
            sight.is_there = found is not None
            sight.last = found or sight.last
