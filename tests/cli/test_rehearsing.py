from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.conftest import TOKEN, running

from pumphouse.project.project import open_project
from pumphouse.project.served import Served

CLEAN = """
import pumphouse as ph
from pumphouse.cleaning import clean, col, dedupe, e164

raw_customers = ph.files("customers.csv", key="id")
customers = clean("raw_customers", col.phone >> e164(default="DE"), dedupe(on="phone", by="id"), key="id")
"""
CUSTOMERS = "id,phone,name\n1,030 901820,Ann\n2,030/901820,Bob\n3,12,<b>Cleo</b>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "crm"
    folder.mkdir()
    (folder / "pumphouse.toml").write_text("")
    (folder / "customers.csv").write_text(CUSTOMERS)
    (folder / "clean.py").write_text(CLEAN)
    return folder


def test_diff_tells_step_by_step_what_cleaning_does_before_it_was_ever_run(pumphouse: Any, folder: Path) -> None:
    assert pumphouse("run", "raw_customers", cwd=folder).code == 0
    done = pumphouse("diff", "customers", cwd=folder)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:7] == [
        "customers: 3 rows of raw_customers at snapshot 1; 2 come out, 1 merged",
        "",
        "col.phone >> e164",
        "    phone: 3 cells, 2 changed, 1 declined",
        "        030 901820 -> +4930901820",
        "        030/901820 -> +4930901820",
        "        12 -> declined: the area code is missing",
    ]
    made = lines.index("    phone__country: 2 made")
    assert lines[made + 1] == "        DE (2)"  # of a column that is new there is no before
    assert "dedupe  1 row merged" in lines
    assert pumphouse("query", "FROM customers", cwd=folder).code != 0  # nothing was built
    found = pumphouse("diff", "customers", "--sample", "2", "--json", cwd=folder).json
    assert (found["is_sample"], found["rows_in"], found["steps"][0]["columns"][0]["changed"]) == (True, 2, 2)
    with open_project(folder) as project:
        (read, *_) = project.lake.state.accesses(asset="raw_customers")
        assert read.detail == "diff customers"


def test_diff_of_what_is_not_cleaned_says_so(pumphouse: Any, folder: Path) -> None:
    done = pumphouse("diff", "raw_customers", cwd=folder)
    assert done.code != 0
    assert "'raw_customers' is not made by cleaning" in done.err
    assert "Did you mean 'customers'" in pumphouse("diff", "custmers", cwd=folder).err


def test_the_page_shows_the_same_with_strangers_text_escaped(pumphouse: Any, folder: Path) -> None:
    (folder / "customers.csv").write_text(CUSTOMERS.replace("030/901820", "<script>x</script>"))
    assert pumphouse("run", cwd=folder).code == 0
    with open_project(folder) as project:
        serving, thread = running(Served(project))
        headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/html"}
        with httpx.Client(base_url=serving.url, headers=headers, timeout=20) as owner:
            page = owner.get("/assets/customers/diff")
            assert page.status_code == 200, page.text
            assert "+4930901820" in page.text
            assert "declined: " in page.text
            assert "<script>x" not in page.text
            assert "&lt;script&gt;x" in page.text
            assert 'href="/assets/customers/diff"' in owner.get("/assets/customers").text
            assert owner.get("/assets/raw_customers/diff").status_code == 404
        serving.stop()
        thread.join(20)
        assert "diff customers" in [one.detail for one in project.lake.state.accesses(asset="raw_customers")]


def test_a_mended_rule_is_applied_to_what_was_set_aside(pumphouse: Any, folder: Path) -> None:
    declared = CLEAN.replace(', dedupe(on="phone", by="id")', "")
    (folder / "clean.py").write_text(declared.replace('default="DE"', ""))
    assert pumphouse("run", cwd=folder).code == 0
    aside = pumphouse("query", "FROM customers__quarantine", "--format", "json", cwd=folder).json
    assert len([cell for cell in aside if cell["reason"].startswith("no country code")]) == 3
    (folder / "clean.py").write_text(declared)
    done = pumphouse("run", "customers", "--replay", cwd=folder)
    assert done.code == 0, done.err
    assert "cleaned the 3 rows that were set aside again" in done.out
    first = "SELECT phone FROM customers ORDER BY id LIMIT 2"
    assert pumphouse("query", first, "--format", "json", cwd=folder).json == [
        {"phone": "+4930901820"},
        {"phone": "+4930901820"},
    ]
    assert '"run customers --replay"' in pumphouse("log", "--limit", "1", "--json", cwd=folder).out
    assert pumphouse("plan", "--json", cwd=folder).json["builds"] == []  # the table is fresh: nothing is left to do
    assert "Name them: --replay TABLE" in pumphouse("run", "--replay", cwd=folder).err
    assert "nothing of it is set aside" in pumphouse("run", "raw_customers", "--replay", cwd=folder).out


def test_suggest_proposes_code_and_is_a_read_in_the_log(pumphouse: Any, folder: Path) -> None:
    rows = [f"{number},(212) 555-01{number:02},Ann" for number in range(60)]
    (folder / "customers.csv").write_text("\n".join(["id,phone,name", *rows]))
    assert pumphouse("run", "raw_customers", cwd=folder).code == 0
    done = pumphouse("suggest", "raw_customers", cwd=folder)
    assert done.code == 0, done.err
    assert '    col.phone >> e164(default="US"),' in done.out.splitlines()
    assert "clean_customers = clean(" in done.out.splitlines()  # customers is declared
    told = pumphouse("suggest", "raw_customers", "--json", cwd=folder).json
    assert (told["proposals"][0]["column"], told["proposals"][0]["read"], told["key"]) == ("phone", 1.0, "id")
    assert "Did you mean 'raw_customers'" in pumphouse("suggest", "raw_customer", cwd=folder).err
    with open_project(folder) as project:
        assert [one.detail for one in project.lake.state.accesses(asset="raw_customers")][:1] == ["suggest"]


def test_personal_tells_of_columns_and_not_of_people(pumphouse: Any, folder: Path) -> None:
    (folder / "customers.csv").write_text("id,mail,colour\n1,ann@example.com,red\n2,,blue\n")
    assert pumphouse("run", "raw_customers", cwd=folder).code == 0
    done = pumphouse("personal", "raw_customers", cwd=folder)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "raw_customers: 2 rows at snapshot 1; all of them looked at",
        "",
        "column  kind   share  how sure  looks like",
        "mail    email  100%   sure      xxx@xxxxxxx.xxx",
        "",
        "Nothing was found in id, colour.",
    ]
    found = pumphouse("personal", "raw_customers", "--json", cwd=folder).json
    assert [(one["column"], one["kind"], one["cells"]) for one in found["found"]] == [("mail", "email", 1)]
    with open_project(folder) as project:
        (read, *_) = project.lake.state.accesses(asset="raw_customers")
        assert (read.detail, read.rows) == ("personal", 2)
    assert "Did you mean 'raw_customers'" in pumphouse("personal", "raw_customer", cwd=folder).err
    assert "ISO 3166" in pumphouse("personal", "raw_customers", "--region", "Germany", cwd=folder).err


def test_check_tells_what_is_wrong_below_the_name(pumphouse: Any, folder: Path) -> None:
    (folder / "checks.py").write_text(
        'import pumphouse as ph\nph_ok = ph.check("customers", "id > 0")\n'
        'all_have_a_phone = ph.check("customers", "phone IS NOT NULL", severity="warn")\n'
    )
    assert pumphouse("run", cwd=folder).code == 0
    lines = pumphouse("check", cwd=folder).out.splitlines()
    assert lines[:2] == [
        "warns   customers  all_have_a_phone",
        "    check 'all_have_a_phone' found 1 row of 'customers' where not (phone IS NOT NULL)",
    ]
    assert lines[2] == "passed  customers  ph_ok"
