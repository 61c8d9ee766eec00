from __future__ import annotations

from pathlib import Path

import pytest

from pumphouse.errors import ConfigError
from pumphouse.project.config import read_config

SIGN_IN = '[sign_in]\nissuer = "https://login.example"\nclient_id = "pumphouse"\n'


def test_what_a_sign_in_leaves_out_has_sound_defaults(tmp_path: Path) -> None:
    (tmp_path / "pumphouse.toml").write_text(SIGN_IN, encoding="utf-8")
    said = read_config(tmp_path).access.sign_in
    assert said is not None
    assert (said.scope, said.hours, said.people_claim, said.domains) == ("read", 12, "email", ())


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("hours = 1000", r"'sign_in.hours' has to be a number of hours up to 168.*pumphouse.toml:4"),
        ('scope = "everything"', "'sign_in.scope' has to be 'read' or 'all'"),
        ('domains = "shop.example"', "'sign_in.domains' has to be a list of texts"),
        ("scopes = [1]", "'sign_in.scopes' has to be a list of texts"),
        ('address = "https://data.example/pumphouse"', "'sign_in.address' has to be like https://data.example"),
        ('domain = "shop.example"', "Did you mean 'domains'"),
    ],
)
def test_what_a_sign_in_can_not_be_is_refused(tmp_path: Path, line: str, what: str) -> None:
    (tmp_path / "pumphouse.toml").write_text(SIGN_IN + line, encoding="utf-8")
    with pytest.raises(ConfigError, match=what):
        read_config(tmp_path)


@pytest.mark.parametrize("issuer", ["http://login.example", "http://127.0.0.1.evil.example", "login.example"])
def test_a_provider_is_asked_over_tls_or_on_this_machine(tmp_path: Path, issuer: str) -> None:
    said = SIGN_IN.replace("https://login.example", issuer)
    (tmp_path / "pumphouse.toml").write_text(said, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"'sign_in.issuer' has to be an address with https://"):
        read_config(tmp_path)
