"""Over TLS: the certificate that a server made itself is taken where it is named, and rows come compressed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.server.conftest import TOKEN, Served, running

from pumphouse.server.certificates import self_made
from pumphouse_client import Cache, ClientError, Unreachable, connect


def test_a_named_certificate_is_taken_and_no_other(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_made(tmp_path / "tls", host="127.0.0.1", now=datetime.now(UTC))
    serving, thread = running(served.shop, certificate=certificate)
    monkeypatch.setattr("pumphouse_client.http.WAIT_S", 0.001)
    monkeypatch.setattr("pumphouse_client.http.is_loopback", lambda host: False)  # as if it were another machine
    try:
        cache = Cache(folder=tmp_path / "kept")
        with connect(serving.url, token=TOKEN, verify=certificate.chain, cache=cache) as connection:
            first = connection.table("orders").order("order_id")
            assert first.to_arrow().num_rows == 40
            assert first.to_arrow() == connection.table("orders").order("order_id").to_arrow()
            assert served.shop.lake.state.accesses()[-1].detail == "not modified"
        with (
            connect(serving.url, token=TOKEN, cache=False) as trusting,
            pytest.raises(Unreachable, match="certificate"),
        ):
            _ = trusting.tables
    finally:
        serving.stop()
        thread.join(20)
    with pytest.raises(ClientError, match=r"nowhere\.pem can't be read"):
        connect(serving.url, token=TOKEN, verify="nowhere.pem")
