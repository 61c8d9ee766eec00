"""The ranges of a table, each batch stored as it comes: one after the other, or several at a time in the same order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing

from pumphouse.sources.databases.query import Read, Table
from pumphouse.sources.fetch import Exchange, Method, Visit

ROWS = "rows"
"""The header that says how many rows are in a stored batch."""
LOOK_S = 0.5
"""How often a build that waits for a database says so: only then can it be stopped."""


def each_stored(visit: Visit, table: Table, *, name: str, waiting: Callable[[], None]) -> Iterator[Exchange]:
    """The stored batches, noted in the order of the ranges; what is in memory is one batch for each reader."""
    if len(table.ranges) == 1 or table.readers == 1:
        for nth, read in enumerate(table.ranges, 1):
            where = name if len(table.ranges) == 1 else f"{name}: range {nth}"
            for exchange in _each(visit, read, where):
                visit.note(exchange)
                yield exchange
        return
    stopped = threading.Event()
    with ThreadPoolExecutor(table.readers, thread_name_prefix="reading") as pool:
        try:
            futures = [
                pool.submit(_all, visit, read, f"{name}: range {nth}", stopped)
                for nth, read in enumerate(table.ranges, 1)
            ]
            for future in futures:
                for exchange in _result(future, waiting):
                    visit.note(exchange)
                    yield exchange
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)


def keys_stored(visit: Visit, table: Table, *, name: str) -> Iterator[Exchange]:
    """The stored batches of the keys of all there is, noted; an empty one where there is none."""
    if table.keys is None:
        return
    nothing = True
    for exchange in _each(visit, table.keys, f"{name}: keys", method="KEYS"):
        nothing = False
        visit.note(exchange)
        yield exchange
    if nothing:
        yield visit.keep("KEYS", f"{name}: no keys", b"", headers={ROWS: "0"})


def _result(future: Future[list[Exchange]], waiting: Callable[[], None]) -> list[Exchange]:
    while not wait([future], timeout=LOOK_S).done:
        waiting()
    return future.result()


def _all(visit: Visit, read: Read, where: str, stopped: threading.Event) -> list[Exchange]:
    found: list[Exchange] = []
    with closing(_each(visit, read, where)) as exchanges:
        for exchange in exchanges:
            if stopped.is_set():
                break
            found.append(exchange)
    return found


def _each(visit: Visit, read: Read, where: str, *, method: Method = "TABLE") -> Generator[Exchange]:
    with closing(read()) as batches:
        for nth, batch in enumerate(batches, 1):
            yield visit.store(method, f"{where}: batch {nth}", batch.body, headers={ROWS: str(batch.rows)})
