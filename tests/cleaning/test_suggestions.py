from __future__ import annotations

import ast
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from pumphouse.cleaning import col, email
from pumphouse.cleaning.step import Resources
from pumphouse.cleaning.suggestions.suggest import Suggestions, suggest
from pumphouse.declare.asset import Declaration

if TYPE_CHECKING:
    from conftest import Works

RANDOM = random.Random(1)


def found(works: Works, rows: list[dict[str, Any]], schema: pa.Schema | None = None) -> Suggestions:
    works.gather(rows, schema=schema)
    return suggest(works.raw, works.lake.scan(works.raw), works.lake.engine, resources=Resources())


def code_of(works: Works, **columns: list[Any]) -> list[str]:
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return [proposal.code for proposal in found(works, rows).proposals]


PHONES = [f"(212) 555-{number:04}" for number in range(92)] + ["+49 30 901820"] * 5 + ["ask Max"] * 3


def test_a_step_is_proposed_with_how_much_it_reads_and_what_would_be_set_aside(works: Works) -> None:
    (phone,) = found(works, [{"id": number, "phone": cell} for number, cell in enumerate(PHONES)]).proposals
    assert phone.code == 'col.phone >> e164(default="US")'
    assert phone.why == (
        "telephone numbers: 92% read as US, 5% read as DE, 3% would go to quarantine ('ask Max': not a phone number)"
    )
    assert (phone.read, phone.set_aside) == (0.97, 0.03)


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([f"Max{number}@Example.COM" for number in range(100)], "col.c >> email()"),
        ([f"https://Example.com:443/{number}" for number in range(100)], "col.c >> url()"),
        ([f"8.8.{number}.8" for number in range(100)], "col.c >> ip_country()"),
        ([f"{1 + number % 28:02}/{1 + number % 12:02}/1990" for number in range(100)], "col.c >> parse_date()"),
        ([f"{number}.50 EUR" for number in range(100)], "col.c >> money()"),
        ([f"{number},25" for number in range(100)], "col.c >> number()"),
        (["yes", "no", "No", "YES"] * 25, "col.c >> parse_boolean()"),
        ([f"+49 30 9018{number:02}" for number in range(100)], "col.c >> e164()"),
        ([f"cafÃ© {number}" for number in range(100)], "col.c >> plain_text()"),
        ([f"a &amp; b {number}" for number in range(100)], "col.c >> plain_text(html=True)"),
        (["N/A", "fine", "good"] * 33, "col.c >> null_if()"),
        (["-", *(f"Max{number}@Example.COM" for number in range(99))], "col.c >> null_if() >> email()"),
        ([f"paid by 4111 1111 1111 1111, {number}" for number in range(100)], "col.c >> mask_cards()"),
    ],
)
def test_what_a_column_is_decides_its_step(works: Works, cells: list[str], code: str) -> None:
    assert code_of(works, c=cells) == [code]


@pytest.mark.parametrize(
    "cells",
    [
        [f"{1 + number % 12:02}/{1 + number // 9:02}/1990" for number in range(100)],  # day or month first
        [f"{number:05}" for number in range(100)],  # a number, or a name with zeros in front
        [str(number) for number in range(100)],
        ["0", "1"] * 50,
        ["DE", "CA", "US"] * 33,
        [f"word {number}" for number in range(100)],
        [f"{RANDOM.randint(10**11, 10**12 - 1)}" for _ in range(100)],  # one in ten has the check digit of a code
        ["Max@example.com"] * 60 + [f"none {number}" for number in range(40)],
        [None] * 60 + ["a", "b"] * 20,
    ],
)
def test_where_it_is_not_sure_it_says_nothing(works: Works, cells: list[Any]) -> None:
    assert code_of(works, c=cells) == []


def test_columns_that_say_nothing_are_proposed_to_be_dropped(works: Works) -> None:
    rows = [{"id": number, "empty": None if number else "x", "brand": "cdnow"} for number in range(100)]
    (drop,) = found(works, rows).proposals
    assert drop.code == "drop(mostly_null=0.95, constant=True)"
    assert drop.why == "empty null in at least 95% of the rows; brand the same in all rows"


def test_the_code_that_is_proposed_declares_and_cleans(works: Works) -> None:
    told = found(works, [{"id": number, "phone": cell, "Web site": "N/A"} for number, cell in enumerate(PHONES)])
    assert told.key == "id"
    names: dict[str, Any] = {}
    exec(told.code, names)
    (declared,) = (value for value in names.values() if isinstance(value, Declaration))
    built = works.build(*declared.spec.steps, key="id")
    assert (built.counts.rows_in, built.counts.quarantined) == (100, 3)


@pytest.mark.parametrize("rows", [[], [{"id": 1, "phone": "+1 212 555 0123"}]])
def test_of_few_rows_nothing_is_said(works: Works, rows: list[dict[str, Any]]) -> None:
    told = found(works, rows, schema=pa.schema([("id", pa.int64()), ("phone", pa.string())]))
    assert (told.proposals, told.code) == ((), "")
    assert "Nothing to propose" in told.to_text()


def test_a_large_table_is_sampled_the_same_way_each_time(works: Works) -> None:
    rows = [{"id": number, "c": f"{number % 7000},25"} for number in range(45_000)]
    first = found(works, rows)
    assert first.rows == 45_000
    assert 15_000 < first.looked_at < 30_000
    again = suggest(works.raw, works.lake.scan(works.raw), works.lake.engine, resources=Resources(folder=Path()))
    assert again == first


BROWSERS = [f"Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0" for n in range(80, 179)]
COUNTRIES = ["Germany", "France", "U.S.", "USA", "Österreich", "DE"]
CITIES = ["Köln", "koln", "Bern", "New York", "NewYork", "Rome"]
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo"]


def by_column(told: Suggestions) -> dict[str, str]:
    return {one.column: one.code.partition(" >> ")[2] for one in told.proposals}


def test_values_of_an_unmistakable_form_decide_their_step(works: Works) -> None:
    rows = [
        {
            "land": COUNTRIES[n % 6],
            "with_offset": f"2024-07-{1 + n % 28:02}T12:00:{n % 60:02}+02:00",
            "with_z": f"2024-07-{1 + n % 28:02} 12:00:{n % 60:02}Z",
            "decimals": f"{10 + n % 70}.5{n:03}, {n}.25{n:03}",
            "degrees": f"52°{n % 60}'12\"N 13°24'{n % 60}\"E",
            "heavy": f"{n}.5 kg" if n % 3 else f"{n} lb",
            "agent": BROWSERS[n % 99] if n % 10 else "curl/8.1",
        }
        for n in range(200)
    ]
    told = found(works, rows)
    assert by_column(told) == {
        "land": "country_code()",
        "with_offset": "parse_timestamp()",
        "with_z": "parse_timestamp()",
        "decimals": "coordinates()",
        "degrees": "coordinates()",
        "heavy": 'quantity("kg")',
        "agent": "user_agent()",
    }
    assert {one.column: one.why for one in told.proposals}["heavy"] == (
        "100% read as quantities of mass, most of them in kg, as '0 lb' to '0.0'"
    )


def test_forms_that_may_be_something_else_are_left_alone(works: Works) -> None:
    rows = [
        {
            "codes": ["DE", "FR", "IT", "US", "CA", "AL"][n % 6],  # countries, languages, states
            "two_countries": ["Georgia", "Jordan"][n % 2],
            "first_names": ["Chad", "Jordan", "Israel"][n % 3],
            "states": ["Georgia", "Texas", "Ohio", "Utah"][n % 4],
            "no_offset": f"2024-07-{1 + n % 28:02} 12:00:{n % 60:02}",
            "range": f"{n}.50, {n + 10}.50",
            "letter": f"{n}K",  # kelvin, thousands
            "two_kinds": f"{n} kg" if n % 2 else f"{n} cm",
            "as_many": f"{n} kg" if n % 2 else f"{n} lb",
            "metre_or_minute": f"{n} m",
            "programs": f"tool{n}/1.{n}",
        }
        for n in range(200)
    ]
    assert by_column(found(works, rows)) == {}


def test_postcodes_and_numbers_are_read_by_the_country_of_their_row_where_that_reads_more(works: Works) -> None:
    places = [("DE", "10115", "030 901820"), ("GB", "sw1a1aa", "020 7946 0018"), ("CA", "k1a 0b1", "613 555 0123")]
    rows = [
        {
            "id": n,
            "phone": f"{places[n % 3][2][:-2]}{n % 90 + 10}",
            "code": places[n % 3][1][:-1] + (str(n % 10) if n % 3 != 1 else "abdefghjln"[n % 10]),
            "country": places[n % 3][0],
        }
        for n in range(300)
    ]
    told = found(works, rows)
    assert by_column(told) == {
        "phone": "e164(region=col.country)",
        "code": "postcode(country=col.country)",
    }
    assert told.proposals[1].why.startswith("100% read as postcodes, as ")
    assert told.proposals[1].why.endswith("; read by the row's country: one country for all reads 33% at most")


def test_names_of_countries_become_codes_before_others_are_read_by_them(works: Works) -> None:
    places = [("Germany", "10115"), ("United Kingdom", "sw1a1aa"), ("Canada", "k1a 0b1")]
    rows = [{"code": ["10115", "sw1a1aa", "k1a 0b1", "80331", "gir0aa", "h0h 0h0"][n % 6],
             "land": places[n % 3][0]} for n in range(120)]  # fmt: skip
    told = found(works, rows)
    assert [one.code for one in told.proposals] == [
        "col.land >> country_code()", "col.code >> postcode(country=col.land)"
    ]  # fmt: skip
    names: dict[str, Any] = {}
    exec(told.code, names)
    (declared,) = (value for value in names.values() if isinstance(value, Declaration))
    assert works.build(*declared.spec.steps).counts.quarantined == 0


def test_where_a_country_beside_tells_no_more_it_is_not_read(works: Works) -> None:
    rows = [
        {
            "phone": f"+49 30 9018{n % 90 + 10}",
            "code": f"{10000 + 731 * n % 80000}",  # five digits in each of them
            "country": ["DE", "FR", "IT"][n % 3],
        }
        for n in range(300)
    ]
    assert by_column(found(works, rows)) == {"phone": "e164()"}


def test_times_without_an_offset_are_read_where_their_zone_is_known(works: Works) -> None:
    rows = [{"at": f"2024-07-{1 + n % 28:02} 12:00:{n % 60:02}", "zone": ZONES[n % 3]} for n in range(100)]
    assert by_column(found(works, rows)) == {"at": "parse_timestamp(zone=col.zone)"}


def test_groups_of_spellings_are_a_note_with_the_command_that_shows_them(works: Works) -> None:
    told = found(works, [{"city": CITIES[n % 6], "other": ["north", "south"][n % 2]} for n in range(120)])
    (note,) = told.notes
    assert (note.column, note.note) == ("city", "2 values are likely spelled in several ways, as 'koln' for 'Köln'")
    assert note.next == f"pumphouse categories {works.raw}.city"
    assert told.code == ""
    assert told.to_dict()["notes"] == ({"column": "city", "note": note.note, "next": note.next},)
    assert told.to_text().endswith(f"For you to decide:\ncity  {note.note}\n      to go on: {note.next}")


def test_spellings_that_only_sound_alike_or_are_rarely_there_are_no_note(works: Works) -> None:
    rows = [{"name": ["Meyer", "Maier", "Bern"][n % 3], "free": f"word {n}{'' if n % 2 else '.'}"} for n in range(120)]
    assert found(works, rows).notes == ()


def test_rows_that_are_equal_but_for_the_key_are_counted(works: Works) -> None:
    def row(n: int, person: int) -> dict[str, Any]:
        return {"id": n, "name": f"person {person}", "city": ["Bern", "Rome"][person % 2], "score": person * 3}

    told = found(works, [row(n, n if n < 95 else n - 95) for n in range(100)])
    assert told.proposals[-1].code == 'dedupe(on=["name", "city", "score"], keep="first", by="id")'
    assert told.proposals[-1].why == "5 rows (5%) are equal to another one in all columns but id"
    names: dict[str, Any] = {}
    exec(told.code, names)
    (declared,) = (value for value in names.values() if isinstance(value, Declaration))
    assert works.build(*declared.spec.steps, key="id").counts.merged == 5


def test_rows_that_may_be_equal_by_chance_are_not_counted(works: Works) -> None:
    rows = [{"id": n, "size": n % 3, "city": ["Bern", "Rome"][n % 2], "score": n % 5} for n in range(100)]
    assert found(works, rows).proposals == ()


def test_cards_secrets_and_personal_data_in_text_are_counted_and_not_shown(works: Works) -> None:
    told = found(
        works,
        [
            {
                "paid": f"paid by 4111 1111 1111 1111, {n}" if n % 2 else f"cash {n}",
                "log": f"password: hunter{n}" if n % 4 == 0 else f"fine {n}",
                "note": f"ask max{n}@example.com or +49 30 901820" if n % 10 == 0 else f"nothing {n}",
            }
            for n in range(100)
        ],
    )
    assert {one.column: (one.code, one.why) for one in told.proposals} == {
        "paid": ("col.paid >> mask_cards()", "50% have card numbers in them (50 of 100 cells looked at)"),
        "log": ("col.log >> mask_secrets()", "25% have secrets in them (25 of 100 cells looked at)"),
    }
    (note,) = told.notes
    said = "of 100 cells looked at, 10 have e-mail addresses, 10 have telephone numbers in them"
    assert (note.column, note.note, note.next) == ("note", said, 'col.note >> mask_personal("email", "phone")')
    assert not any(word in told.to_text() for word in ("4111", "hunter", "example.com", "901820"))


def test_text_that_only_looks_like_personal_data_is_no_note(works: Works) -> None:
    rows = [{"build": f"version 1.2.3.{n}", "ref": f"order 123-45-{n:04}", "at": f"@max{n} said"} for n in range(100)]
    assert found(works, rows).notes == ()


def test_many_imports_get_a_line_each(works: Works) -> None:
    rows = [
        {"a": f"Max{n}@Example.COM", "b": f"{n}.50 EUR", "c": f"{n},25", "d": f"https://Example.com:443/{n}",
         "e": ["yes", "no"][n % 2], "f": f"8.8.{n}.8", "g": f"2024-07-{1 + n % 28:02}T12:00:00Z"}
        for n in range(100)
    ]  # fmt: skip
    assert found(works, rows).code.startswith("from pumphouse.cleaning import (\n    clean,\n    col,\n    email,\n")


@pytest.mark.realdata
def test_columns_of_a_real_table_that_need_no_cleaning_are_left_alone(works: Works, realdata: Path) -> None:
    import pyarrow.csv

    rows = pyarrow.csv.read_csv(realdata / "hillstrom.csv").to_pylist()
    assert [proposal.column for proposal in found(works, rows).proposals] == []


def test_what_a_step_would_mask_is_masked_in_the_evidence(works: Works) -> None:
    cells = [f"pls  pay with 4111 1111 1111 1111, password=hunter{number}" for number in range(30)]
    said = found(works, [{"note": cell} for cell in cells]).to_text()
    assert "plain_text() >> mask_cards() >> mask_secrets()" in said
    assert "4111" not in said.replace("*1111", "")
    assert "hunter" not in said


def test_the_name_of_a_column_stays_a_name_in_the_code(works: Works) -> None:
    name = 'x"); print("run") #_id'
    rows = [{name: number, "mail": f"Max{number}@Example.COM"} for number in range(30)]
    code = found(works, rows).code
    (call,) = (one for one in ast.walk(ast.parse(code)) if isinstance(one, ast.Call) and one.args[1:])
    assert [ast.literal_eval(one.value) for one in call.keywords] == [name]


@pytest.mark.parametrize("name", ["class", "__doc__", "\ufb01rst", 'a"] >> x', "e mail"])
def test_a_column_of_any_name_is_named_in_the_code_as_it_is(works: Works, name: str) -> None:
    (proposal,) = found(works, [{name: f"Max{number}@Example.COM"} for number in range(100)]).proposals
    (steps,) = eval(f"[{proposal.code}]", {"col": col, "email": email})
    assert steps.column == name


def test_white_space_that_goes_is_seen_in_the_example(works: Works) -> None:
    told = found(works, [{"id": number, "a": f"Ann  Lee {number}"} for number in range(100)])
    assert "'Ann  Lee 0' to 'Ann Lee 0'" in told.proposals[0].why


def test_a_column_of_which_too_much_would_be_declined_is_for_a_person_to_decide_and_not_masked(works: Works) -> None:
    rows = [
        {
            "mail": f"max{n} at example" if n % 4 == 0 else f"max{n}@example.com",
            "phone": "ask Max" if n % 4 == 0 else f"+49 30 9018{n % 90 + 10}",
            "number": "ask Max" if n % 4 == 0 else f"+49 30 9018{n % 90 + 10}",
            "gaps": "N/A" if n % 8 == 0 else f"max{n}" if n % 4 == 0 else f"max{n}@example.com",
        }
        for n in range(200)
    ]
    told = found(works, rows)
    assert {one.column: one.next for one in told.notes} == {
        "mail": "col.mail >> email()",
        "phone": "col.phone >> e164()",
        "number": "col.number >> e164()",
        "gaps": "col.gaps >> null_if() >> email()",
    }
    assert told.notes[0].note == ("75% read as e-mail addresses, 25% would go to quarantine ('max0 at example': no @)")
    assert by_column(told) == {"gaps": "null_if()"}


def test_cells_that_are_nothing_but_an_address_are_not_proposed_to_be_masked(works: Works) -> None:
    rows = [{"contact": f"max{n}@example.com" if n % 5 < 2 else f"room {n}"} for n in range(100)]
    assert found(works, rows).notes == ()


def test_lines_are_no_wider_than_a_hundred_letters_but_for_what_can_be_pasted(works: Works) -> None:
    def row(n: int, person: int) -> dict[str, Any]:
        names = {f"the_answer_to_question_{q}": f"{person} of, {q}" for q in range(8)}
        mail = {"an_e_mail_address_that_has_a_rather_long_name": f"Max{person}@Example.COM"}
        return {"id": n, **names, **mail, "an empty column of a rather long name": None, "brand": "x"}

    told = found(works, [row(n, n if n < 95 else n - 95) for n in range(100)])
    lines = told.to_text().splitlines()
    assert max(len(line) for line in lines if "to go on: " not in line) <= 100
    assert any(line.startswith("(table)") for line in lines)
    assert "an_e_mail_address_that_has_a_rather_long_name" in lines
    names: dict[str, Any] = {}
    exec(told.code, names)
    (declared,) = (value for value in names.values() if isinstance(value, Declaration))
    assert len(declared.spec.steps) == len(told.proposals)


def test_it_says_why_a_column_is_not_the_key(works: Works) -> None:
    def why(ids: list[int | None]) -> list[tuple[str, str]]:
        rows = [{"id": one, "customer_id": n % 7} for n, one in enumerate(ids)]
        told = found(works, rows)
        assert told.key is None
        return [(note.note, note.next) for note in told.notes if note.column == "id"]

    numbers: list[int | None] = list(range(1_200))
    ((note, command),) = why([None, *numbers[1:]])
    assert note == "id would be the key, but 1 of 1,200 rows has none"
    assert command.endswith(' WHERE "id" IS NULL\'')
    ((note, command),) = why([None, None, 3, 3, *numbers[4:]])
    assert note == "id would be the key, but 2 of 1,200 rows have none and 1 of 1,200 rows repeats that of another"
    assert command.endswith(" HAVING count(*) > 1'")
    assert why([n // 2 for n in range(1_200)]) == []  # it is of something else


def test_numbers_are_read_by_names_of_countries_where_some_are_none(works: Works) -> None:
    written = {
        "Germany": "030 9018{}", "France": "01 42 68 53 {}", "United Kingdom": "020 7946 00{}", "USA": "(212) 555-01{}"
    }  # fmt: skip
    rows = [
        {
            "phone": "ask Max" if n % 20 == 0 else written[list(written)[n % 4]].format(n % 90 + 10),
            "country": "Atlantis" if n % 14 == 0 else list(written)[n % 4],
        }
        for n in range(280)
    ]
    told = found(works, rows)
    codes = [one.code for one in told.proposals]
    assert codes == ["col.country >> country_code()", "col.phone >> e164(region=col.country)"]
    assert told.code.index(codes[0]) < told.code.index(codes[1])


def test_the_table_that_is_declared_has_a_name_that_is_free(works: Works) -> None:
    rows = [{"mail": f"Max{n}@Example.COM"} for n in range(100)]
    works.gather(rows)

    def name(table: str, *taken: str) -> str:
        scan = works.lake.scan(works.raw)
        told = suggest(table, scan, works.lake.engine, resources=Resources(), taken=taken)
        return told.code.split("\n")[2].partition(" = ")[0]

    assert name("raw_crm") == "crm"
    assert name("raw_crm", "CRM") == "clean_crm"
    assert name("raw_crm", "crm", "clean_crm") == "clean_crm_2"
    assert name("crm", "crm") == "clean_crm"
    assert name("raw_email") == "clean_email"  # the step is imported
    assert name("raw_class") == "clean_class"
