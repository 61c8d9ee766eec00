"""Steps as functions that SQL calls by the same names: `e164(phone, 'US')`. A declined cell is null there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pumphouse.cleaning.addresses import CountryFinder
from pumphouse.cleaning.dates import DateParser
from pumphouse.cleaning.dictionary import Dictionary
from pumphouse.cleaning.dictionary_files import read_dictionary
from pumphouse.cleaning.phones import E164Cleaner
from pumphouse.cleaning.step import each_pair
from pumphouse.engines.engine import SqlFunction
from pumphouse.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

DICTIONARIES_MAX = 20
"""Dictionaries that one set of functions keeps read."""


def sql_functions(folder: Path) -> tuple[SqlFunction, ...]:
    """`e164(phone, region)`, `ip_country(ip)`, `parse_date(text, format)` and `expand(text, dictionary)`.

    They are the functions of the steps. The region may be left out, for numbers that all have a country code. A
    dictionary is a file in the project's `folder`. Two sets for one folder are equal.
    """
    import pyarrow as pa

    text = pa.string()
    return (
        SqlFunction(name="e164", function=_E164(), parameters=(text, text), returns=text, defaults=(None,)),
        SqlFunction(name="ip_country", function=_IpCountry(), parameters=(text,), returns=text),
        SqlFunction(name="parse_date", function=_parse_date, parameters=(text, text), returns=pa.date32()),
        SqlFunction(name="expand", function=_Expand(folder), parameters=(text, text), returns=text),
    )


def _parse_date(column: pa.Array, formats: pa.Array) -> pa.Array:
    import pyarrow as pa

    parsers: dict[str, DateParser] = {}

    def parse(written: str, format: str | None) -> tuple[object]:
        if format is None:
            return (None,)
        if format not in parsers:
            parsers[format] = DateParser(formats=(format,))
        return parsers[format].parse(written)[:1]

    return each_pair(column, formats, parse, pa.date32())[0]


class _E164:
    """Any two are equal, so that an engine keeps the one it has, and the numbers that it remembers."""

    def __init__(self) -> None:
        self.cleaner = E164Cleaner(region="region", default=None)

    def __call__(self, phones: pa.Array, regions: pa.Array) -> pa.Array:
        return self.cleaner(phones, {"region": regions}).values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _E164)

    def __hash__(self) -> int:
        return hash(_E164)


class _IpCountry:
    """Reads the ranges when it is first called. Any two are equal, as above."""

    def __init__(self) -> None:
        self.finder: CountryFinder | None = None

    def __call__(self, column: pa.Array) -> pa.Array:
        self.finder = self.finder or CountryFinder()
        return self.finder(column, {}).values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _IpCountry)

    def __hash__(self) -> int:
        return hash(_IpCountry)

    def __reduce__(self) -> tuple[object, ...]:
        return (_IpCountry, ())


class _Expand:
    """Reads a dictionary when it is first named, and again when the file has changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, tuple[tuple[int, int], Dictionary]] = {}

    def __call__(self, column: pa.Array, dictionaries: pa.Array) -> pa.Array:
        import pyarrow as pa

        by_name = {name: self.dictionary(name) for name in dictionaries.unique().to_pylist() if name is not None}
        return each_pair(
            column, dictionaries, lambda written, name: (by_name[name].expand(written) if name else None,), pa.string()
        )[0]

    def dictionary(self, name: str) -> Dictionary:
        """The dictionary in a file of the project. A name may come from data, so it may not lead out of it."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise ConfigError(
                f"the dictionary '{name}' lies outside the project", mend="Copy it into the project's folder."
            )
        if not path.exists():
            return read_dictionary(path)  # says what is missing
        stamp = (path.stat().st_mtime_ns, path.stat().st_size)
        if name not in self.read or self.read[name][0] != stamp:
            if len(self.read) >= DICTIONARIES_MAX:
                self.read.clear()
            self.read[name] = (stamp, read_dictionary(path))
        return self.read[name][1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Expand) and other.folder == self.folder

    def __hash__(self) -> int:
        return hash((_Expand, self.folder))

    def __reduce__(self) -> tuple[object, ...]:
        return (_Expand, (self.folder,))
