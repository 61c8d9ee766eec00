"""Kinds of columns: how each is recognised, and the step that suits it. A kind that isn't sure proposes nothing.

Names of columns count as a hint only: what decides is what the step itself makes of the values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from pumphouse.cleaning.steps.booleans import parse_boolean
from pumphouse.cleaning.steps.dates import parse_date
from pumphouse.cleaning.steps.emails import email
from pumphouse.cleaning.steps.gaps import null_if
from pumphouse.cleaning.steps.identifiers import identifier
from pumphouse.cleaning.steps.ip_addresses import ip_country
from pumphouse.cleaning.steps.money import money
from pumphouse.cleaning.steps.numbers import number
from pumphouse.cleaning.steps.urls import url
from pumphouse.cleaning.suggestions.beside import read_beside
from pumphouse.cleaning.suggestions.evidence import Evidence
from pumphouse.cleaning.suggestions.forms import country, place, program, size, timestamp
from pumphouse.cleaning.suggestions.looking import DIFFERENT_MIN, LOOKS_MIN, MOSTLY, Looking, partly, without_gaps
from pumphouse.cleaning.suggestions.phones import HINT as PHONE_HINT
from pumphouse.cleaning.suggestions.phones import partly_phones, phone
from pumphouse.cleaning.suggestions.proposal import Note, Proposal, listed, looking, proposed
from pumphouse.cleaning.suggestions.samples import Sampled
from pumphouse.cleaning.suggestions.texts import notes_on, text
from pumphouse.cleaning.wording import percent

IDENTIFIERS = ("iban", "isbn", "ean", "eu.vat", "imei", "issn", "bic")
"""Identifiers with a check digit or an unmistakable form, so that a column of them can be told."""
SPELLINGS_MAX = 40
"""There are no more ways to write yes and no."""
AT = re.compile(r"[^\s@]+@[^\s@]+\.\w+")
ADDRESS = re.compile(r"(?i)(?:https?://|ftp://|www\.)\S+")
IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+")
DATE = re.compile(r"(?i)\d{1,4}[-/.\s]+(?:\d{1,2}|[a-z]{3,9})[-/.,\s]+\d{1,4}|[a-z]{3,9}\.?\s+\d{1,2},?\s+\d{4}")
MARKED = re.compile(
    r"\(?[-+]?\(?\d[\d.,'\s]*[.,]\d+\)?-?\s*%?|\(\d[\d.,'\s]*\)|[-+]\d+|\d[\d.,'\s]*%|\d{1,3}(?:[,.'\s]\d{3})+"
)
CURRENCY = re.compile(r"[$€£¥₹₽₩₺₴₪₫฿]|\b(?:USD|EUR|GBP|JPY|CHF|INR|CAD|AUD|CNY|SEK|NOK|DKK|PLN|BRL|MXN)\b")
NUMBER_HINT = re.compile(
    r"(?i)amount|price|total|cost|income|revenue|salary|spend|qty|quantity|weight|rate|share|score"
)
BOOLEAN_HINT = re.compile(r"(?i)^(?:is|has|did|can)_|active|enabled|flag|subscribed|opt")


def proposals(at: Looking) -> Iterator[Proposal | Note]:
    """What suits each column, in their order; steps that read another column come last, when it is clean."""
    beside = {one.column: one for one in read_beside(at)}
    for column in at.sample.columns:
        if column.values and column.name not in beside:
            yield from of_column(at, column)
    yield from beside.values()


def of_column(at: Looking, column: Sampled) -> Iterator[Proposal | Note]:
    """The proposals for one column: of what kind it is and what its gaps are, or how its text is mended."""
    if not column.is_text:
        if PHONE_HINT.search(column.name) and (one := phone(at, column) or partly_phones(at, column)):
            yield one
        return
    gaps = at.tried(null_if(), column)
    has_words_for_gaps = 0 < gaps.gaps < column.sampled
    kept = without_gaps(column) if has_words_for_gaps else column
    kinds = (
        _email, _url, _ip, program, _identifier, _boolean, timestamp, _date, country, place, _money, size, _number,
        phone,
    )  # fmt: skip
    found = next((one for kind in kinds if (one := kind(at, kept)) is not None), None)
    if found is None:
        yield from text(at, column, gaps if has_words_for_gaps else None)
        if note := _partly_email(at, kept) or partly_phones(at, kept):
            after_gaps = note.next.replace(" >> ", " >> null_if() >> ", 1) if has_words_for_gaps else note.next
            yield replace(note, next=after_gaps)
        else:
            yield from notes_on(at, kept)
    elif has_words_for_gaps:
        why = f"{gaps_in_words(gaps, column, kept)}; of the others {found.why}"
        code = found.code.replace(" >> ", " >> null_if() >> ", 1)
        yield replace(found, code=code, names=(*found.names, "null_if"), why=why)
    else:
        yield found


def gaps_in_words(gaps: Evidence, column: Sampled, kept: Sampled) -> str:
    """How many cells stand for nothing, and with which words."""
    there = dict(kept.values)
    words = listed(value for value, _ in column.values if value not in there)
    return f"{percent(gaps.gaps / column.sampled)} stand for nothing ({words})"


def _email(at: Looking, column: Sampled) -> Proposal | None:
    return at.if_sure(column, email(), "email()", "e-mail addresses", looks=AT)


def _partly_email(at: Looking, column: Sampled) -> Note | None:
    if looking(column, AT) < MOSTLY:
        return None
    return partly(column, "email()", "e-mail addresses", at.tried(email(), column))


def _url(at: Looking, column: Sampled) -> Proposal | None:
    return at.if_sure(column, url(), "url()", "addresses of pages", looks=ADDRESS)


def _ip(at: Looking, column: Sampled) -> Proposal | None:
    return at.if_sure(column, ip_country(), "ip_country()", "IP addresses that have a country", looks=IP)


def _identifier(at: Looking, column: Sampled) -> Proposal | None:
    for kind in IDENTIFIERS:
        step = identifier(kind)
        if len(column.values) < DIFFERENT_MIN or not at.reads_some(step, column):
            continue
        found = at.tried(step, column)
        # One in ten numbers has the right check digit by chance; a column of them does not.
        if found.different >= DIFFERENT_MIN and found.share(found.read) >= 0.95:
            return proposed(column, f'identifier("{kind}")', f"{kind} numbers whose check digits hold", found)
    return None


def _boolean(at: Looking, column: Sampled) -> Proposal | None:
    if len(column.values) > SPELLINGS_MAX:
        return None
    found = at.tried(parse_boolean(), column)
    are_words = any(re.search(r"[^\W\d]", str(value)) for value, _ in column.values)
    if found.different < 2 or found.declined or not (are_words or BOOLEAN_HINT.search(column.name)):
        return None
    return proposed(column, "parse_boolean()", "yes or no", found)


def _date(at: Looking, column: Sampled) -> Proposal | None:
    return at.if_sure(column, parse_date(), "parse_date()", "dates", looks=DATE)


def _money(at: Looking, column: Sampled) -> Proposal | None:
    if looking(column, CURRENCY, whole=False) < LOOKS_MIN:
        return None
    return at.if_sure(column, money(), "money()", "amounts of money")


def _number(at: Looking, column: Sampled) -> Proposal | None:
    # Digits alone may be a number or a name: a post code, an account.
    if looking(column, MARKED) < LOOKS_MIN and not NUMBER_HINT.search(column.name):
        return None
    if any(re.match(r"\s*[-+]?0\d", str(value)) for value, _ in column.values):
        return None
    return at.if_sure(column, number(), "number()", "numbers") if at.reads_some(number(), column) else None
