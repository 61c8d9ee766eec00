from __future__ import annotations

from pathlib import Path

import pytest

import pumphouse as ph
from pumphouse.errors import ConfigError, ProjectFaults

GROUPS = '[groups]\nanalysts = ["ann", "annalist"]\n'


def opened(folder: Path, settings: str, *to: str) -> ph.Project:
    (folder / "pumphouse.toml").write_text(settings, encoding="utf-8")
    code = f'import pumphouse as ph\norders = ph.files("*.csv")\ng = ph.grant("orders", to={list(to)!r})\n'
    (folder / "shop.py").write_text(code, encoding="utf-8")
    return ph.open(str(folder))


def test_a_name_that_looks_like_a_group_and_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectFaults, match=r"'g' grants to 'analyst', which is no group\s+Did you mean 'analysts'"):
        assert opened(tmp_path, GROUPS, "ann", "analyst").graph


def test_a_person_may_be_called_like_a_group_once_a_group_has_them(tmp_path: Path) -> None:
    assert "g" in opened(tmp_path, GROUPS, "annalist", "eve", "everyone").graph.assets


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ('[groups]\nanalysts = "ann"', r"the group 'analysts' has to be a list of people.*pumphouse.toml:2"),
        ('[groups]\neveryone = ["ann"]', "'everyone' is no group of yours"),
        ('[access]\ndefault = "shut"', "'access.default' is 'open' or 'closed', not 'shut'"),
    ],
)
def test_groups_that_are_none_are_refused(tmp_path: Path, settings: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        opened(tmp_path, settings, "ann")
