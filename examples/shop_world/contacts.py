"""The shop's database of contacts: one made-up person for each real customer number, as untidy as the real thing.

The purchases of CDNOW are real and anonymous. No public data set holds real people's telephones, so everybody here is
generated from a seed: names drawn from lists, mail at example.com, .org and .net (reserved by RFC 2606), telephone
numbers kept for fiction (see `phones`), hosts drawn at random (see `addresses`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from shop_world.addresses import address
from shop_world.notes import note
from shop_world.people import COUNTRIES, FIRST_NAMES, JOB_INCOMES, LAST_NAMES, REGION_FACTORS, REGIONS, STAFF
from shop_world.phones import JUNK, Number, number, written

T = TypeVar("T")
JOBS = tuple(JOB_INCOMES)

LAST_DAY = date(1998, 6, 30)
ENTERED_TWICE = 300
"""Contacts that stand there once more, as they were entered before: the number written otherwise, the mail the same."""
WITHOUT_CUSTOMER = 12
"""Contacts whose customer number nobody filled in."""

SCHEMA = """
CREATE TABLE customers (
    contact_id INTEGER PRIMARY KEY,     -- one each time somebody was entered
    customer_id INTEGER,                -- CDNOW's number
    name TEXT NOT NULL,
    email TEXT,
    phone TEXT,
    fax TEXT,
    country TEXT,                       -- ISO 3166-1, mostly
    note TEXT,
    signup_ip TEXT,
    born TEXT,
    job TEXT,
    region TEXT,
    income INTEGER,                     -- US dollars a year
    brand TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL       -- UTC
);
CREATE INDEX customers_updated_at ON customers (updated_at);
CREATE TABLE staff (staff_id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, role TEXT NOT NULL);
"""

_NEVER_BORN = ("31/02/1970", "00/00/0000", "1970-02-30", "0000-00-00", "31/04/1958", "1961-13-01", "n/a", "29/02/1965")
_ASCII = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "ë": "e", "å": "a", "ç": "c", " ": "", "'": ""}
)


class Contact(NamedTuple):
    """One row of `customers`, but for its contact_id."""

    customer_id: int | None
    name: str
    email: str | None
    phone: str | None
    fax: str | None
    country: str | None
    note: str | None
    signup_ip: str | None
    born: str | None
    job: str | None
    region: str | None
    income: int | None
    brand: str
    updated_at: datetime


def write(path: Path, *, customers: Mapping[int, date], seed: int) -> None:
    """An SQLite file of `customers` and `staff`; equal arguments give equal rows. A file that is there is replaced.

    `customers` maps each customer number to the day of its first purchase, before which nobody entered a contact.
    """
    rows = sorted(contacts(customers, seed=seed), key=lambda contact: contact.updated_at)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as connection:
        connection.executescript(SCHEMA)
        marks = ", ".join("?" * (1 + len(Contact._fields)))
        connection.executemany(
            f"INSERT INTO customers VALUES ({marks})",
            (
                (contact_id, *contact[:-1], contact.updated_at.isoformat(sep=" "))
                for contact_id, contact in enumerate(rows, start=1)
            ),
        )
        connection.executemany("INSERT INTO staff VALUES (?, ?, ?, ?)", STAFF)
        connection.commit()
    unfinished.replace(path)


def contacts(customers: Mapping[int, date], *, seed: int) -> list[Contact]:
    """One row a customer, then earlier entries of ENTERED_TWICE of them, then WITHOUT_CUSTOMER of nobody we know."""
    random = Random(seed)
    countries = random.choices(tuple(COUNTRIES), tuple(COUNTRIES.values()), k=len(customers))
    people = [
        _person(random, customer_id=customer_id, first_day=first_day, country=country, serial=serial)
        for serial, ((customer_id, first_day), country) in enumerate(zip(customers.items(), countries, strict=True))
    ]
    # Only who can be recognised again once cleaned: a mail, and a number of the country that stands beside it.
    recognisable = [
        (contact, reached_at)
        for contact, reached_at in people
        if reached_at and contact.email and contact.country == reached_at.country
    ]
    entered_twice = random.sample(recognisable, min(ENTERED_TWICE, len(recognisable)))
    without_customer = [
        _person(random, customer_id=None, first_day=LAST_DAY - timedelta(days=90), country="US", serial=serial)
        for serial in range(len(people), len(people) + WITHOUT_CUSTOMER)
    ]
    return [
        *(contact for contact, _ in people),
        *(_earlier(random, contact, reached_at) for contact, reached_at in entered_twice),
        *(contact for contact, _ in without_customer),
    ]


def _person(
    random: Random, *, customer_id: int | None, first_day: date, country: str, serial: int
) -> tuple[Contact, Number | None]:
    """Somebody's row, and the number they are reached at if the row holds one."""
    first, last = random.choice(FIRST_NAMES[country]), random.choice(LAST_NAMES[country])
    job = random.choice(JOBS)
    region = random.choice(REGIONS[country])
    reached_at = number(random, country) if random.random() < 0.90 else None
    contact = Contact(
        customer_id=customer_id,
        name=_name(random, first, last),
        email=_email(random, first, last, serial),
        phone=written(random, reached_at) if reached_at else random.choice((None, random.choice(JUNK))),
        fax=written(random, number(random, country)) if random.random() < 0.02 else None,
        country=_country(random, country),
        note=note(random),
        signup_ip=address(random, country),
        born=_born(random),
        job=_or_gap(random, job, gap=0.12),
        region=_or_gap(random, region, gap=0.08),
        income=_or_gap(random, _income(random, job, region), gap=0.22),
        brand="cdnow",
        updated_at=_moment(random, first_day),
    )
    return contact, reached_at


def _earlier(random: Random, contact: Contact, reached_at: Number) -> Contact:
    """The row as it was entered at first: the same mail and number, the number written afresh, less else known."""
    return contact._replace(
        name=contact.name.upper(),
        phone=written(random, reached_at),
        note=None,
        job=None,
        income=None,
        updated_at=contact.updated_at - timedelta(seconds=random.randrange(1, 86_400)),
    )


def _name(random: Random, first: str, last: str) -> str:
    plain = f"{first} {last}"
    return random.choices((plain, plain.upper(), f"{last}, {first}", f" {plain}  "), (90, 5, 3, 2))[0]


def _email(random: Random, first: str, last: str, serial: int) -> str | None:
    if random.random() < 0.05:
        return None
    local = f"{first}.{last}{serial}".lower().translate(_ASCII)
    mail = f"{local}@example.{random.choice(('com', 'com', 'org', 'net'))}"
    return mail.upper() if random.random() < 0.03 else mail


def _country(random: Random, country: str) -> str | None:
    if country == "GB" and random.random() < 0.03:
        return "UK"  # what people write, and not a code of ISO 3166-1
    return _or_gap(random, country, gap=0.04)


def _born(random: Random) -> str | None:
    """A day of birth, mostly 15/03/1962 or 1962-03-15; some impossible, some in a form of their own."""
    kind = random.random()
    if kind < 0.05:
        return None
    if kind < 0.08:
        return random.choice(_NEVER_BORN)
    day = date(1918, 1, 1) + timedelta(days=random.randrange(63 * 365))
    if kind < 0.09:
        return random.choice((f"{day.year}", f"{day:%d.%m.%y}", f"born {day.year}"))
    return f"{day:%d/%m/%Y}" if kind < 0.55 else day.isoformat()


def _income(random: Random, job: str, region: str) -> int:
    """US dollars a year, in hundreds: what the job earns, times the region's level, times luck."""
    return round(JOB_INCOMES[job] * REGION_FACTORS[region] * random.lognormvariate(0, 0.25) / 100) * 100


def _moment(random: Random, first_day: date) -> datetime:
    start = datetime.combine(first_day, time()) + timedelta(days=1)
    end = datetime.combine(LAST_DAY, time()) + timedelta(days=1)
    return start + timedelta(seconds=int(random.random() * (end - start).total_seconds()))


def _or_gap(random: Random, value: T, *, gap: float) -> T | None:
    return None if random.random() < gap else value
