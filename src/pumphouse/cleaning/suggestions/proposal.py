"""What is proposed: lines of a declaration with their evidence, and notes on what a person has to decide."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from keyword import iskeyword
from tokenize import generate_tokens

from pumphouse.cleaning.steps.masking_text import mask_cards, mask_secrets
from pumphouse.cleaning.suggestions.evidence import Evidence
from pumphouse.cleaning.suggestions.samples import Sampled
from pumphouse.cleaning.wording import percent, visible, visible_pair

LETTERS_SHOWN = 40
WIDTH_MAX = 100
"""Of a line, in letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One line of a declaration, and why."""

    column: str
    code: str
    names: tuple[str, ...]
    """What the code imports, besides `clean`."""
    why: str
    read: float | None = None
    """Share (0 to 1) of the sampled cells that the step reads; None where it is about no cells."""
    set_aside: float | None = None
    """Share that would go to quarantine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a column holds that a person has to decide about, and where to go on."""

    column: str
    note: str
    next: str
    """A command, or a step to paste."""


def proposed(column: Sampled, code: str, what: str, found: Evidence) -> Proposal:
    """The step for the column, with how much of it is read as `what`."""
    example = f", as {shown_pair(*found.examples[0])}" if found.examples else ""
    return Proposal(
        column=column.name,
        code=f"{col(column.name)} >> {code}",
        names=("col", code.partition("(")[0]),
        why=", ".join([f"{percent(found.share(found.read))} read as {what}{example}", *aside(found)]),
        read=found.share(found.read),
        set_aside=found.share(found.declined),
    )


def aside(found: Evidence) -> list[str]:
    """What would go to quarantine, with an example."""
    if not found.declined:
        return []
    value, reason = found.rejected[0]
    return [f"{percent(found.share(found.declined))} would go to quarantine ({shown(value)}: {reason})"]


def looking(column: Sampled, pattern: re.Pattern[str], *, whole: bool = True) -> float:
    """Share of the sampled cells that look so, as a whole or somewhere."""
    match = pattern.fullmatch if whole else pattern.search
    return sum(times for value, times in column.values if match(str(value).strip())) / max(1, column.sampled)


def col(name: str) -> str:
    """A column as code names it."""
    # Python reads a name in another Unicode form as the plain one.
    is_plain = name.isidentifier() and name == unicodedata.normalize("NFKC", name)
    return f"col.{name}" if is_plain and not iskeyword(name) and not name.startswith("__") else f"col[{name!r}]"


def listed(values: Iterable[str]) -> str:
    """The first few values, in words."""
    return ", ".join(shown(value) for value in list(values)[:3])


def shown(value: str) -> str:
    """A value in quotes, shortened; card numbers and secrets in it masked, as the steps proposed for them would."""
    return _in_quotes(visible(_masked(value), LETTERS_SHOWN))


def shown_pair(before: str, after: str) -> str:
    """Two values as `shown` has them, so that a person sees where they differ."""
    first, second = visible_pair(_masked(before), _masked(after), LETTERS_SHOWN)
    return f"{_in_quotes(first)} to {_in_quotes(second)}"


def _masked(value: str) -> str:
    return str(mask_secrets().one(mask_cards().one(value).value).value)


def _in_quotes(told: str) -> str:
    return told if told.startswith("'") and told.endswith("'") else f"'{told}'"


def written(name: str) -> str:
    """A column's name as text in code. It is a stranger's, and must stay a name in code that is pasted."""
    return f'"{name}"' if name.isidentifier() else repr(name)


def in_lines(code: str, *, indent: str) -> list[str]:
    """Code that stands in brackets, in lines of WIDTH_MAX: broken after a comma, or before another step."""
    tokens = [token for token in generate_tokens(StringIO(code).readline) if token.string in (",", ">>")]
    ends = [0, *(token.end[1] if token.string == "," else token.start[1] for token in tokens), len(code)]
    lines: list[str] = []
    for part in (code[start:end] for start, end in pairwise(ends)):
        if lines and len(lines[-1]) + len(part.rstrip()) <= WIDTH_MAX:
            lines[-1] += part
        else:
            lines.append(f"{indent}    {part.lstrip()}" if lines else f"{indent}{part}")
    return [line.rstrip() for line in lines]
