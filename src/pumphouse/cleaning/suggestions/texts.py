"""A column of text that is of no kind: how it is mended, and notes on what is in it."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator

from pumphouse.cleaning.spellings.proposals import METHODS, PHONETIC, propose
from pumphouse.cleaning.steps.gaps import null_if
from pumphouse.cleaning.steps.masking_text import Personal, mask_cards, mask_secrets
from pumphouse.cleaning.steps.plain_text import plain_text
from pumphouse.cleaning.suggestions.evidence import Evidence
from pumphouse.cleaning.suggestions.looking import MOSTLY, Looking
from pumphouse.cleaning.suggestions.proposal import Note, Proposal, col, listed, looking, shown, shown_pair
from pumphouse.cleaning.suggestions.samples import Sampled, evenly
from pumphouse.cleaning.wording import percent

MARKUP = re.compile(r"(?s).*(?:</?[a-z]+[ />]|&[a-z]+;|&#\d+;).*")
CATEGORIES_MAX, TIMES_MIN = 500, 5
"""A column of categories has no more different values, and each so many times, in the mean."""
SURE_METHODS = frozenset(method for method, _ in METHODS if method != PHONETIC)
PERSONAL = {"email": "e-mail addresses", "phone": "telephone numbers", "iban": "IBANs"}
"""What can be told in a text for sure: telephone numbers with their country code."""
CELLS_LOOKED_AT_MAX = 500


def text(at: Looking, column: Sampled, gaps: Evidence | None) -> Iterator[Proposal]:
    """How text of no kind is mended."""
    steps: list[tuple[str, str, str]] = []
    if gaps is not None:
        words = listed(value for value, _ in column.values if value.strip() and null_if().one(value).value is None)
        steps.append(("null_if", "null_if()", f"{percent(gaps.gaps / column.sampled)} stand for nothing ({words})"))
    has_markup = looking(column, MARKUP) > 0
    plain = at.tried(plain_text(html=True) if has_markup else plain_text(), column)
    if plain.changed:
        before, after = plain.examples[0]
        why = f"{percent(plain.share(plain.changed))} are mended, as {shown_pair(before, after)}"
        steps.append(("plain_text", "plain_text(html=True)" if has_markup else "plain_text()", why))
    for name, step, what in (
        ("mask_cards", mask_cards(), "card numbers"),
        ("mask_secrets", mask_secrets(), "secrets"),
    ):
        masked = at.tried(step, column)
        if masked.changed:
            counted = f"{masked.changed:,} of {column.sampled:,} cells looked at"
            steps.append(
                (name, f"{name}()", f"{percent(masked.share(masked.changed))} have {what} in them ({counted})")
            )
    if steps:
        chain = " >> ".join([col(column.name), *(code for _, code, _ in steps)])
        names = ("col", *(name for name, _, _ in steps))
        yield Proposal(column=column.name, code=chain, names=names, why=", ".join(why for _, _, why in steps))


def notes_on(at: Looking, column: Sampled) -> Iterator[Note]:
    """What a person has to decide: which spellings are one, and who may see personal data."""
    yield from _spellings(at, column)
    yield from _personal(column)


def _spellings(at: Looking, column: Sampled) -> Iterator[Note]:
    """Groups of spellings, where values come again and again and one group at least is likely by its letters."""
    if not 2 <= len(column.values) <= CATEGORIES_MAX or column.sampled < TIMES_MIN * len(column.values):
        return
    found = propose(dict(column.values))
    if not any(one.method in SURE_METHODS for one in found):
        return
    groups = Counter(one.value for one in found)
    example = next(one for one in found if one.method in SURE_METHODS)
    number = "1 value is" if len(groups) == 1 else f"{len(groups):,} values are"
    yield Note(
        column=column.name,
        note=f"{number} likely spelled in several ways, as {shown(example.variant)} for {shown(example.value)}",
        next=f"pumphouse categories {shlex.quote(f'{at.table}.{column.name}')}",
    )


def _personal(column: Sampled) -> Iterator[Note]:
    """How many cells have personal data in them that can be told for sure. Where most of those cells are nothing else,
    as in a column of addresses, to mask it would leave nothing, and nothing is said."""
    find = Personal(kinds=tuple(PERSONAL), region=None)
    quick = Personal(kinds=tuple(kind for kind in PERSONAL if kind != "phone"), region=None)
    counts: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    cells = 0
    for value, times in evenly(column.values, CELLS_LOOKED_AT_MAX):
        cells += times
        # Without a plus there is no country code, and looking for telephone numbers takes long.
        spans = (find if "+" in value else quick)(value)
        for kind in {span.kind for span in spans}:
            counts[kind] += times
            alone[kind] += times * any(_is_all_of(value, span.start, span.end) for span in spans if span.kind == kind)
    for kind in [kind for kind, times in counts.items() if alone[kind] > MOSTLY * times]:
        del counts[kind]
    if counts:
        said = ", ".join(f"{counts[kind]:,} have {what}" for kind, what in PERSONAL.items() if counts[kind])
        kinds = ", ".join(f'"{kind}"' for kind in PERSONAL if counts[kind])
        yield Note(
            column=column.name,
            note=f"of {cells:,} cells looked at, {said} in them",
            next=f"{col(column.name)} >> mask_personal({kinds})",
        )


def _is_all_of(value: str, start: int, end: int) -> bool:
    """Whether no word stands before or after."""
    return re.search(r"\w", value[:start] + value[end:]) is None
