"""Telephone numbers of a whole column read at once, as far as they are plain digits with usual marks between them.

What is not, and what a country's rules make complicated, is left to the way that takes one number after the other.
Both give the same.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.steps.digit_patterns import ANY_REST, NO_DIGIT, Automata, Node, parsed, texts, texts_count
from pumphouse.cleaning.steps.numbering_plans import (
    FIXED,
    FIXED_OR_MOBILE,
    KINDS,
    MOBILE,
    NEVER,
    NO_COUNTRY,
    NUMBER_DIGITS_MAX,
    NUMBER_DIGITS_MIN,
    NumberingPlans,
    Plan,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, Any]  # Any: numpy's own types

PLACES = 24
"""Of digits: the most that a number may have, and what stands behind them as no digit."""
DIGITS_MIN, DIGITS_MAX, LENGTH_MAX = 4, 20, 60
PREFIXES_MAX, PREFIX_MAX = 30, 8
"""Of what may be dialled before a number: texts, and digits of each. A plan with more of them is read by hand."""
EXTENSION_MAX = 6
LOCAL = re.compile(r"\((?:\[[\d-]+\]|\d)\\d\{(\d+)\}\)\$(?:\|(.+))?")
r"""([2-9]\d{6})$|1: a number of seven digits gets its area code, all others lose a prefix. As most of +1 have it."""
NEVER_PATTERN = NEVER.pattern
LENGTHS = PLACES + 1
NATIONAL, ABROAD, CODE = range(3)
OTHER, MARK, DIGIT, PLUS = range(4)
MARKS = b" -()./[]"
DESCRIBED = (*(attribute for attribute, _ in KINDS), "fixed_line", "mobile")


@dataclass(frozen=True, slots=True)
class Digits:
    """The rows of a column that are plain digits."""

    rows: Numbers
    digits: Numbers
    """By place, then by row; NO_DIGIT behind a number's end."""
    lengths: Numbers
    international: Numbers
    """Whether a plus sign stands before them."""
    extensions: Numbers
    """Of each, where an extension's digits begin and end in the text; twice the same where it has none."""


@dataclass(frozen=True, slots=True)
class Read:
    """What became of the rows of `Digits`. Where `known` is not set, they are for the other way."""

    known: Numbers
    codes: Numbers
    begin: Numbers
    """Where the national number begins."""
    digits: Numbers
    lengths: Numbers
    answers: Numbers
    """Places in `PlanColumns.answers`, or -1 where there is no such number."""


def plain_digits(text: Numbers, begin: Numbers, end: Numbers) -> Digits:
    """The rows that are digits with usual marks between them, of the bytes of all, and where each begins and ends."""
    import numpy as np

    kinds = np.zeros(256, dtype=np.uint8)
    kinds[list(MARKS)] = MARK
    kinds[ord("0") : ord("9") + 1] = DIGIT
    kinds[ord("+")] = PLUS
    tel = np.frombuffer(b"tel:+", dtype=np.uint8)
    begins_so = end - begin > len(tel)
    for place, letter in enumerate(tel):
        begins_so &= text.take(begin + place, mode="clip") == letter
    begin = np.where(begins_so, begin + 4, begin)
    kind = kinds[text]

    def before(is_one: Numbers) -> Numbers:
        counts = np.zeros(len(text) + 1, dtype=np.int32)
        np.cumsum(is_one, out=counts[1:])
        return counts

    is_digit = kind == DIGIT
    digits_before, others_before, plus = before(is_digit), before(kind == OTHER), np.flatnonzero(kind == PLUS)
    last = end
    marked = np.flatnonzero(text == ord("x"))
    row = np.searchsorted(begin, marked, side="right") - 1
    size = end[row] - marked - 1
    is_extension = (row >= 0) & ~begins_so[row] & (others_before[end[row]] - others_before[begin[row]] == 1)
    is_extension &= (size >= 1) & (size <= EXTENSION_MAX)
    is_extension &= digits_before[end[row]] - digits_before[np.minimum(marked + 1, len(text))] == size
    # Spaces between a number and its extension, as a library reads it, but no other mark.
    ends_so = [is_digit.take(marked - back, mode="clip") for back in (1, 2)]
    is_extension &= ends_so[0] | (ends_so[1] & (text.take(marked - 1, mode="clip") == ord(" ")))
    end = end.copy()
    end[row[is_extension]] = marked[is_extension]
    first_digit = digits_before[begin]
    lengths = digits_before[end] - first_digit
    right = (others_before[end] == others_before[begin]) & (end - begin <= LENGTH_MAX)
    right &= (lengths >= DIGITS_MIN) & (lengths <= DIGITS_MAX)
    first_plus = np.searchsorted(plus, begin)
    many = np.searchsorted(plus, end) - first_plus
    if len(plus):
        right &= (many == 0) | ((many == 1) & (digits_before[plus.take(first_plus, mode="clip")] == first_digit))
    # What may have been a float, or be two numbers: 2125550123.0 and 030 901820 / 21.
    odd = np.flatnonzero((text == ord(".")) | (text == ord("/")))
    row = np.searchsorted(begin, odd, side="right") - 1
    odd, row = odd[row >= 0], row[row >= 0]
    left, rest = digits_before[odd] - first_digit[row], first_digit[row] + lengths[row] - digits_before[odd]
    right[row[((left >= 6) & (rest >= 1) & (rest <= 4)) | (end[row] < last[row])]] = False
    rows = np.flatnonzero(right)
    lengths, start = lengths[rows], first_digit[rows]
    values = text[is_digit] - ord("0")
    digits = np.full((PLACES, len(rows)), NO_DIGIT, dtype=np.uint8)
    for place in range(int(lengths.max(initial=0))):
        digits[place] = np.where(lengths > place, values.take(start + place, mode="clip"), NO_DIGIT)
    after = np.where(end < last, end + 1, last)[rows]
    return Digits(rows, digits, lengths, many[rows] > 0, np.stack([after, last[rows]]))


class PlanColumns:
    """The numbering plans as tables, filled as regions and country codes come up."""

    def __init__(self, plans: NumberingPlans) -> None:
        import numpy as np

        self.plans = plans
        self.codes = sorted(plans.regions_of_code)
        self.code_places = {code: place for place, code in enumerate(self.codes)}
        self.code_of = np.full(1000, -1, dtype=np.int32)
        for digits, code in plans.code_of.items():
            self.code_of[int(digits)] = self.code_places[code]
        self.code_lengths = np.array([len(code) for code in self.codes])
        self.known: dict[tuple[str, str], int] = {}
        """Places of plans, by code and region."""
        self.rows: list[Plan] = []
        size = sum(map(len, plans.regions_of_code.values()))
        self.code, self.number_in_code = np.zeros(size, dtype=np.int32), np.zeros(size, dtype=np.int32)
        self.is_simple = np.zeros(size, dtype=bool)
        self.is_stripped, self.is_too_long = np.zeros((2, size, LENGTHS), dtype=bool)
        self.prefixes = np.zeros((3, size, PREFIXES_MAX, PREFIX_MAX), dtype=np.uint8)
        self.prefix_lengths = np.zeros((3, size, PREFIXES_MAX), dtype=np.int32)
        """For each of NATIONAL, ABROAD and CODE, by plan: what may stand before a number, what is tried first first."""
        self.local_length = np.full(size, -1, dtype=np.int32)
        """Of numbers that a plan completes, which is done by hand."""
        self.main = np.full(len(self.codes), -1, dtype=np.int32)
        self.start = np.zeros(len(self.codes), dtype=np.int32)
        self.automata = Automata()
        self.made = 0
        self.general = np.zeros(0, dtype=np.int64)
        """By state, a bit for each plan of its country code: whether the number is one in general."""
        self.label = np.zeros(0, dtype=np.int32)
        self.labels: dict[tuple[int, frozenset[str]], int] = {}
        self.by_length: list[list[int]] = []
        self.answer: Numbers = np.zeros((0, LENGTHS), dtype=np.int32)
        """By label and length, a place in `answers`."""
        self.answers: list[tuple[str, str | None]] = []
        self.answer_places: dict[tuple[str, str | None], int] = {}

    def of_region(self, region: str) -> int:
        """The place of a region's plan."""
        plan = self.plans.of_region(region)
        self._of_code(self.code_places[plan.code])
        return self.known[plan.code, plan.region]

    def _of_code(self, place: int) -> int:
        """The place of a country code's main plan."""
        if self.main[place] < 0:
            plans = self.plans.of_code(self.codes[place])
            self.start[place] = self.automata.start(place, _patterns(plans))
            for plan in reversed(plans):
                self.main[place] = self._place(plan)
        return int(self.main[place])

    def _place(self, plan: Plan) -> int:
        key = (plan.code, plan.region)
        place = self.known.get(key)
        if place is None:
            place = self.known[key] = len(self.rows)
            self.rows.append(plan)
            self.code[place] = self.code_places[plan.code]
            self.number_in_code[place] = self.plans.regions_of_code[plan.code].index(plan.region)
            for length in range(LENGTHS):
                beyond = length > plan.lengths[-1] and length not in plan.local_lengths
                self.is_stripped[place, length] = length in plan.lengths or beyond
                self.is_too_long[place, length] = plan.is_too_long(length)
            prefix = plan.national_prefix.pattern if plan.national_prefix else ""
            transform = plan.transform
            if transform is not None and (completed := LOCAL.fullmatch(prefix)):
                self.local_length[place] = 1 + int(completed[1])
                prefix, transform = completed[2] or "", None
            before = (_texts(prefix), _texts(plan.international_prefix.pattern), [plan.code])
            self.is_simple[place] = transform is None and all(each is not None for each in before)
            for which, several in enumerate(before):
                for number, digits in enumerate(several or []):
                    self.prefixes[which, place, number, : len(digits)] = list(map(int, digits))
                    self.prefix_lengths[which, place, number] = len(digits)
        return place

    def read(self, found: Digits, region: Numbers) -> Read:
        """What the numbers are, each in the region whose plan has that place."""
        import numpy as np

        rows = len(found.rows)
        digits, lengths = found.digits, found.lengths.copy()
        known = found.international | (region >= 0)
        begin, plan = np.zeros(rows, dtype=np.int32), np.where(region >= 0, region, 0)
        by_hand = np.zeros(rows, dtype=bool)
        abroad = found.international.copy()

        inland = np.flatnonzero(known & ~abroad)
        by_hand[inland] = ~self.is_simple[plan[inland]]
        inland = inland[~by_hand[inland]]
        after = self._after(ABROAD, digits, begin, plan, inland)
        dialled = (after > 0) & (digits[np.minimum(after, PLACES - 1), inland] != 0)
        begin[inland[dialled]] = after[dialled]
        abroad[inland[dialled]] = True
        inland = inland[~dialled]

        going = np.flatnonzero(abroad)
        known[going] &= lengths[going] - begin[going] >= 3
        going = going[known[going]]
        at = begin[going]
        first = [digits[at + place, going].astype(np.int32) for place in range(3)]
        code = self.code_of[first[0] * 100 + first[1] * 10 + first[2]]
        known[going] &= code >= 0
        going, code = going[code >= 0], code[code >= 0]
        for each in np.unique(code).tolist():
            self._of_code(each)
        plan[going] = self.main[code]
        by_hand[going] = ~self.is_simple[plan[going]]
        begin[going] += self.code_lengths[code]

        # With its country code, and no plus sign?
        after = self._after(CODE, digits, begin, plan, inland)
        with_code, after = inland[after > 0], after[after > 0]
        main = self.main[self.code[plan[with_code]]]
        simple = self.is_simple[main]
        by_hand[with_code[~simple]] = True
        with_code, after, main = with_code[simple], after[simple], main[simple]
        if len(with_code):
            there = begin.copy()
            there[with_code] = after
            rest = self._without_prefix(digits, lengths, there, plan, with_code, by_hand)
            there[with_code] = rest
            is_so = self.is_too_long[plan[with_code], lengths[with_code]]
            is_so |= self._is_general(digits, there, plan, with_code) & ~self._is_general(
                digits, begin, plan, with_code
            )
            begin[with_code[is_so]], plan[with_code[is_so]] = rest[is_so], main[is_so]

        stripped = np.flatnonzero(known & ~by_hand)
        rest = self._without_prefix(digits, lengths, begin, plan, stripped, by_hand)
        is_so = self.is_stripped[plan[stripped], lengths[stripped] - rest] & ~by_hand[stripped]
        begin[stripped[is_so]] = rest[is_so]
        if by_hand.any():
            self._by_hand(digits, lengths, begin, known, plan, np.flatnonzero(known & by_hand), abroad, region)
        size = lengths - begin
        known &= (size >= NUMBER_DIGITS_MIN) & (size <= NUMBER_DIGITS_MAX)
        answers = np.full(rows, -1, dtype=np.int32)
        left = np.flatnonzero(known)
        states = self._follow(digits, begin, plan, left)
        answers[left] = self.answer[self.label[states], size[left]]
        return Read(known, self.code[plan], begin, digits, lengths, answers)

    def _by_hand(
        self,
        digits: Numbers,
        lengths: Numbers,
        begin: Numbers,
        known: Numbers,
        plan: Numbers,
        rows: Numbers,
        abroad: Numbers,
        region: Numbers,
    ) -> None:
        """Read numbers whose plan is complicated one by one; their digits become the national number's."""
        import numpy as np

        for row in rows.tolist():
            length, first = int(lengths[row]), int(begin[row])
            written = (digits[:length, row] + ord("0")).tobytes().decode()
            if abroad[row]:
                code = self.codes[self.code[plan[row]]]
                found = self.plans.international(code + written[first:])
            else:
                found = self.plans.national(written, self.rows[int(region[row])].region)
            if found is None:
                known[row] = False
                continue
            code, number = found
            place = self._of_code(self.code_places[code])
            digits[:, row] = NO_DIGIT
            digits[: len(number), row] = np.frombuffer(number.encode(), dtype=np.uint8) - ord("0")
            lengths[row], begin[row], plan[row] = len(number), 0, place

    def _after(self, which: int, digits: Numbers, begin: Numbers, plan: Numbers, rows: Numbers) -> Numbers:
        """Where each row goes on behind what its plan has before a number; 0 where that does not stand there."""
        import numpy as np

        after = np.zeros(len(rows), dtype=np.int32)
        left = np.arange(len(rows))
        for number in range(PREFIXES_MAX):
            left = left[self.prefix_lengths[which, plan[rows[left]], number] > 0]
            if not len(left):
                break
            asked = rows[left]
            at, size = begin[asked], self.prefix_lengths[which, plan[asked], number]
            prefix = self.prefixes[which, plan[asked], number]
            has = np.ones(len(left), dtype=bool)
            for place in range(int(size.max())):
                there = digits[np.minimum(at + place, PLACES - 1), asked]
                has &= (size <= place) | (there == prefix[:, place])
            after[left[has]] = (at + size)[has]
            left = left[~has]
        return after

    def _without_prefix(
        self, digits: Numbers, lengths: Numbers, begin: Numbers, plan: Numbers, rows: Numbers, by_hand: Numbers
    ) -> Numbers:
        """Where the number begins without a national prefix. Marks in `by_hand` what is not that simple."""
        import numpy as np

        by_hand[rows[lengths[rows] - begin[rows] == self.local_length[plan[rows]]]] = True
        after = self._after(NATIONAL, digits, begin, plan, rows)
        rest = np.where(after > 0, after, begin[rows])
        has = np.flatnonzero(after > 0)
        if len(has):
            there = begin.copy()
            there[rows[has]] = after[has]
            with_it = self._is_general(digits, begin, plan, rows[has])
            stays = has[with_it & ~self._is_general(digits, there, plan, rows[has])]
            rest[stays] = begin[rows[stays]]
        return rest

    def _is_general(self, digits: Numbers, begin: Numbers, plan: Numbers, rows: Numbers) -> Numbers:
        states = self._follow(digits, begin, plan, rows)
        found: Numbers = (self.general[states] >> self.number_in_code[plan[rows]]) & 1 == 1
        return found

    def _follow(self, digits: Numbers, begin: Numbers, plan: Numbers, rows: Numbers) -> Numbers:
        """The state that each row's number leads to."""

        states = self.start[self.code[plan[rows]]]
        reached = self.automata.follow(states, digits[:, rows], begin[rows])
        self._make()
        return reached

    def _make(self) -> None:
        """What is known of states, for those that are new."""
        import numpy as np

        new = range(self.made, len(self.automata.keys))
        if new:
            made = [self._made(state) for state in new]
            self.general = np.concatenate([self.general, np.array([general for general, _ in made], dtype=np.int64)])
            self.label = np.concatenate([self.label, np.array([label for _, label in made], dtype=np.int32)])
            self.answer = np.concatenate(
                [self.answer, np.array(self.by_length[len(self.answer) :], dtype=np.int32).reshape(-1, LENGTHS)]
            )
            self.made = len(self.automata.keys)

    def kind_and_region(self, code: str, number: str) -> tuple[str | None, str | None]:
        """(kind, country) of one national number; (None, None) where there is no such number."""
        if len(number) >= PLACES:
            return None, None
        place = self.code_places[code]
        self._of_code(place)
        state = self.automata.follow_one(int(self.start[place]), number)
        self._make()
        answer = self.by_length[self.label.item(state)][len(number)]
        return (None, None) if answer < 0 else self.answers[answer]

    def _made(self, state: int) -> tuple[int, int]:
        """(a bit for each plan whose number it is in general, label) of a state."""
        code, ends = self.automata.group(state), self.automata.ends(state)
        key = (code, ends) if ends else (-1, ends)
        plans = self.plans.of_code(self.codes[code])
        general = sum(1 << number for number in range(len(plans)) if f"{number} general_desc" in ends)
        label = self.labels.get(key)
        if label is None:
            label = self.labels[key] = len(self.by_length)
            self.by_length.append([self._answer(plans, ends, length) for length in range(LENGTHS)])
        return general, label

    def _answer(self, plans: Sequence[Plan], ends: frozenset[str], length: int) -> int:
        """The place of (kind, country) of a number that fits those patterns, or -1."""
        for number, plan in enumerate(plans):
            is_free = plan.leading_digits is None or len(plans) == 1
            if is_free or f"{number} leading" in ends:
                kind = _kind(plan, number, ends, length)
                if kind is None and is_free:
                    continue
                if kind is None:
                    return -1
                answer = (kind, None if plan.region == NO_COUNTRY else plan.region)
                if answer not in self.answer_places:
                    self.answer_places[answer] = len(self.answers)
                    self.answers.append(answer)
                return self.answer_places[answer]
        return -1


def _texts(pattern: str) -> list[str] | None:
    """The texts that a pattern stands for, as it tries them. None where they are too many, or it is not plain."""
    if pattern in ("", NEVER_PATTERN):
        return []
    try:
        node = parsed(re.sub(r"\((?!\?)", "(?:", pattern))
    except ValueError:
        return None
    found = list(texts(node)) if texts_count(node) <= PREFIXES_MAX else []
    return found if found and all(0 < len(each) <= PREFIX_MAX for each in found) else None


def _patterns(plans: Sequence[Plan]) -> dict[str, Node]:
    """By name, the patterns of the plans that share a country code."""
    found: dict[str, Node] = {}
    for number, plan in enumerate(plans):
        for attribute in ("general_desc", *DESCRIBED):
            described = getattr(plan.metadata, attribute)
            if described is not None and described.national_number_pattern:
                found[f"{number} {attribute}"] = parsed(described.national_number_pattern)
        if plan.leading_digits is not None:
            found[f"{number} leading"] = ("all", [parsed(plan.leading_digits.pattern), ANY_REST])
    return found


def _kind(plan: Plan, number: int, ends: frozenset[str], length: int) -> str | None:
    """What kind of number of that length it is under one of the plans."""

    def fits(attribute: str) -> bool:
        if f"{number} {attribute}" not in ends:
            return False
        lengths = getattr(plan.metadata, attribute).possible_length
        return not lengths or length in lengths

    if not fits("general_desc"):
        return None
    for attribute, name in KINDS:
        if fits(attribute):
            return name
    if plan.metadata.same_mobile_and_fixed_line_pattern:
        return FIXED_OR_MOBILE if fits("fixed_line") else None
    if fits("fixed_line"):
        return FIXED_OR_MOBILE if fits("mobile") else FIXED
    return MOBILE if fits("mobile") else None


def e164_texts(codes: Sequence[str], read: Read, rows: Numbers) -> pa.Array:
    """Those rows' numbers in E.164."""
    import numpy as np
    import pyarrow as pa

    letters = np.zeros((len(rows), PLACES + 4), dtype=np.uint8)
    shown = np.zeros(letters.shape, dtype=bool)
    of_code = np.zeros((len(codes), 4), dtype=np.uint8)
    for place, code in enumerate(codes):
        of_code[place, : len(code) + 1] = list(f"+{code}".encode())
    letters[:, :4] = of_code[read.codes[rows]]
    letters[:, 4:] = read.digits[:, rows].T + ord("0")
    places = np.arange(PLACES)
    shown[:, :4] = letters[:, :4] != 0
    shown[:, 4:] = (places >= read.begin[rows, None]) & (places < read.lengths[rows, None])
    ends = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum(shown.sum(axis=1), out=ends[1:])
    return pa.StringArray.from_buffers(len(rows), pa.py_buffer(ends), pa.py_buffer(letters[shown]))
