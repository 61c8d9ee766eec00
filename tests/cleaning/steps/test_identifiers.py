from __future__ import annotations

import importlib
import re
import socket
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
import stdnum

from pumphouse.cleaning import identifier
from pumphouse.cleaning.steps.identifiers import CLOCKED, IdentifierReader, kinds

STRANGE = [
    "",
    "x",
    "\x00",
    "1" * 5,
    "٣" * 9,
    "²" * 9,
    "1e5",
    "ÄÖÜ",
    "0" * 300,
    "123456789",
    "12345678901",
    "[1,",
    "-",
    "🙈",
]
NUMBER = re.compile(r">>> (?:validate|format|is_valid)\(u?['\"]([^'\"]+)['\"]\)")


def from_the_library(kind: str) -> list[str]:
    """Numbers that the library's own examples have."""
    file = Path(stdnum.__path__[0], *kinds()[kind].split(".")).with_suffix(".py")
    return NUMBER.findall(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("iban", "DE89 3704 0044 0532 0130 00", "DE89370400440532013000"),
        ("isbn", "978-0-471-11709-4", "9780471117094"),
        ("ean", "0073513537", None),
        ("ean", "73513537", "73513537"),
        ("de.vat", "DE 136,695 976", "136695976"),
        ("at.vat", "ATU13585627", "U13585627"),
        ("us.ssn", "536-90-4399", "536904399"),
        ("luhn", "0018", "0018"),  # leading zeros stay
        ("in.pan", "ACUPA7085R", "ACUPA7085R"),
    ],
)
def test_an_identifier_is_checked_and_written_without_separators(kind: str, written: str, value: str | None) -> None:
    assert identifier(kind).one(written).value == value


@pytest.mark.parametrize(
    ("kind", "written", "reason"),
    [
        ("iban", "DE88 3704 0044 0532 0130 00", "a wrong check digit"),
        ("isbn", "978047111709", "too short or too long"),
        ("us.ssn", "078-05-1120", "a part that is not given out"),
        ("ean", "x", "not written as ean is"),
    ],
)
def test_a_wrong_one_is_declined_with_the_reason(kind: str, written: str, reason: str) -> None:
    assert identifier(kind).one(written).reason == reason


@pytest.mark.parametrize(
    ("kind", "said"),
    [("ibaan", "Did you mean 'iban'"), ("de.vta", "Did you mean 'de.vat'"), ("util", "no identifier"),
     ("dk.cpr", "today's date"), ("be.personalid", "today's date"), ("../os", "no identifier")],
)  # fmt: skip
def test_a_kind_is_checked_when_it_is_declared(kind: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        identifier(kind)


def test_no_kind_asks_the_network_or_the_clock_nor_throws_on_strange_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object, **options: object) -> NoReturn:
        raise AssertionError("asked the network or the clock")

    class Day(importlib.import_module("datetime").date):
        today = refused

    class Moment(importlib.import_module("datetime").datetime):
        now = today = utcnow = refused

    readers = {kind: IdentifierReader(kind=kind) for kind in kinds() if kinds()[kind] not in CLOCKED}
    datetime = importlib.import_module("datetime")
    frozen = SimpleNamespace(date=Day, datetime=Moment, timedelta=datetime.timedelta)
    for name, module in list(sys.modules.items()):
        if name.startswith("stdnum."):
            for attribute, stand_in in (("datetime", frozen), ("date", Day)):
                value = getattr(module, attribute, None)
                if value is datetime or value is datetime.date:
                    monkeypatch.setattr(module, attribute, stand_in)
                elif value is datetime.datetime:
                    monkeypatch.setattr(module, attribute, Moment)
    monkeypatch.setattr(socket, "socket", refused)
    good = 0
    for kind, reader in readers.items():
        for written in [*STRANGE, *from_the_library(kind)]:
            value, reason = reader.identifier(written)
            assert (value is None) != (reason is None)
            good += value is not None
    assert len(readers) > 200
    assert good > 400


def test_every_kind_is_named_by_what_the_library_has() -> None:
    assert "iso9362" not in kinds()
    assert {"iban", "de.vat", "at.vat", "in.pan", "luhn", "iso7064.mod_97_10"} <= set(kinds())
