"""Where a unit lies on the line from 0 to 1, of which shares and arms are parts: the same everywhere and for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def place(name: str, unit: str) -> float:
    """The unit's place on the line of a name: SHA-256 of both, so that two names split the same units independently.

    For example:

        place("badge", "7")
    """
    return int.from_bytes(hashlib.sha256(f"{name}\x00{unit}".encode()).digest()[:8]) / 2**64


def places(name: str, units: Sequence[str]) -> NDArray[np.float64]:
    """The places of many units, each what `place` says of it."""
    import numpy as np

    start, sha256 = f"{name}\x00".encode(), hashlib.sha256
    digests = b"".join([sha256(start + unit.encode()).digest() for unit in units])
    return np.frombuffer(digests, dtype=">u8")[::4] / 2**64
