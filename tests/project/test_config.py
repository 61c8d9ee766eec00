"""`pumphouse.toml`: what it may say, in which environment, and what is said where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from pumphouse.errors import ConfigError
from pumphouse.project.config import read_config

FULL = """
name = "Shop"
lake = "lakes/main"
zone = "Europe/Berlin"

[engine]
memory = "2GB"
workers = 3

[settings]
least = 2
cut = 2024-01-01

[connections.shop]
url = "postgresql://reader@db.example/shop"
password = "secret:SHOP"

[failures]
command = "cat"

[env.dev]
lake = "dev-lake"
inputs_from = "prod"
engine = { workers = 1 }
settings = { least = 5 }

[env.stage]
lake = "stage-lake"
catalogue = "postgresql://stage.example/lake"
inputs_from = "dev"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pumphouse.toml").write_text(FULL)
    return tmp_path


def test_an_environment_says_only_what_differs(folder: Path) -> None:
    prod, dev, stage = read_config(folder), read_config(folder, env="dev"), read_config(folder, env="stage")
    assert (prod.name, prod.env, prod.zone) == ("Shop", "prod", "Europe/Berlin")
    assert (prod.lake.folder, prod.inputs_from) == (folder / "lakes" / "main", ())
    assert (dev.lake.folder, dev.inputs_from) == (folder / "dev-lake", (prod.lake,))
    assert (prod.settings["least"], dev.settings["least"], dev.settings["cut"]) == (2, 5, prod.settings["cut"])
    assert (prod.engine.workers, dev.engine.workers, dev.engine.memory) == (3, 1, "2GB")
    assert dev.connections == prod.connections
    assert stage.inputs_from == (dev.lake, prod.lake)
    assert (prod.failures, dev.failures) == ({"command": "cat"}, {})
    assert (prod.outlets, dev.outlets) == (None, frozenset())
    assert (stage.lake.folder, stage.lake.catalogue) == (folder / "stage-lake", "postgresql://stage.example/lake")


def test_an_empty_file_is_a_project(tmp_path: Path) -> None:
    (tmp_path / "pumphouse.toml").write_text("")
    config = read_config(tmp_path)
    assert (config.name, config.zone, config.lake.folder) == (tmp_path.name, "UTC", tmp_path / "lake")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("zone =", "zones =", r"no setting 'zones' \(pumphouse.toml:3\)\. Did you mean 'zone'\?"),
        ("memory =", "memroy =", r"no setting 'engine.memroy' \(pumphouse.toml:6\)\. Did you mean 'memory'\?"),
        ("[failures]", "[people]", r"no setting 'people' \(pumphouse.toml:17\)\. It has: name, lake,"),
        ("command =", "shell =", r"no setting 'failures.shell'.*It has: command, webhook, mail, server"),
        ("inputs_from =", "input_from =", r"no setting 'env.dev.input_from'.*Did you mean 'inputs_from'"),
        ("Europe/Berlin", "Europe/Berln", r"'Europe/Berln' is no time zone \(pumphouse.toml:3\)"),
        ("[settings]", "[settings", r"pumphouse.toml is not TOML: .*\(pumphouse.toml:9\)"),
        ('inputs_from = "prod"', 'inputs_from = "pord"', r"no environment 'pord'.*Did you mean 'prod'"),
        ("workers = 3", 'workers = "3"', r"'engine.workers' has to be a whole number"),
        ("workers = 3", "workers = 0", r"'engine.workers' has to be a whole number, 1 or more"),
        ("[connections.shop]", "[connections]", r"'connections.url' has to be a table"),
        ('lake = "lakes/main"', "lake = 5", r"'lake' has to be text"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line_and_the_nearest(folder: Path, old: str, new: str, said: str) -> None:
    assert old in FULL
    (folder / "pumphouse.toml").write_text(FULL.lstrip("\n").replace(old, new))
    with pytest.raises(ConfigError, match=said):
        read_config(folder, env="dev")


def test_an_environment_never_writes_where_another_one_keeps_its_tables(folder: Path) -> None:
    toml = folder / "pumphouse.toml"
    toml.write_text(FULL.replace('lake = "dev-lake"\n', ""))
    with pytest.raises(
        ConfigError, match=r"'dev' would write to the lake of 'prod'.*lake = \"dev-lake\" in \[env.dev\]"
    ):
        read_config(folder, env="dev")
    toml.write_text(FULL.replace('lake = "stage-lake"\n', ""))
    with pytest.raises(ConfigError, match="'stage' names a catalogue and no lake"):
        read_config(folder, env="stage")
    toml.write_text(FULL.replace("[engine]", 'catalogue = "postgresql://prod.example/lake"\n[engine]', 1))
    assert read_config(folder, env="dev").lake.catalogue is None


def test_environments_chain_and_each_has_a_lake_of_its_own(folder: Path) -> None:
    toml = folder / "pumphouse.toml"
    toml.write_text(FULL + '[env.trial]\nlake = "trial-lake"\ninputs_from = "stage"\n')
    folders = [one.folder.name for one in read_config(folder, env="trial").inputs_from]
    assert folders == ["stage-lake", "dev-lake", "main"]
    toml.write_text(FULL.replace('inputs_from = "prod"', 'inputs_from = "stage"'))
    with pytest.raises(ConfigError, match="'dev' would write to the lake of 'dev', from which it reads its inputs"):
        read_config(folder, env="dev")
    toml.write_text(FULL.replace('inputs_from = "prod"', 'inputs_from = "dev"'))
    with pytest.raises(ConfigError, match="'stage' would read its inputs twice from the lake of 'dev'"):
        read_config(folder, env="stage")
    toml.write_text(FULL.replace('inputs_from = "prod"', 'inputs_form = "prod"'))
    with pytest.raises(ConfigError, match=r"no setting 'env.dev.inputs_form'.*Did you mean 'inputs_from'"):
        read_config(folder, env="stage")


def test_an_environment_tells_nobody_but_those_whom_it_names_itself(folder: Path) -> None:
    toml = folder / "pumphouse.toml"
    toml.write_text(FULL.replace("settings = { least = 5 }", 'failures = { mail = "ada@shop.example" }'))
    assert read_config(folder).failures == {"command": "cat"}
    assert read_config(folder, env="dev").failures == {"mail": "ada@shop.example"}
    assert read_config(folder, env="stage").failures == {}
    toml.write_text(FULL.replace("settings = { least = 5 }", 'failures = { male = "ada@shop.example" }'))
    with pytest.raises(ConfigError, match=r"no setting 'env.dev.failures.male'.*Did you mean 'mail'"):
        read_config(folder, env="dev")


def test_an_unknown_environment_offers_the_nearest(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"no environment 'stag'\. Did you mean 'stage'"):
        read_config(folder, env="stag")


def test_a_folder_that_is_no_project_offers_the_one_inside(folder: Path) -> None:
    inside = folder / "alone" / "inside"
    inside.mkdir(parents=True)
    (inside / "pumphouse.toml").write_text("")
    with pytest.raises(ConfigError, match=f"no pumphouse.toml in .*Did you mean the folder {inside}"):
        read_config(inside.parent)
    with pytest.raises(ConfigError, match="pumphouse new"):
        read_config(folder / "nowhere")


def test_a_file_that_is_not_utf_8_is_refused(folder: Path) -> None:
    (folder / "pumphouse.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match=r"can't be read.*UTF-8"):
        read_config(folder)
