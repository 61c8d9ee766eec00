from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from pumphouse.engines.duckdb import DuckDB
from pumphouse.engines.extensions import extension_folder, link
from pumphouse.errors import MissingExtra


def test_extensions_load_from_their_wheels(duck: DuckDB) -> None:
    fork = duck.fork()
    for name in ("ducklake", "sqlite_scanner", "ducklake"):
        fork.load(name)
    loaded = dict(fork.execute("SELECT extension_name, loaded FROM duckdb_extensions()"))
    assert loaded["ducklake"]
    assert loaded["sqlite_scanner"]


def test_a_link_is_made_once_and_mended_where_it_points_elsewhere(tmp_path: Path) -> None:
    link("ducklake", into=tmp_path, platform="linux_amd64")
    target = tmp_path / f"v{duckdb.__version__}" / "linux_amd64" / "ducklake.duckdb_extension"
    wheel = target.resolve()
    assert target.is_symlink()
    assert wheel.is_file()
    made = target.lstat().st_ino
    link("ducklake", into=tmp_path, platform="linux_amd64")
    assert target.lstat().st_ino == made
    target.unlink()
    target.symlink_to(tmp_path / "gone")
    link("ducklake", into=tmp_path, platform="linux_amd64")
    assert target.resolve() == wheel
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_an_extension_that_is_not_installed_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(MissingExtra, match=r"duckdb-extension-spatial.*pip install 'pumphouse\[all\]'"):
        link("spatial", into=tmp_path, platform="linux_amd64")


def test_the_folder_is_private_to_the_environment_and_under_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    here = extension_folder()
    assert here.is_dir()
    assert here.is_relative_to(tmp_path / "pumphouse" / "extensions")
    monkeypatch.setattr("sys.prefix", "/another/environment")
    assert extension_folder() != here


def test_a_home_that_cannot_be_written_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert extension_folder().is_dir()
