"""A project's modules are imported as they are now, under the name of its folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pumphouse.errors import ConfigError, UnknownName
from pumphouse.graph.assets import load
from pumphouse.graph.modules import load_declaration, package_of

TABLE = "import pumphouse as ph\n@ph.table()\ndef made(*, factor=2):\n    return factor\n"


def test_changed_text_of_equal_length_and_time_is_executed(write) -> None:
    folder = write(
        {"rates.py": "RATE = 2\n", "tables.py": "from shop.rates import RATE\n" + TABLE.replace("=2", "=RATE")}
    )
    assert load(folder).declaration("made")() == 2
    path = folder / "rates.py"
    status = path.stat()
    path.write_text("RATE = 3\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert load(folder).declaration("made")() == 3


def test_unchanged_modules_are_not_executed_again(write) -> None:
    folder = write({"tables.py": TABLE})
    assert load(folder).declaration("made") is load(folder).declaration("made")


def test_one_declaration_is_found_without_loading_the_rest(write) -> None:
    folder = write({"tables.py": "from shop.sub import two\n" + TABLE, "sub.py": "two = 2\n", "broken.py": "1 / 0\n"})
    assert load_declaration(folder, "shop.tables", "made")(factor=5) == 5
    assert "shop.broken" not in sys.modules
    with pytest.raises(UnknownName, match="'gone' is not declared in shop"):
        load_declaration(folder, "shop.tables", "gone")


def test_functions_may_import_from_the_project_when_they_run(write) -> None:
    body = "import pumphouse as ph\n@ph.table()\ndef made():\n    from shop.late import value\n    return value\n"
    assert load(write({"tables.py": body, "late.py": "value = 7\n"})).declaration("made")() == 7


def test_two_projects_of_one_name_do_not_mix(tmp_path: Path) -> None:
    for name, factor in (("one", 1), ("two", 2)):
        folder = tmp_path / name / "shop"
        folder.mkdir(parents=True)
        (folder / "tables.py").write_text(TABLE.replace("=2", f"={factor}"))
    for name, factor in (("one", 1), ("two", 2), ("one", 1)):
        graph = load(tmp_path / name / "shop")
        assert graph.declaration("made")() == factor
        assert graph.assets["made"].module == "shop.tables"


def test_folder_whose_name_python_can_not_say_gets_another(tmp_path: Path) -> None:
    folder = tmp_path / "my shop-2"
    folder.mkdir()
    (folder / "tables.py").write_text("from .rates import RATE\n" + TABLE.replace("=2", "=RATE"))
    (folder / "rates.py").write_text("RATE = 4\n")
    graph = load(folder)
    assert graph.declaration("made")() == 4
    assert package_of(folder) == package_of(Path("/elsewhere/my shop-2"))
    assert package_of(folder).isidentifier()
    assert load_declaration(folder, graph.assets["made"].module, "made")() == 4


@pytest.mark.parametrize("name", ["json", "pytest"])
def test_folder_named_like_a_package_that_is_there_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    before = sys.modules[name]
    with pytest.raises(ConfigError, match=f"the name of the Python package '{name}'"):
        load(folder)
    assert sys.modules[name] is before


def test_init_of_the_project_declares_too(write) -> None:
    graph = load(write({"__init__.py": "import pumphouse as ph\nraw = ph.files('a.csv')\n"}))
    assert (graph.assets["raw"].module, graph.assets["raw"].place.file) == ("shop", "__init__.py")


def test_loading_writes_no_bytecode_into_the_project(write) -> None:
    folder = write({"tables.py": TABLE, "sub/more.py": "x = 1\n"})
    load(folder)
    assert not list(folder.rglob("__pycache__"))


@pytest.mark.parametrize(("mode", "is_there"), [(0o755, True), (0o777, False)])
def test_processes_find_a_project_only_where_nobody_else_puts_modules(
    tmp_path: Path, mode: int, is_there: bool
) -> None:
    folder = tmp_path / "anyones" / "beside"
    folder.mkdir(parents=True)
    (folder / "tables.py").write_text(TABLE)
    folder.parent.chmod(mode)
    assert load(folder).declaration("made")() == 2
    assert (str(folder.parent) in sys.path) == is_there
