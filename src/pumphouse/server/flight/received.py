"""How much a connection may send before a call of its is let in.

gRPC takes a message whole, of whatever size, before anything of ours is asked, and pyarrow has no setting for that. So
as soon as this process grows its connections are looked at, and those are cut that send more than any call needs.
"""

from __future__ import annotations

import threading

from pumphouse.server.access.memory import resident_bytes
from pumphouse.server.flight.connections import connections, peer_of

RECEIVED_MAX, RECEIVED_OF_ALL_MAX = 64 * 1024**2, 256 * 1024**2
"""Bytes since the last call that was let in: of one connection, and of all together."""
GROWN = 32 * 1024**2
"""How much this process grows until its connections are looked at."""
LOOK_S = 0.1
PEERS_MAX = 10_000
"""Who was let in is remembered until the next look, which comes when they are so many."""


class Received:
    """Looks after the connections to a port, in a thread of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._let_in: set[str] = set()
        self._counted: dict[str, int] = {}
        """What each had sent when it was looked at after its last call."""
        self._closed = threading.Event()
        threading.Thread(target=self._look_after, name="flight received", daemon=True).start()

    def let_in(self, peer: str) -> None:
        """A call of a peer, as gRPC names it, is let in."""
        self._let_in.add(peer_of(peer))

    def look(self) -> None:
        """Cut those that have sent too much."""
        let_in, self._let_in = self._let_in, set()
        found = [(one, one.received()) for one in connections(self._port)]
        counted = {}
        for one, received in found:
            before = received if one.peer in let_in else self._counted.get(one.peer, 0)
            counted[one.peer] = before if before <= received else 0  # where it is less, this is another one from there
        self._counted = counted
        sent = sorted(((received - counted[one.peer], one) for one, received in found), key=lambda it: -it[0])
        together = sum(size for size, _ in sent)
        for size, one in sent:
            if size <= RECEIVED_MAX and together <= RECEIVED_OF_ALL_MAX:
                break
            one.hang_up()
            together -= size

    def close(self) -> None:
        """Look no longer."""
        self._closed.set()

    def _look_after(self) -> None:
        before = resident_bytes() or 0
        while not self._closed.wait(LOOK_S):
            held = resident_bytes() or 0
            before = min(before, held)
            if held - before > GROWN or len(self._let_in) > PEERS_MAX:
                self.look()
                before = held
