"""Declaring what is in files, where their ending or their bytes do not tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWidth:
    """Lines cut by position, after white space is taken off: `fixed_width(customer_id=5, bought_at="date", ...)`.

    A column is either a width in characters (read as an integer where all of it is digits, else text), or the name of
    a form: "date" (YYYYMMDD), "money" (a decimal), "integer", "text", which reaches to the next white space.
    """

    columns: tuple[tuple[str, int | str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimited:
    """CSV or TSV; what is None is found in the file."""

    delimiter: str | None = None
    encoding: str | None = None
    quote: str | None = None
    """Empty where nothing is quoted."""
    header_row: int | None = None
    """From 1; 0 where there is none."""
    names: tuple[str, ...] = ()
    """Instead of those in the header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Excel:
    """A workbook: the sheets whose name matches `sheet`; `header_row=None` finds the row."""

    sheet: str | None = None
    header_row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Xml:
    """XML: each element at the path `records` is a row."""

    records: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """A web server's log: a format's name, or the server's own text for it; None is common or combined."""

    format: str | None = None


Format = FixedWidth | Delimited | Excel | Xml | AccessLog


def fixed_width(**columns: int | str) -> FixedWidth:
    """A format of lines cut by position: each column is a width in characters, or a form that reads to the next blank.

    A width is read as an integer where all of it is digits, else as text. The forms are "date" (YYYYMMDD), "money" (a
    decimal), "integer" and "text".

    For example:

        lines = ph.fixed_width(customer_id=5, bought_at="date", cds="integer", amount_usd="money")
        raw_purchases = ph.files("purchases/*.txt", format=lines)
    """
    return FixedWidth(columns=tuple(columns.items()))


def csv(
    *,
    delimiter: str | None = None,
    encoding: str | None = None,
    quote: str | None = None,
    header_row: int | None = None,
    names: Sequence[str] = (),
) -> Delimited:
    """A format of delimited lines, for files whose ending does not tell, or where what is found in them is not right.

    What is not given is found in each file, and told in the run's warnings where it is not what the ending says.
    `quote=""` takes quotes as text. `header_row` is the number of the line with the names of the columns, 0 where there
    is none; `names` gives the columns' names instead.

    For example:

        raw_bookings = ph.files("bookings/*.txt", format=ph.csv(delimiter=";", encoding="latin-1"))
        raw_sensors = ph.files("sensors/*.csv", format=ph.csv(header_row=0, names=["at", "value"]))
    """
    return Delimited(delimiter=delimiter, encoding=encoding, quote=quote, header_row=header_row, names=tuple(names))


def excel(*, sheet: str | None = None, header_row: int | None = None) -> Excel:
    """A format of workbooks (xlsx, xlsm, xlsb, xls, ods).

    `sheet` is the name of one, or a pattern such as "2024-*" for several with one header. Without it the workbook has
    one sheet with something in it. `header_row` is the number of the row with the names of the columns, as the
    spreadsheet counts; without it, it is the first row that names at least half of the columns.

    For example:

        raw_budget = ph.files("budget/*.xlsx", format=ph.excel(sheet="Plan", header_row=3))
    """
    return Excel(sheet=sheet, header_row=header_row)


def xml(*, records: str) -> Xml:
    """A format of XML in which each element at the path `records` is a row.

    The path is a name, or several where one is not enough: "order", "orders/order". An element's attributes and the
    texts of its children are columns; what is nested deeper, or comes more than once, is JSON as text. Namespaces are
    left out of names.

    For example:

        raw_orders = ph.files("exports/*.xml", format=ph.xml(records="orders/order"))
    """
    return Xml(records=records)


def access_log(format: str | None = None) -> AccessLog:
    """A format of web servers' access logs.

    Without `format` a line is of the common or the combined format. Else it is "common", "combined", "vhost_combined",
    or what the server's own settings say: Apache's LogFormat or nginx's log_format.

    For example:

        raw_visits = ph.files("logs/access.log*", format=ph.access_log(), time={"event": "time", "known": "time"})
        shop = ph.access_log('$remote_addr [$time_local] "$request" $status $request_time')
        raw_shop = ph.files("shop.log", format=shop)
    """
    return AccessLog(format=format)
