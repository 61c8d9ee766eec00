"""Phone numbers in E.164: `+4930901820`, and the extension beside it. The rules are those of libphonenumber."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pumphouse.cleaning.addresses.columns import numpy
from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.libraries import with_versions
from pumphouse.cleaning.step import BETWEEN, NULL, EachValue, Resources, Step, row_of
from pumphouse.cleaning.steps.numbering_plans import NO_COUNTRY, NumberingPlans
from pumphouse.cleaning.steps.phone_columns import LENGTHS, PlanColumns, e164_texts, plain_digits
from pumphouse.errors import MissingExtra

if TYPE_CHECKING:
    import pyarrow as pa
    from phonenumbers import PhoneNumber

FLOAT = re.compile(r"(\+?\d{7,})[.,]0{1,2}")
"""2125550123.0: a number that went through a float on its way."""
EXPONENT = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})")
"""2.125550123E+09: and through a spreadsheet."""
REGION = re.compile("[A-Z]{2}")
REGION_SHOWN_MAX = 20
LENGTH_MAX = 250
"""Of a text that libphonenumber looks at."""
LETTER_AFTER_DIGIT = re.compile(r"\d.*[^\W\d_]", re.DOTALL)
VANITY = re.compile(r"\+?[\d\s().-]+(?:[A-Z][\s.-]*){4,}")
"""1-800-FLOWERS: a word that ends a number. Its capitals are the digits beside them on a telephone's keys."""
TWO_NUMBERS = re.compile(r"\d(?:\D*\d){5,}\D*/\D*\d(?:\D*\d){0,3}\D*$")
"""030 901820 / 21: instead of its last digits, some other ones. Digits of an area code, as 030/901820, come first."""
TEL = re.compile("tel:", re.IGNORECASE)
NO_REGION = "no country code, and no region to read it by"

MARKS: dict[int, str | None] = dict.fromkeys(
    map(ord, " -()./[]\u00a0\u00ad\u200b\u2010\u2011\u2012\u2013\u2014\u2015\u2060\u2212\u3000")
)
MARKS |= {zero + digit: str(digit) for zero in (0xFF10, 0x0660, 0x06F0, 0x0966) for digit in range(10)}
MARKS[ord("＋")] = "+"
"""What stands between digits and says nothing, to libphonenumber as well. What does (x, ;, #, ~, *) is not here."""
EXTENSION = re.compile(r"([^A-Za-z,;:#~*]*[0-9]) *(?:x|ext\.?) *([0-9]{1,6})")
PLAIN_DIGITS_MIN, PLAIN_DIGITS_MAX, PLAIN_LENGTH_MAX = 4, 20, 60
SHORT_DIGITS_MAX = 6
"""Of a number that is dialled within a country only, as 112 or 116117. Longer extensions are numbers of their own."""
NO_PLACE, NO_SUCH_PLACE = -1, -2
"""Instead of the place of a region's plan: no region, or one that there is not."""
Answer = tuple[str | None, str | None, str | None, str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class E164(Step):
    """The step that `e164` makes."""

    name: ClassVar[str] = "e164"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"extension": "VARCHAR", "kind": "VARCHAR", "country": "VARCHAR"}
    region: Column | None = None
    default: str | None = None
    version: str = field(default_factory=lambda: with_versions("2", "phonenumbers"), init=False)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column that holds a row's region."""
        return (self.region.name,) if self.region else ()

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        reader = PhoneReader(default=self.default)
        return EachValue(self, reader.number, together=reader.with_regions if self.region else reader.numbers)


def e164(*, region: Column | None = None, default: str | None = None) -> E164:
    """A step that writes phone numbers in E.164, and keeps an extension in `<column>__extension`.

    Beside it stand what kind of number it is (`mobile`, `fixed line`, `fixed line or mobile`, `toll free`, ...) in
    `<column>__kind`, and in `<column>__country` the country whose network it belongs to, as ISO 3166 code.

    A number without a country code is read as one of the row's `region`, a column of ISO 3166 codes ("US", "DE"), and
    where that is null, of the `default` region. Without either it is declined. So is what could be read in two ways:
    letters among the digits, two numbers in one cell, digits that a spreadsheet rounded. A toll-free number may end in
    a word, as 1-800-FLOWERS.

    `e164(default="DE").one("030 901820").value == "+4930901820"`
    """
    if region is not None and not isinstance(region, Column):
        raise TypeError(f"e164's region is a column, as in region=col.country; for one region write default={region!r}")
    if default is not None and not REGION.fullmatch(default):
        raise ValueError(f"e164's default region is an ISO 3166 code like US or DE, not {default!r}")
    return E164(region=region, default=default)


class PhoneReader:
    """Reads one number after the other, by the rules of libphonenumber.

    Plain digits are read by the compiled plans, all else by the library itself; both give the same.
    """

    def __init__(self, *, default: str | None) -> None:
        self.default = default
        self.plans: NumberingPlans | None = None
        self.columns: PlanColumns | None = None

    def __reduce__(self) -> tuple[object, ...]:
        return (_phone_reader, (self.default,))

    def number(self, phone: str, region: str | None = None) -> Answer:
        """One number: (E.164, extension, kind, country, reason)."""
        plans = self.plans
        if plans is None:
            plans = self.plans = _plans()
        written = phone.strip()
        where = self._region(plans, region)
        if "/" in written and len(written) <= LENGTH_MAX and TWO_NUMBERS.search(written):
            return _declined("two numbers in one cell")
        return self._plain(plans, written, where) or self._any(plans, written, where)

    def _region(self, plans: NumberingPlans, region: str | None) -> str | None:
        where = region or self.default
        if where in plans.regions:
            return where
        return ((region or "").strip() or self.default or "").upper() or None

    def numbers(self, phones: list[str]) -> list[pa.Array]:
        """Many numbers at once, blank ones among them: (E.164, extension, kind, country, reason), a column of each."""
        return self._together(phones, others=0)

    def with_regions(self, rows: list[str]) -> list[pa.Array]:
        """As `numbers`, of rows that are a region and a number in one text."""
        return self._together(rows, others=1)

    def _together(self, rows: list[str], *, others: int) -> list[pa.Array]:
        import pyarrow as pa

        np = numpy("e164")
        plans = self.plans = self.plans or _plans()
        columns = self.columns = self.columns or PlanColumns(plans)
        _, offsets, letters = pa.array(rows, pa.string()).buffers()
        text = np.frombuffer(letters or b"", dtype=np.uint8)
        edges = np.frombuffer(offsets, dtype=np.int32)[: len(rows) + 1]
        begin, end = edges[:-1], edges[1:]
        if others:
            marks = np.flatnonzero(text == ord(BETWEEN))
            mark = marks[np.searchsorted(marks, begin)].astype(np.int32)
            two = text.take(begin, mode="clip") * np.int32(256) + text.take(begin + 1, mode="clip")
            asked, places = np.unique(np.where(mark - begin == 2, two, -1), return_inverse=True)
            region = np.array([self._plan_place(columns, key) for key in asked.tolist()], dtype=np.int32)[places]
            begin = mark + 1
        else:
            region = np.full(len(rows), self._plan_place(columns, None), dtype=np.int32)
        found = plain_digits(text, begin, end)
        read = columns.read(found, region[found.rows])
        is_known = read.known & ((read.answers >= 0) | (found.lengths > SHORT_DIGITS_MAX))
        without = ~found.international & (region[found.rows] == NO_PLACE)
        good = np.flatnonzero(is_known & (read.answers >= 0))
        bad = np.flatnonzero(is_known & (read.answers < 0))
        left = np.ones(len(rows), dtype=bool)
        left[found.rows[is_known | without]] = False
        others_asked = np.flatnonzero(left)
        beside = [self._one(rows[row], others) for row in others_asked.tolist()]

        whys, why = np.unique(read.codes[bad] * LENGTHS + (read.lengths - read.begin)[bad], return_inverse=True)
        invalid = (divmod(key, LENGTHS) for key in whys.tolist())
        reasons = [NO_REGION, *(_why_invalid(plans, columns.codes[code], "0" * length) for code, length in invalid)]
        reason = np.full(len(rows), NO_PLACE, dtype=np.int32)
        reason[found.rows[without]] = 0
        reason[found.rows[bad]] = why + 1
        value, answer = np.full((2, len(rows)), NO_PLACE, dtype=np.int32)
        value[found.rows[good]] = np.arange(len(good))
        answer[found.rows[good]] = read.answers[good]
        extension = np.full(len(rows), NO_PLACE, dtype=np.int32)
        starts, ends = found.extensions[:, good]
        with_one = np.flatnonzero(starts < ends)
        extension[found.rows[good[with_one]]] = np.arange(len(with_one))
        extensions = [text[starts[place] : ends[place]].tobytes().decode() for place in with_one.tolist()]
        kinds, countries = ([each[place] for each in columns.answers] for place in (0, 1))
        made = []
        pools = (e164_texts(columns.codes, read, good), extensions, kinds, countries, reasons)
        for part, (pool, places) in enumerate(zip(pools, (value, extension, answer, answer, reason), strict=True)):
            both = pa.concat_arrays(
                [pa.array(pool, pa.string()), pa.array([each[part] for each in beside], pa.string())]
            )
            at = places.copy()
            at[others_asked] = np.arange(len(pool), len(both))
            made.append(both.take(pa.array(at, mask=at == NO_PLACE)))
        return made

    def _one(self, row: str, others: int) -> Answer:
        phone, *regions = row_of(row, others)
        return self.number(phone, *regions) if phone.strip() else (None,) * 5

    def _plan_place(self, columns: PlanColumns, key: int | None) -> int:
        """The place of a region's plan. `key` is its two letters as one number, -1 for another text, None for none."""
        if key == -1:
            return NO_SUCH_PLACE
        asked = None if key is None else bytes(divmod(key, 256)).decode("latin-1")
        region = self._region(columns.plans, None if asked == NULL else asked)
        if region is None:
            return NO_PLACE
        return columns.of_region(region) if region in columns.plans.regions else NO_SUCH_PLACE

    def _plain(self, plans: NumberingPlans, written: str, region: str | None) -> Answer | None:
        """The answer for digits with usual marks between them, or None where it takes the library."""
        if len(written) > PLAIN_LENGTH_MAX:
            return None
        extension = None
        body = written
        if "x" in written and (marked := EXTENSION.fullmatch(written)):
            body, extension = marked.groups()
        elif written.startswith("tel:+"):
            body = written[4:]
        bare = body.translate(MARKS)
        is_international = bare.startswith("+")
        digits = bare[1:] if is_international else bare
        if not (PLAIN_DIGITS_MIN <= len(digits) <= PLAIN_DIGITS_MAX and digits.isascii() and digits.isdecimal()):
            return None
        if "." in body and FLOAT.fullmatch(body):
            return None
        if is_international:
            found = plans.international(digits)
        elif region is None:
            return _declined(NO_REGION)
        elif region in plans.regions:
            found = plans.national(digits, region)
        else:
            return _declined(_no_such_region(region))
        if found is None:
            return None
        code, number = found
        kind, country = (self.columns or plans).kind_and_region(code, number)
        if kind is None:
            return _declined(_why_short(body, region) or _why_invalid(plans, code, number))
        return f"+{code}{number}", extension, kind, None if country == NO_COUNTRY else country, None

    def _any(self, plans: NumberingPlans, written: str, region: str | None) -> Answer:
        import phonenumbers

        if exponent := EXPONENT.fullmatch(written):
            first, rest, power = exponent[1], exponent[2] or "", int(exponent[3])
            if len(rest) < power:
                return _declined("rounded by a spreadsheet: its last digits are gone")
            written = first + rest[:power]
        elif whole := FLOAT.fullmatch(written):
            written = whole[1]
        if region and region not in plans.regions:
            if not written.startswith(("+", "＋")):
                return _declined(_no_such_region(region))
            region = None
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException as error:
            return _declined(_why_unreadable(error, region))
        code, national = str(number.country_code), phonenumbers.national_significant_number(number)
        kind, country = (self.columns or plans).kind_and_region(code, national)
        if reason := _why_unsure(number, written, kind):
            return _declined(reason)
        if kind is None:
            return _declined(_why_short(written, region) or _why_invalid(plans, code, national))
        extension = number.extension and phonenumbers.normalize_digits_only(number.extension)
        return f"+{code}{national}", extension, kind, None if country == NO_COUNTRY else country, None


def _phone_reader(default: str | None) -> PhoneReader:
    return PhoneReader(default=default)


def _plans() -> NumberingPlans:
    try:
        return NumberingPlans()
    except ImportError:
        raise MissingExtra("phonenumbers", extra="cleaning", purpose="e164") from None


def _declined(reason: str) -> Answer:
    return None, None, None, None, reason


def _no_such_region(region: str) -> str:
    shown = region if len(region) <= REGION_SHOWN_MAX else region[:REGION_SHOWN_MAX] + "…"
    return f"no region '{shown}': an ISO 3166 code like US or DE is needed"


def _why_unreadable(error: Exception, region: str | None) -> str:
    from phonenumbers import NumberParseException

    kind = getattr(error, "error_type", None)
    if kind == NumberParseException.INVALID_COUNTRY_CODE:
        return "no such country code" if region else NO_REGION
    return "too long" if kind == NumberParseException.TOO_LONG else "not a phone number"


def _why_unsure(number: PhoneNumber, written: str, kind: str | None) -> str | None:
    """Why what the library read is a guess, or None. `kind` is None where there is no such number."""
    body = written
    if number.extension and number.extension in written:
        place = written.rindex(number.extension)
        # What marks an extension ("ext.", "x") is no letter among the digits.
        body = re.sub(r"\D*$", "", written[:place])
        mark = written[len(body) : place].strip()
        if len(number.extension) > SHORT_DIGITS_MAX and not any(letter.isalpha() for letter in mark):
            return "two numbers in one cell"
    if TEL.match(body):
        body = body.partition(";")[0]
    if LETTER_AFTER_DIGIT.search(body) and not (kind == "toll free" and VANITY.fullmatch(body)):
        return "letters among the digits"
    return None


def _why_short(written: str, region: str | None) -> str | None:
    """What a short number is that is dialled within a country only, or None."""
    import phonenumbers

    if not (written.isascii() and written.isdecimal() and region and len(written) <= SHORT_DIGITS_MAX):
        return None
    if phonenumbers.is_emergency_number(written, region):
        return "an emergency number"
    short = phonenumbers.parse(written, region)
    return "a short number of one country" if phonenumbers.is_valid_short_number_for_region(short, region) else None


def _why_invalid(plans: NumberingPlans, code: str, number: str) -> str:
    plan = plans.of_code(code)[0]
    length = len(number)
    if length in plan.local_lengths:
        return "the area code is missing"
    if length in plan.lengths:
        return f"no such number under +{code}"
    if length < plan.lengths[0]:
        return f"too short for a number under +{code}"
    if length > plan.lengths[-1]:
        return f"too long for a number under +{code}"
    return f"too short or too long for a number under +{code}"
