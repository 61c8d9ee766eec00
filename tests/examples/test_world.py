"""The world around the example: what the shop's project gathers from is all there, and only there."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.robotparser import RobotFileParser

import httpx
import phonenumbers
import pytest

from shop_world import World, contacts, make_data, running, survey_answers
from shop_world.albums import ALBUMS, PRIVATE_PATH, catalogue
from shop_world.purchases import API_PART, EXAMPLES, FILE_PART, SPLIT_DAY, first_days, read
from shop_world.survey import ASKS_WHY_BELOW

SHOP = EXAMPLES / "shop"
BEARER = {"Authorization": "Bearer demo-token"}
PAGES_MAX = 100


@pytest.fixture(scope="module")
def database(world: World) -> sqlite3.Connection:
    with closing(sqlite3.connect(world.database)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def order_pages(url: str) -> list[list[dict[str, Any]]]:
    pages = []
    following: str | None = url
    with httpx.Client(headers=BEARER, timeout=20) as client:
        while following:
            answer = client.get(following).raise_for_status().json()
            pages.append(answer["data"])
            following = answer["next"]
            assert len(pages) < PAGES_MAX
    return pages


# ---------------------------------------------------------------------------------------------------------- purchases


def test_both_parts_hold_every_purchase_of_cdnow() -> None:
    early, later = read(FILE_PART), read(API_PART)
    assert len(early) + len(later) == 69_659
    assert len({purchase.customer_id for purchase in early + later}) == 23_570
    assert min(purchase.day for purchase in early) == date(1997, 1, 1)
    assert max(purchase.day for purchase in early) == SPLIT_DAY < min(purchase.day for purchase in later)
    assert max(purchase.day for purchase in later) == date(1998, 6, 30)
    assert sum(purchase.cents for purchase in early + later) == 250_031_563


def test_files_are_the_ones_their_provenance_names() -> None:
    provenance = (SHOP / "cdnow" / "PROVENANCE.md").read_text()
    for path in (FILE_PART, API_PART):
        assert hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() in provenance


def test_files_made_from_the_master_are_the_committed_ones_byte_for_byte() -> None:
    early, later = (gzip.decompress(path.read_bytes()) for path in (FILE_PART, API_PART))
    by_customer = sorted((early + later).splitlines(keepends=True), key=lambda line: line.split()[:2])
    master = b" customer_id  date number_of_cds  dollar_value\r\n" + b"".join(by_customer)
    assert hashlib.sha256(master).hexdigest() == make_data.MEMBER_SHA256
    for path, part in zip((FILE_PART, API_PART), make_data.split(master), strict=True):
        assert make_data.compressed(part) == path.read_bytes()


# --------------------------------------------------------------------------------------------------------- orders API


def test_pages_hold_exactly_the_later_purchases_and_none_twice(world: World) -> None:
    pages = order_pages(f"{world.url}/api/orders")
    orders = [order for page in pages for order in page]
    assert [len(page) for page in pages] == [1000] * 12 + [757]
    assert [order["order_id"] for order in orders] == list(range(56_903, 69_660))
    assert Counter(
        (order["customer_id"], order["paid_at"][:10], order["cds"], order["cents"]) for order in orders
    ) == Counter((bought.customer_id, bought.day.isoformat(), bought.cds, bought.cents) for bought in read(API_PART))


def test_since_gives_that_instant_and_later(world: World) -> None:
    changes = [order["updated_at"] for page in order_pages(f"{world.url}/api/orders") for order in page]
    assert changes == sorted(set(changes))
    for since in (changes[0], changes[999], changes[1000], changes[-1]):
        again = order_pages(f"{world.url}/api/orders?since={since}")
        assert [order["updated_at"] for page in again for order in page] == changes[changes.index(since) :]


def test_since_reads_any_iso_8601_time(world: World) -> None:
    def first_id(since: str) -> int:
        answer = httpx.get(f"{world.url}/api/orders", params={"since": since}, headers=BEARER, timeout=20)
        return answer.raise_for_status().json()["data"][0]["order_id"]

    utc = first_id("1998-03-01T00:00:00Z")
    assert utc == first_id("1998-03-01") == first_id("1998-03-01 00:00:00") == first_id("1998-03-01T01:00:00+01:00")
    assert first_id("1998-03-01T00:00:00.000001Z") == utc + 1
    assert first_id("") == 56_903


def test_nothing_new_is_an_empty_page(world: World) -> None:
    answer = httpx.get(f"{world.url}/api/orders", params={"since": "1998-07-01"}, headers=BEARER, timeout=20)
    assert answer.json() == {"data": [], "next": None}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer demo-tokén"}])
def test_wrong_token_is_refused(world: World, headers: dict[str, str]) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    answer = httpx.get(f"{world.url}/api/orders", headers=encoded, timeout=20)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "data" not in answer.json()


@pytest.mark.parametrize("query", ["since=yesterday", "page=0", "page=-1", "page=two"])
def test_query_that_says_nothing_is_refused_with_its_reason(world: World, query: str) -> None:
    answer = httpx.get(f"{world.url}/api/orders?{query}", headers=BEARER, timeout=20)
    assert answer.status_code == 400
    assert query.split("=")[1] in answer.json()["error"]


# --------------------------------------------------------------------------------------------------------------- site


def test_walk_along_the_links_finds_every_album(world: World) -> None:
    found = {}
    path: str | None = "/shop/"
    with httpx.Client(base_url=world.url, timeout=20) as client:
        while path:
            listing = client.get(path).raise_for_status().text
            for link in re.findall(r'class="product" href="([^"]+)"', listing):
                found[link] = client.get(link).raise_for_status().text
            following = re.search(r'class="next" rel="next" href="([^"]+)"', listing)
            path = following[1] if following else None
    assert len(found) == ALBUMS + 1
    assert set(found) == {f"/shop/album/{album.sku}" for album in catalogue()} | {PRIVATE_PATH}
    for html in found.values():
        assert all(html.count(mark) == 1 for mark in ("<h1>", "data-sku=", 'class="price"', 'class="genre"'))


def test_robots_txt_forbids_one_linked_page_and_no_other(world: World) -> None:
    robots = RobotFileParser(f"{world.url}/robots.txt")
    robots.read()
    assert not robots.can_fetch("anybody", f"{world.url}{PRIVATE_PATH}")
    assert robots.can_fetch("anybody", f"{world.url}/shop/")
    assert robots.can_fetch("anybody", f"{world.url}/shop/album/CD-0001")
    assert robots.crawl_delay("anybody") is None


def test_page_seen_before_is_not_sent_again(world: World) -> None:
    with httpx.Client(base_url=world.url, timeout=20) as client:
        first = client.get("/shop/album/CD-0001")
        again = client.get("/shop/album/CD-0001", headers={"If-None-Match": first.headers["ETag"]})
        other = client.get("/shop/album/CD-0002", headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""


def test_head_gives_the_head_alone(world: World) -> None:
    with httpx.Client(base_url=world.url, timeout=20) as client:
        head, get = client.head("/shop/"), client.get("/shop/")
    assert head.content == b""
    assert head.headers["Content-Length"] == str(len(get.content))


def test_unknown_address_is_not_found(world: World) -> None:
    assert httpx.get(f"{world.url}/shop/album/CD-9999", timeout=20).status_code == 404


# ------------------------------------------------------------------------------------------------------------ process


@pytest.fixture
def furnished(world: World, tmp_path: Path) -> Path:
    """A folder for a world of one's own, its database already in it."""
    shutil.copy(world.database, tmp_path)
    return tmp_path


def goes_quiet(url: str) -> bool:
    for _ in range(200):
        try:
            httpx.get(url, timeout=20)
        except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError):
            return True
        time.sleep(0.05)
    return False


def test_world_ends_when_its_standard_input_closes(furnished: Path) -> None:
    with running(furnished) as world:
        assert httpx.get(f"{world.url}/shop/", timeout=20).status_code == 200
        world.process.stdin.close()
        assert world.process.wait() == 0
        assert goes_quiet(f"{world.url}/shop/")


def test_world_ends_on_sigterm(furnished: Path) -> None:
    with running(furnished) as world:
        world.process.terminate()
        assert world.process.wait() == 0


def test_world_ends_with_a_killed_parent(furnished: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from shop_world import running\n"
        "with running(Path(sys.argv[1])) as world: print(world.url, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(furnished)]
    with subprocess.Popen(command, cwd=EXAMPLES, stdout=subprocess.PIPE, text=True) as parent:
        url = parent.stdout.readline().strip()
        assert httpx.get(f"{url}/shop/", timeout=20).status_code == 200
        parent.kill()
        parent.stdout.read()
    assert goes_quiet(f"{url}/shop/")


def test_database_that_is_there_is_kept(furnished: Path) -> None:
    with closing(sqlite3.connect(furnished / "shop.sqlite")) as connection:
        connection.execute("UPDATE customers SET note = 'changed by hand' WHERE contact_id = 1")
        connection.commit()
    with running(furnished) as world, closing(sqlite3.connect(world.database)) as connection:
        assert connection.execute("SELECT note FROM customers WHERE contact_id = 1").fetchone() == ("changed by hand",)


# ----------------------------------------------------------------------------------------------------------- contacts


def content_hash(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


def test_contacts_are_the_same_for_the_same_seed_and_only_then(tmp_path: Path) -> None:
    some = dict(islice(first_days().items(), 1000))
    for name, seed in (("one", 5), ("same", 5), ("other", 6)):
        contacts.write(tmp_path / name, customers=some, seed=seed)
    assert content_hash(tmp_path / "one") == content_hash(tmp_path / "same") != content_hash(tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other", "same"]


def test_every_customer_has_a_contact_and_some_have_two(database: sqlite3.Connection) -> None:
    times_entered = Counter(row["customer_id"] for row in database.execute("SELECT customer_id FROM customers"))
    assert times_entered.pop(None) == contacts.WITHOUT_CUSTOMER
    assert set(times_entered) == set(first_days())
    assert Counter(times_entered.values()) == {1: 23_570 - contacts.ENTERED_TWICE, 2: contacts.ENTERED_TWICE}


def e164(row: sqlite3.Row) -> str | None:
    """What a careful reader makes of a row's phone; None where it is no number."""
    try:
        number = phonenumbers.parse(row["phone"].removesuffix(".0"), row["country"])
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def test_who_was_entered_twice_is_recognised_by_cleaned_number_and_mail(database: sqlite3.Connection) -> None:
    pairs = database.execute("""
        SELECT customer_id, json_group_array(contact_id) AS ids FROM customers
        WHERE customer_id IS NOT NULL GROUP BY customer_id HAVING count(*) > 1
    """).fetchall()
    written_alike = 0
    for pair in pairs:
        earlier, later = (
            database.execute("SELECT * FROM customers WHERE contact_id = ?", (contact_id,)).fetchone()
            for contact_id in sorted(json.loads(pair["ids"]))
        )
        assert earlier["updated_at"] < later["updated_at"]
        assert earlier["email"] == later["email"] is not None
        assert e164(earlier) == e164(later) is not None
        written_alike += earlier["phone"] == later["phone"]
    assert written_alike < len(pairs) / 4


def test_mails_tell_people_apart(database: sqlite3.Connection) -> None:
    shared = database.execute("""
        SELECT email FROM customers WHERE email IS NOT NULL
        GROUP BY lower(email) HAVING count(DISTINCT customer_id) > 1
    """).fetchall()
    assert shared == []


def test_most_phones_can_be_cleaned_in_every_country_and_some_cannot(database: sqlite3.Connection) -> None:
    rows = database.execute(
        "SELECT phone, country FROM customers WHERE phone IS NOT NULL AND country IS NOT NULL AND country != 'UK'"
    ).fetchall()
    valid = Counter(row["country"] for row in rows if e164(row))
    written = Counter(row["country"] for row in rows)
    assert set(written) == {"US", "CA", "GB", "DE", "FR", "NL", "SE", "JP", "AU"}
    for country, count in written.items():
        assert 0.90 < valid[country] / count < 0.99, country
    assert sum(row["phone"].endswith(".0") for row in rows) > 1000
    assert sum(bool(re.search(r"(x|ext\. )\d+$", row["phone"])) for row in rows) > 1000


def test_contacts_are_untidy_in_the_ways_the_readme_says(database: sqlite3.Connection) -> None:
    def count(condition: str) -> int:
        return database.execute(f"SELECT count(*) FROM customers WHERE {condition}").fetchone()[0]

    total = count("true")
    assert count("born GLOB '[0-3][0-9]/[01][0-9]/19[0-9][0-9]'") > total / 3
    assert count("born GLOB '19[0-9][0-9]-[01][0-9]-[0-3][0-9]'") > total / 3
    assert count("born IN ('31/02/1970', '00/00/0000')") > 50
    assert count("signup_ip LIKE '%:%:%'") > 1000
    assert count("signup_ip LIKE '192.168.%'") > 50
    assert count("signup_ip = 'unknown'") > 10
    assert 0.1 < count("job IS NULL") / total < 0.2 < count("income IS NULL") / total < 0.3
    assert count("fax IS NULL") / total > 0.95
    assert count("brand != 'cdnow'") == 0
    assert count("country = 'UK'") > 10
    assert count("lower(note) LIKE '%pls%'") > 1000
    assert count("note LIKE '=HYPERLINK%'") > 0


def test_staff_is_a_tiny_table(database: sqlite3.Connection) -> None:
    assert [row["role"] for row in database.execute("SELECT role FROM staff ORDER BY staff_id")][:2] == ["buyer"] * 2


# ---------------------------------------------------------------------------------------------- survey and shorthand


def questions() -> dict[str, dict[str, Any]]:
    survey = json.loads((SHOP / "surveys" / "exit.json").read_text())
    return {question["name"]: question for page in survey["pages"] for question in page["elements"]}


def test_survey_asks_five_questions() -> None:
    types = {name: question["type"] for name, question in questions().items()}
    assert sorted(types.values()) == ["boolean", "checkbox", "comment", "radiogroup", "rating"]


def test_survey_answers_are_ones_the_survey_takes() -> None:
    asked = questions()
    choices = {name: {choice["value"] for choice in asked[name]["choices"]} for name in ("reason", "bought")}
    answered = list(survey_answers(seed=3, n=500))
    assert len({customer_id for customer_id, _ in answered}) == 500
    for _, answers in answered:
        assert set(answers) <= {*asked, "reason-Comment"}
        assert answers["reason"] in choices["reason"] | {"other"}
        assert ("reason-Comment" in answers) == (answers["reason"] == "other")
        assert 0 <= answers["recommend"] <= 10
        assert set(answers.get("bought", ())) <= choices["bought"]
        assert "better" not in answers or answers["recommend"] < ASKS_WHY_BELOW
    assert asked["better"]["visibleIf"] == f"{{recommend}} < {ASKS_WHY_BELOW}"
    assert answered == list(survey_answers(seed=3, n=500))


def test_who_bought_more_recommends_more() -> None:
    purchases = Counter(purchase.customer_id for purchase in read(FILE_PART))
    scores: dict[bool, list[int]] = {True: [], False: []}
    for customer_id, answers in survey_answers(seed=3, n=500):
        scores[purchases[customer_id] > 3].append(answers["recommend"])
    mean = {often: sum(given) / len(given) for often, given in scores.items()}
    assert mean[True] > mean[False] + 1


def test_shorthand_expanded_twice_is_expanded_once() -> None:
    with (SHOP / "shorthand.csv").open(newline="") as file:
        entries = {row["shorthand"]: row["expansion"] for row in csv.DictReader(file)}
    assert len(entries) == 65
    words = "|".join(re.escape(entry) for entry in entries)
    any_entry = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    assert [expansion for expansion in entries.values() if any_entry.search(expansion)] == []
    assert all(entry == entry.lower() for entry in entries)
