"""Masking a whole column, but for the last characters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.step import EachValue, Resources, Step

STAR = "*"
KEEP_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask(Step):
    """The step that `mask` makes."""

    name: ClassVar[str] = "mask"
    gives: ClassVar[str] = "VARCHAR"
    hides: ClassVar[bool] = True
    keep: int = 4
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, Masker(keep=self.keep).masked)


def mask(*, keep: int = 4) -> Mask:
    """A step that writes a star for every character but the last `keep`; never is more than half of a text kept.

    A quarantine keeps the column masked too.

    `mask().one("4111 1111 1111 1111").value == "***************1111"`
    """
    if not 0 <= keep <= KEEP_MAX:
        raise ValueError(f"mask keeps 0 to {KEEP_MAX} characters, not {keep}")
    return Mask(keep=keep)


class Masker:
    """Masks one text after the other."""

    def __init__(self, *, keep: int) -> None:
        self.keep = keep

    def masked(self, written: str) -> tuple[str, None]:
        """One text: (masked, no reason)."""
        stripped = written.strip()
        kept = min(self.keep, len(stripped) // 2)
        hidden = len(stripped) - kept
        return STAR * hidden + stripped[hidden:], None
