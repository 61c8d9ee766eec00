"""Kinds of columns: how each is recognised, and the step that suits it. A kind that isn't sure proposes nothing.

Names of columns count as a hint only: what decides is what the step itself makes of the values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pumphouse.cleaning.fitted_step import FittedStep
from pumphouse.cleaning.staged import Staged
from pumphouse.cleaning.step import Resources, Step
from pumphouse.cleaning.steps.booleans import parse_boolean
from pumphouse.cleaning.steps.dates import parse_date
from pumphouse.cleaning.steps.emails import email
from pumphouse.cleaning.steps.gaps import null_if
from pumphouse.cleaning.steps.identifiers import identifier
from pumphouse.cleaning.steps.ip_addresses import ip_country
from pumphouse.cleaning.steps.masking_text import mask_cards, mask_secrets
from pumphouse.cleaning.steps.money import money
from pumphouse.cleaning.steps.numbers import number
from pumphouse.cleaning.steps.phones import e164
from pumphouse.cleaning.steps.plain_text import plain_text
from pumphouse.cleaning.steps.urls import url
from pumphouse.cleaning.suggestions.evidence import Evidence, percent, tried
from pumphouse.cleaning.suggestions.samples import Sampled
from pumphouse.cleaning.table_step import LOADED_AT
from pumphouse.engines.engine import Engine, Scan

DIFFERENT_MIN = 5
"""Fewer different values may be of a kind by chance."""
LOOKS_MIN = 0.8
"""Share of the cells that look like a kind, before its step is tried on them."""
AHEAD_MIN = 0.1
"""A region has to read so much more of the numbers than one with another country code."""
NUMBERS_TRIED_MAX = 300
REGIONS = (
    "US", "GB", "DE", "FR", "IN", "BR", "ES", "IT", "NL", "AU", "JP", "CN", "MX", "ZA", "AT", "CH", "BE", "PL", "SE",
    "NO", "DK", "FI", "PT", "IE", "CZ", "TR", "RU", "KR", "ID", "AR", "NG", "IL", "NZ", "SG", "AE", "SA", "EG", "GR",
    "HU", "RO",
)  # fmt: skip
"""Regions that numbers without a country code are tried as."""
IDENTIFIERS = ("iban", "isbn", "ean", "eu.vat", "imei", "issn", "bic")
"""Identifiers with a check digit or an unmistakable form, so that a column of them can be told."""

AT = re.compile(r"[^\s@]+@[^\s@]+\.\w+")
ADDRESS = re.compile(r"(?i)(?:https?://|ftp://|www\.)\S+")
IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+")
PHONE = re.compile(r"\+\d[\d\s()./-]{6,}|\(\d{2,5}\)[\s\d./-]{5,}(?:x.*)?|00\d[\d\s()./-]{7,}")
DIGITS = re.compile(r"(?:\D*\d){6,}")
DATE = re.compile(r"(?i)\d{1,4}[-/.\s]+(?:\d{1,2}|[a-z]{3,9})[-/.,\s]+\d{1,4}|[a-z]{3,9}\.?\s+\d{1,2},?\s+\d{4}")
MARKED = re.compile(
    r"\(?[-+]?\(?\d[\d.,'\s]*[.,]\d+\)?-?\s*%?|\(\d[\d.,'\s]*\)|[-+]\d+|\d[\d.,'\s]*%|\d{1,3}(?:[,.'\s]\d{3})+"
)
CURRENCY = re.compile(r"[$€£¥₹₽₩₺₴₪₫฿]|\b(?:USD|EUR|GBP|JPY|CHF|INR|CAD|AUD|CNY|SEK|NOK|DKK|PLN|BRL|MXN)\b")
HINTS = {
    "phone": re.compile(r"(?i)phone|mobile|cell|fax|tel(?:$|_|e)|gsm|handy"),
    "number": re.compile(
        r"(?i)amount|price|total|cost|income|revenue|salary|spend|qty|quantity|weight|rate|share|score"
    ),
    "boolean": re.compile(r"(?i)^(?:is|has|did|can)_|active|enabled|flag|subscribed|opt"),
}


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


def proposals(columns: Sequence[Sampled], scan: Scan, engine: Engine, *, resources: Resources) -> Iterator[Proposal]:
    """What suits each column, in their order."""
    looking = Looking(scan=scan, engine=engine, resources=resources)
    for column in columns:
        if not column.values:
            continue
        yield from looking.proposed(column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """The table that is looked at, for steps that learn from all of it."""

    scan: Scan
    engine: Engine
    resources: Resources

    def proposed(self, column: Sampled) -> Iterator[Proposal]:
        """The proposals for one column: of what kind it is and what its gaps are, or how its text is mended."""
        if not column.is_text:
            found = self._phone(column) if HINTS["phone"].search(column.name) else None
            if found:
                yield found
            return
        gaps = self.tried(null_if(), column)
        has_words_for_gaps = 0 < gaps.gaps < column.sampled
        kept = without_gaps(column) if has_words_for_gaps else column
        kinds = (
            self._email, self._url, self._ip, self._identifier, self._boolean, self._date, self._money, self._number,
            self._phone,
        )  # fmt: skip
        found = next((one for kind in kinds if (one := kind(kept)) is not None), None)
        if found is None:
            yield from self._text(column, gaps if has_words_for_gaps else None)
        elif has_words_for_gaps:
            words = _listed(value for value, _ in column.values if value not in dict(kept.values))
            why = f"{percent(gaps.gaps / column.sampled)} stand for nothing ({words}); of the others {found.why}"
            code = found.code.replace(" >> ", " >> null_if() >> ", 1)
            yield replace(found, code=code, names=(*found.names, "null_if"), why=why)
        else:
            yield found

    def tried(self, step: Step, column: Sampled) -> Evidence:
        """What the step makes of the sample; one that learns has learnt from the whole table."""
        if isinstance(step, FittedStep) and step.fit_name(column.name) is not None:
            step = step.fitted(step.learn(self._staged(), column.name))
        return tried(step, column, resources=self.resources)

    def _staged(self) -> Staged:
        return Staged(
            engine=self.engine, rows=self.scan, count=0, folder=Path(), stem="", key=(), newest_by=LOADED_AT,
            named=frozenset(), kept=(),
        )  # fmt: skip

    # -- kinds --------------------------------------------------------------------------------------------------------

    def _email(self, column: Sampled) -> Proposal | None:
        return self._if_sure(column, email(), "email()", "e-mail addresses", looks=AT)

    def _url(self, column: Sampled) -> Proposal | None:
        return self._if_sure(column, url(), "url()", "addresses of pages", looks=ADDRESS)

    def _ip(self, column: Sampled) -> Proposal | None:
        return self._if_sure(column, ip_country(), "ip_country()", "IP addresses that have a country", looks=IP)

    def _identifier(self, column: Sampled) -> Proposal | None:
        for kind in IDENTIFIERS:
            found = self.tried(identifier(kind), column)
            if found.different >= DIFFERENT_MIN and found.is_sure and _is_beyond_chance(found):
                return _proposal(column, f'identifier("{kind}")', f"{kind} numbers whose check digits hold", found)
        return None

    def _boolean(self, column: Sampled) -> Proposal | None:
        found = self.tried(parse_boolean(), column)
        are_words = any(re.search(r"[^\W\d]", str(value)) for value, _ in column.values)
        if found.different < 2 or found.declined or not (are_words or HINTS["boolean"].search(column.name)):
            return None
        return _proposal(column, "parse_boolean()", "yes or no", found)

    def _date(self, column: Sampled) -> Proposal | None:
        return self._if_sure(column, parse_date(), "parse_date()", "dates", looks=DATE)

    def _money(self, column: Sampled) -> Proposal | None:
        if _looking(column, CURRENCY, whole=False) < LOOKS_MIN:
            return None
        return self._if_sure(column, money(), "money()", "amounts of money")

    def _number(self, column: Sampled) -> Proposal | None:
        # Digits alone may be a number or a name: a post code, an account.
        if _looking(column, MARKED) < LOOKS_MIN and not HINTS["number"].search(column.name):
            return None
        if any(re.match(r"\s*[-+]?0\d", str(value)) for value, _ in column.values):
            return None
        return self._if_sure(column, number(), "number()", "numbers")

    def _phone(self, column: Sampled) -> Proposal | None:
        hint = HINTS["phone"].search(column.name) is not None
        looks = _looking(column, DIGITS if hint else PHONE)
        if looks < (0.5 if hint else LOOKS_MIN):
            return None
        few = replace(column, values=column.values[:NUMBERS_TRIED_MAX])
        region = self._region(few)
        step, code = (e164(default=region), f'e164(default="{region}")') if region else (e164(), "e164()")
        found = self.tried(step, column)
        if found.different < DIFFERENT_MIN or not found.is_sure:
            return None
        countries = sorted(found.extras["country"].items(), key=lambda pair: (-pair[1], str(pair[0])))[:3]
        read_as = ", ".join(
            f"{percent(found.share(times))} read as {country}" for country, times in countries if country
        )
        return Proposal(
            column=column.name,
            code=f"{_col(column.name)} >> {code}",
            names=("col", "e164"),
            why=", ".join([f"telephone numbers: {read_as}", *_aside(found)]),
            read=found.share(found.read),
            set_aside=found.share(found.declined),
        )

    def _region(self, column: Sampled) -> str | None:
        """The region that numbers without a country code are of: it reads clearly more than others do, or of those that
        read as much it alone writes numbers as they stand there."""
        by_code: dict[str, tuple[int, str]] = {}
        for region in REGIONS:
            read = self.tried(e164(default=region), column)
            code = next(iter(_calling_codes(read, region)), region)
            if read.read > by_code.get(code, (0, ""))[0]:
                by_code[code] = (read.read, region)
        ranked = sorted(by_code.values(), key=lambda pair: -pair[0])
        least = AHEAD_MIN * column.sampled
        if not ranked or ranked[0][0] - self.tried(e164(), column).read < least:
            return None  # nothing is gained by any
        as_good = [region for read, region in ranked if ranked[0][0] - read < least]
        written = sorted(((_written_so(column, region), region) for region in as_good), reverse=True)
        is_alone = len(written) == 1 or written[0][0] - written[1][0] >= least
        return written[0][1] if is_alone else None

    def _text(self, column: Sampled, gaps: Evidence | None) -> Iterator[Proposal]:
        """How text of no kind is mended."""
        steps: list[tuple[str, str, str]] = []
        if gaps is not None:
            words = _listed(value for value, _ in column.values if null_if().one(value).value is None and value.strip())
            steps.append(("null_if", "null_if()", f"{percent(gaps.gaps / column.sampled)} stand for nothing ({words})"))
        has_markup = _looking(column, re.compile(r"(?s).*(?:</?[a-z]+[ />]|&[a-z]+;|&#\d+;).*")) > 0
        plain = self.tried(plain_text(html=True) if has_markup else plain_text(), column)
        if plain.changed:
            before, after = plain.examples[0]
            why = f"{percent(plain.share(plain.changed))} are mended, as {_quoted(before)} to {_quoted(after)}"
            steps.append(("plain_text", "plain_text(html=True)" if has_markup else "plain_text()", why))
        for name, step, what in (
            ("mask_cards", mask_cards(), "card numbers"),
            ("mask_secrets", mask_secrets(), "secrets"),
        ):
            masked = self.tried(step, column)
            if masked.changed:
                steps.append((name, f"{name}()", f"{percent(masked.share(masked.changed))} have {what} in them"))
        if steps:
            chain = " >> ".join([_col(column.name), *(code for _, code, _ in steps)])
            names = ("col", *(name for name, _, _ in steps))
            yield Proposal(column=column.name, code=chain, names=names, why=", ".join(why for _, _, why in steps))

    def _if_sure(
        self, column: Sampled, step: Step, code: str, what: str, *, looks: re.Pattern[str] | None = None
    ) -> Proposal | None:
        """The step for the column, if its values look so and it reads nearly all of them."""
        if len(column.values) < DIFFERENT_MIN or (looks and _looking(column, looks) < LOOKS_MIN):
            return None
        found = self.tried(step, column)
        return _proposal(column, code, what, found) if found.is_sure and found.different >= DIFFERENT_MIN else None


def without_gaps(column: Sampled) -> Sampled:
    """The column without the values that stand for nothing."""
    kept = tuple(pair for pair in column.values if null_if().one(pair[0]).value is not None)
    return replace(column, values=kept)


def _proposal(column: Sampled, code: str, what: str, found: Evidence) -> Proposal:
    example = f", as {_quoted(found.examples[0][0])} to {_quoted(found.examples[0][1])}" if found.examples else ""
    return Proposal(
        column=column.name,
        code=f"{_col(column.name)} >> {code}",
        names=("col", code.partition("(")[0]),
        why=", ".join([f"{percent(found.share(found.read))} read as {what}{example}", *_aside(found)]),
        read=found.share(found.read),
        set_aside=found.share(found.declined),
    )


def _aside(found: Evidence) -> list[str]:
    if not found.declined:
        return []
    value, reason = found.rejected[0]
    return [f"{percent(found.share(found.declined))} would go to quarantine ({_quoted(value)}: {reason})"]


def _looking(column: Sampled, pattern: re.Pattern[str], *, whole: bool = True) -> float:
    """Share of the sampled cells that look so, as a whole or somewhere."""
    match = pattern.fullmatch if whole else pattern.search
    return sum(times for value, times in column.values if match(str(value).strip())) / max(1, column.sampled)


def _is_beyond_chance(found: Evidence) -> bool:
    """One in ten numbers has the right check digit by chance; a column of them does not."""
    return found.share(found.read) >= 0.95


def _calling_codes(found: Evidence, region: str) -> Iterable[str]:
    """The country that most of what was read belongs to: regions of one country code read the same."""
    countries = Counter(found.extras["country"])
    del countries[None]
    return [str(country) for country, _ in countries.most_common(1)]


def _written_so(column: Sampled, region: str) -> int:
    """Cells that stand as the region writes its numbers itself."""
    import phonenumbers

    found = 0
    for value, times in column.values:
        try:
            number = phonenumbers.parse(str(value), region)
        except phonenumbers.NumberParseException:
            continue
        national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        found += times * (national == str(value).strip())
    return found


def _col(name: str) -> str:
    return f"col.{name}" if name.isidentifier() and not name.startswith("__") else f"col[{name!r}]"


def _listed(values: Iterable[str]) -> str:
    return ", ".join(_quoted(value) for value in list(values)[:3])


def _quoted(value: str) -> str:
    """A value in quotes, shortened; card numbers and secrets in it masked, as the steps proposed for them would."""
    shown = " ".join(mask_secrets().one(mask_cards().one(value).value).value.split())
    return f"'{shown if len(shown) <= 40 else shown[:39] + '…'}'"
