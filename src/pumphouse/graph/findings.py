"""A fault as found in one text, before it is known which file the text is from."""

from __future__ import annotations

import msgspec

from pumphouse.errors import Fault, Place


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What is wrong, in which line of the text, and how to mend it.

    A Struct, not a dataclass, as everything that the cache keeps: ten thousand of them are decoded at each start.
    """

    line: int
    what: str
    mend: str = ""

    def at(self, file: str, *, asset: str | None = None) -> Fault:
        """The same fault, of a file."""
        return Fault(what=self.what, place=Place(file=file, line=self.line), mend=self.mend, asset=asset)
