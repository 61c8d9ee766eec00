from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pumphouse.errors import ConfigError
from pumphouse.server.certificates import RENEWED_DAYS, VALID_DAYS, fingerprint, given, self_made
from pumphouse.server.serve import Serving, serve

NOW = datetime.now(UTC)


def test_self_made_certificate_is_made_once_and_its_key_is_nobody_elses(tmp_path: Path) -> None:
    made = self_made(tmp_path / "tls", host="127.0.0.1", now=NOW)
    first = fingerprint(made)
    assert stat.S_IMODE(made.key.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert fingerprint(self_made(tmp_path / "tls", host="127.0.0.1", now=NOW)) == first


def test_self_made_certificate_is_made_anew_for_another_name_or_near_its_end(tmp_path: Path) -> None:
    first = fingerprint(self_made(tmp_path, host="127.0.0.1", now=NOW))
    second = fingerprint(self_made(tmp_path, host="data.example", now=NOW))
    assert second != first
    before = NOW + timedelta(days=VALID_DAYS - RENEWED_DAYS - 1)
    assert fingerprint(self_made(tmp_path, host="data.example", now=before)) == second
    late = NOW + timedelta(days=VALID_DAYS - RENEWED_DAYS + 1)
    assert fingerprint(self_made(tmp_path, host="data.example", now=late)) not in (first, second)


def test_whoever_has_the_self_made_certificate_can_check_the_server(served: Any, tmp_path: Path) -> None:
    made = self_made(tmp_path, host="127.0.0.1", now=NOW)
    answers: dict[str, Any] = {}

    def ask(serving: Serving) -> None:
        trusting = ssl.create_default_context(cafile=str(made.chain))
        answers["trusting"] = httpx.get(f"{serving.url}/health", verify=trusting).json()
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{serving.url}/health")
        serving.stop()

    serve(served.shop, port=0, certificate=made, on_ready=ask)
    assert answers["trusting"] == {"status": "ok"}


def test_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    one, other = (
        self_made(tmp_path / "one", host="a.example", now=NOW),
        self_made(tmp_path / "other", host="b.example", now=NOW),
    )
    with pytest.raises(ConfigError, match="is not the key of"):
        given(one.chain, other.key, now=NOW)


def test_file_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    made = self_made(tmp_path, host="a.example", now=NOW)
    with pytest.raises(ConfigError, match="can't be read"):
        given(made.key, made.key, now=NOW)
    with pytest.raises(ConfigError, match="can't be read"):
        given(tmp_path / "missing.pem", made.key, now=NOW)


def test_certificate_that_has_ended_is_refused(tmp_path: Path) -> None:
    made = self_made(tmp_path, host="a.example", now=NOW)
    later = NOW + timedelta(days=VALID_DAYS + 1)
    with pytest.raises(ConfigError, match=f"ended on {NOW + timedelta(days=VALID_DAYS):%Y-%m-%d}"):
        given(made.chain, made.key, now=later)
