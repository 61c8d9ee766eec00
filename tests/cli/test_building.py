from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.cli.conftest import PUMPHOUSE

from pumphouse.lake.locks import held


def test_validate_counts_the_assets_of_a_sound_project(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("validate", cwd=shop)
    assert (done.code, done.out, done.err) == (0, "5 assets, no faults\n", "")
    assert pumphouse("validate", "--json", cwd=shop).json == {"faults": [], "assets": 5}


def test_validate_lists_every_fault_and_ends_with_2(pumphouse: Any, shop: Path) -> None:
    (shop / "one.sql").write_text("SELECT *\nFROM ordrs\n")
    (shop / "two.sql").write_text("SELECT now() AS moment\n")
    done = pumphouse("validate", cwd=shop)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: 2 faults in the project")
    assert "one.sql:2" in done.err
    assert "Did you mean 'orders'?" in done.err
    assert "two.sql:1" in done.err
    faults = pumphouse("validate", "--json", cwd=shop).json["faults"]
    assert [(fault["place"]["file"], fault["place"]["line"]) for fault in faults] == [("one.sql", 2), ("two.sql", 1)]


def test_validate_names_a_feature_of_what_a_fit_filled(pumphouse: Any, shop: Path) -> None:
    (shop / "clean.py").write_text(
        'from pumphouse.cleaning import clean, col, fill\n\nfilled = clean("orders", col.amount >> fill("mode"))\n'
    )
    header = '/* pumphouse\nkind = "{}"\nentity = "customer_id"{} */\n'
    (shop / "spend.sql").write_text(
        header.format("feature", "") + "SELECT m.customer_id, m.as_of, sum(f.amount) AS spend "
        "FROM moments m LEFT JOIN filled f ON f.customer_id = m.customer_id GROUP BY ALL\n"
    )
    (shop / "came.sql").write_text(
        header.format("label", '\nmatures = "1 day"')
        + "SELECT customer_id, day AS as_of, big > 1 AS came FROM orders\n"
    )
    (shop / "learn.py").write_text(
        'import pumphouse as ph\n\n\n@ph.model(label="came", features=["spend"])\n'
        "def coming(train: ph.TrainingSet):\n    return None\n"
    )
    done = pumphouse("validate", cwd=shop)
    assert (done.code, done.out) == (2, "")
    assert "reads column 'amount' of 'filled', whose gaps fill(\"mode\") filled" in done.err


def test_the_project_is_found_upward_or_named_before_or_after_the_command(
    pumphouse: Any, built: Path, tmp_path: Path
) -> None:
    inner = tmp_path / "elsewhere"
    inner.mkdir()
    assert pumphouse("validate", cwd=built / "data").code == 0
    assert pumphouse("--project", str(built), "validate", cwd=inner).code == 0
    assert pumphouse("validate", "--project", str(built), cwd=inner).code == 0
    lost = pumphouse("validate", cwd=inner)
    assert lost.code == 2
    assert lost.err.startswith(f"error: there is no pumphouse.toml in {inner}\n")
    assert "pumphouse new" in lost.err


def test_an_environment_has_a_lake_of_its_own(pumphouse: Any, shop: Path) -> None:
    assert pumphouse("run", "raw_orders", "--env", "dev", cwd=shop).code == 0
    assert (shop / "dev-lake" / "lake.json").exists()
    unknown = pumphouse("plan", "--env", "devel", cwd=shop)
    assert unknown.code == 2
    assert "Did you mean 'dev'?" in unknown.err


def test_plan_says_what_and_why_and_builds_nothing(pumphouse: Any, shop: Path) -> None:
    assert pumphouse("plan", cwd=shop).out == "Nothing to build: 3 assets up to date.\n"
    (shop / "by_day.sql").write_text("SELECT day, count(*) AS orders FROM orders GROUP BY day\n")
    assert "its code changed" in pumphouse("plan", cwd=shop).out
    (build,) = pumphouse("plan", "--json", cwd=shop).json["builds"]
    assert (build["asset"], build["reasons"]) == ("by_day", ["its code changed"])


def test_run_prints_a_plain_line_for_each_asset(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("run", "--full", cwd=shop)
    assert done.code == 0
    *lines, summary = done.out.splitlines()
    assert re.fullmatch(r"built +\d+\.\d s  raw_orders  4 in, 4 out", lines[0])
    assert re.fullmatch(r"built +\d+\.\d s  orders      4 in, 4 out", lines[1])
    assert lines[2].startswith("    warning: ")
    assert "mostly_small" in lines[2]
    assert re.fullmatch(r"built +\d+\.\d s  by_day      4 in, 3 out", lines[3])
    assert re.fullmatch(r"3 built in \d+\.\d s; snapshot \d+\.", summary)
    assert "\x1b" not in done.out


def test_a_second_run_does_nothing(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("run", cwd=shop)
    assert (done.code, done.out) == (0, "Nothing to do: everything is as of snapshot 3.\n")


def test_run_as_json_is_one_value_on_standard_output(pumphouse: Any, shop: Path) -> None:
    done = pumphouse("run", "orders", "--full", "--only", "--json", cwd=shop)
    assert (done.code, done.err) == (0, "")
    (result,) = done.json["results"]
    assert (result["asset"], result["status"], result["rows_in"], result["rows_out"]) == ("orders", "built", 4, 4)
    assert done.json["snapshot"] == result["snapshot"] == 4


def test_a_run_in_which_something_failed_ends_with_3_and_says_why(pumphouse: Any, broken: Path) -> None:
    done = pumphouse("run", cwd=broken)
    assert done.code == 3
    assert re.search(r"^failed +\d+\.\d s  broken\n    .*Could not convert string", done.out, re.MULTILINE)
    assert re.search(r"^skipped +0\.0 s  after_broken  not tried: broken failed$", done.out, re.MULTILINE)
    assert "Traceback" not in done.out + done.err
    quiet = pumphouse("run", "--quiet", cwd=broken)
    assert quiet.code == 3
    assert quiet.out.startswith("failed")
    assert "skipped" not in quiet.out
    assert {one["status"] for one in pumphouse("run", "--json", cwd=broken).json["results"]} == {"failed", "skipped"}


def test_debug_shows_tracebacks_and_ends_alike(pumphouse: Any, broken: Path) -> None:
    failed = pumphouse("run", "--debug", cwd=broken)
    assert failed.code == 3
    assert "Traceback" in failed.out
    wrong = pumphouse("show", "nothing", "--debug", cwd=broken)
    assert wrong.code == 2
    assert "Traceback" in wrong.err
    assert "error: there is no asset 'nothing'" in wrong.err


def test_an_unknown_target_ends_with_2_and_the_nearest_name(pumphouse: Any, built: Path) -> None:
    done = pumphouse("plan", "order", cwd=built)
    assert (done.code, done.out) == (2, "")
    assert "Did you mean 'orders'?" in done.err


def test_a_lake_that_somebody_holds_ends_with_4_and_names_the_holder(pumphouse: Any, shop: Path) -> None:
    with held(shop / "lake" / "run.lock", purpose="run of ben", wait_s=0):
        done = pumphouse("run", cwd=shop)
    assert (done.code, done.out) == (4, "")
    assert "run of ben" in done.err
    assert "--wait" in done.err


def test_a_window_that_ends_before_it_begins_is_refused(pumphouse: Any, built: Path) -> None:
    done = pumphouse("run", "--from", "2024-02-01", "--to", "2024-01-01", cwd=built)
    assert (done.code, done.out) == (2, "")
    assert "--from 2024-02-01 is not before --to 2024-01-01" in done.err


def test_ctrl_c_names_the_line_of_a_module_that_never_ends(tmp_path: Path) -> None:
    (tmp_path / "pumphouse.toml").write_text("")
    (tmp_path / "endless.py").write_text(
        "import time\nfrom pathlib import Path\n\nPath('reached').touch() or time.sleep(600)\n"
    )
    with subprocess.Popen([PUMPHOUSE, "validate"], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as command:
        while not (tmp_path / "reached").exists():
            time.sleep(0.05)
        command.send_signal(signal.SIGINT)
        _, said = command.communicate()
    assert command.returncode == 130
    assert said == "stopped in endless.py:4, which runs when the project is loaded\n"
