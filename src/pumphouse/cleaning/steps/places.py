"""Coordinates from text: decimal pairs, degrees with minutes and seconds, hemispheres, geo URIs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar, NamedTuple

from pumphouse.cleaning.dates.formats import AROUND
from pumphouse.cleaning.step import EachValue, Resources, Step

LENGTH_MAX = 80
PLACES = 7
"""Decimals of a degree that are kept: about a centimetre."""
GEO_URI = re.compile(r"geo:(?P<first>-?[0-9.]+),(?P<second>-?[0-9.]+)(?:,-?[0-9.]+)?(?:;.*)?", re.IGNORECASE)
NUMBER = r"[0-9]{1,3}(?:\.[0-9]+)?"
ANGLE = re.compile(
    rf"(?P<before>[NSEWO])?\s*(?P<sign>[-+\u2212])?\s*(?P<degrees>{NUMBER})\s*"
    rf"(?:(?:[°ºd]|deg)\s*(?:(?P<minutes>{NUMBER})\s*(?:['′’m])\s*(?:(?P<seconds>{NUMBER})\s*(?:\"|″|”|''|s)\s*)?)?)?"
    r"(?P<after>[NSEWO])?",
    re.IGNORECASE,
)
ONE_NUMBER = re.compile(r"[-+]?[0-9]{1,3},[0-9]+")
BETWEEN = re.compile(r"\s*[,;/]\s*|\s+|(?<=[NSEWOnsewo])(?=[^\s,;/])")
AXES = {"N": "latitude", "S": "latitude", "E": "longitude", "W": "longitude"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinates(Step):
    """The step that `coordinates` makes."""

    name: ClassVar[str] = "coordinates"
    gives: ClassVar[str] = "VARCHAR"
    extras: ClassVar[Mapping[str, str]] = {"latitude": "DOUBLE", "longitude": "DOUBLE"}
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays."""
        return EachValue(self, located)


def coordinates() -> Coordinates:
    """A step that reads places as `latitude,longitude` in degrees, with both as numbers in columns beside it.

    It reads pairs of decimal degrees, degrees with minutes and seconds, hemispheres (also before the number, and
    longitude first if they say so), and geo URIs. What is out of range is declined, and so is 0,0, where there is
    nothing but what somebody left out.

    `coordinates().one("52°31'12\\"N 13°24'18\\"E").value == "52.52,13.405"`
    """
    return Coordinates()


class Angle(NamedTuple):
    """One number of a pair: degrees, and the axis if a hemisphere says it."""

    degrees: Decimal
    axis: str | None


Found = tuple[str | None, float | None, float | None, str | None]


def located(written: str) -> Found:
    """One place: (text, latitude, longitude, reason)."""
    bare = written.strip(AROUND)
    if not bare:
        return None, None, None, None
    if len(bare) > LENGTH_MAX:
        return _declined("too long for coordinates")
    if uri := GEO_URI.fullmatch(bare):
        bare = f"{uri['first']},{uri['second']}"
    elif (bare[0], bare[-1]) in (("(", ")"), ("[", "]")):
        bare = bare[1:-1].strip()
    if ONE_NUMBER.fullmatch(bare) and set(bare) != set("0,"):
        return _declined("two whole numbers, or one with a decimal comma")
    pairs = [pair for pair in map(_pair, _halves(bare)) if pair]
    if not pairs:
        return _declined("not a pair of coordinates")
    if len(set(pairs)) > 1:
        return _declined("where one number ends and the other begins can't be told")
    first, second = pairs[0]
    if (first.axis is None) != (second.axis is None):
        return _declined("one hemisphere is missing")
    if first.axis is not None and first.axis == second.axis:
        return _declined(f"{first.axis} twice")
    latitude, longitude = (second, first) if first.axis == "longitude" else (first, second)
    return _checked(latitude.degrees, longitude.degrees, is_labelled=first.axis is not None)


def _checked(latitude: Decimal, longitude: Decimal, *, is_labelled: bool) -> Found:
    if abs(latitude) > 90:
        swapped = not is_labelled and abs(latitude) <= 180 and abs(longitude) <= 90
        return _declined("a latitude above 90: maybe the longitude stands first" if swapped else "a latitude above 90")
    if abs(longitude) > 180:
        return _declined("a longitude above 180")
    if latitude == longitude == 0:
        return _declined("0,0 is where places are that somebody left out")
    latitude, longitude = (round(angle, PLACES) + 0 for angle in (latitude, longitude))  # + 0: no minus before 0
    return f"{_written(latitude)},{_written(longitude)}", float(latitude), float(longitude), None


def _written(angle: Decimal) -> str:
    """Without zeros behind, but with a point: two whole numbers and a comma could be one number."""
    shown = f"{angle:f}".rstrip("0")
    return f"{shown}0" if shown.endswith(".") else shown


def _halves(bare: str) -> list[tuple[str, str]]:
    """Every way to take a text apart in two: at commas if there are any, else at spaces."""
    places = [match.span() for match in BETWEEN.finditer(bare)]
    marked = [(start, end) for start, end in places if bare[start:end].strip()]
    return [(bare[:start], bare[end:]) for start, end in marked or places]


def _pair(halves: tuple[str, str]) -> tuple[Angle, Angle] | None:
    first, second = map(_angle, halves)
    return (first, second) if first and second else None


def _angle(written: str) -> Angle | None:
    found = ANGLE.fullmatch(written.strip())
    if not found or (found["before"] and found["after"]):
        return None
    hemisphere = (found["before"] or found["after"] or "").upper()
    if hemisphere == "O" or (hemisphere and found["sign"]):  # O is west in French and Spanish, and east in German
        return None
    degrees, minutes, seconds = (Decimal(found[name] or 0) for name in ("degrees", "minutes", "seconds"))
    if minutes >= 60 or seconds >= 60 or (found["minutes"] and degrees % 1) or (found["seconds"] and minutes % 1):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    negative = hemisphere in ("S", "W") or found["sign"] in ("-", "\u2212")
    return Angle(-value if negative else value, AXES.get(hemisphere))


def _declined(reason: str) -> Found:
    return None, None, None, reason
