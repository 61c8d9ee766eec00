"""Secrets: found in the environment or in secrets.toml when they are used, and printed nowhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.project.conftest import CONFIG, Folder, failure

from pumphouse.errors import ConfigError
from pumphouse.project.secrets import Connections

DECLARED = {
    "shop": {"url": "https://shop.example/api", "auth": {"bearer": "secret:SHOP"}, "headers": ["secret:OTHER"]},
    "plain": {"url": "sqlite:shop.db"},
    "none": {"auth": "x"},
}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP", raising=False)
    monkeypatch.delenv("OTHER", raising=False)


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets.toml").write_text('SHOP = "from the file"\nOTHER = "also"\n')
    connections = Connections(DECLARED, folder=tmp_path)
    assert connections["shop"].options == {"auth": {"bearer": "from the file"}, "headers": ["also"]}
    monkeypatch.setenv("SHOP", "from the environment")
    assert connections["shop"].options["auth"] == {"bearer": "from the environment"}
    assert repr(connections["shop"]) == "Connection(name='shop')"
    assert "from" not in f"{connections['shop']} {connections}"


def test_a_missing_secret_is_looked_for_when_it_is_used_and_names_each_place(tmp_path: Path) -> None:
    connections = Connections(DECLARED, folder=tmp_path)
    assert connections["plain"].url == "sqlite:shop.db"
    assert list(connections) == ["shop", "plain", "none"]
    (tmp_path / "secrets.toml").write_text('UNRELATED = "hunter2"\n')
    with pytest.raises(
        ConfigError,
        match=r"the secret 'SHOP', which connections.shop.auth.bearer needs, was not found\. Looked at the environment "
        r"variable SHOP and at secrets.toml in the project's folder",
    ) as caught:
        connections["shop"]
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match="connection 'none' has no url"):
        connections["none"]


@pytest.mark.parametrize("text", ["SHOP = ", "SHOP = 5"])
def test_a_broken_secrets_file_says_so_and_no_more(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.toml").write_text(f'OTHER = "hunter2"\n{text}\n')
    with pytest.raises(ConfigError, match=r"secrets\.toml") as caught:
        Connections(DECLARED, folder=tmp_path)["shop"]
    assert "hunter2" not in str(caught.value)


@pytest.fixture
def refusing() -> Iterator[str]:
    """A server that refuses everybody and repeats what it was told."""

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = f"{self.headers['authorization']} may not read {self.path}".encode()
            self.send_response(403)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_secret_is_in_no_error_no_log_and_no_table(
    folder: Folder, refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "hunter2secret")
    folder.write(
        {
            "pumphouse.toml": f'{CONFIG}[connections.shop]\nurl = "{refusing}"\nauth = {{ bearer = "secret:SHOP" }}\n',
            "gather.py": """
                import pumphouse as ph


                @ph.source(connection="shop")
                def orders(http: ph.Http):
                    yield from http.pages("/orders")
            """,
        }
    )
    project = folder.open()
    report = project.run()
    assert "answered 403" in failure(report, "orders")
    state = project.lake.state
    shown = [
        str(report),
        repr(report),
        repr(project),
        repr(state.runs()),
        repr(state.run_builds()),
        project._repr_html_(),
    ]
    shown += [note for result in report.results for note in getattr(result.error, "__notes__", [])]
    assert not any("hunter2" in text for text in shown)
    for file in project.lake.folder.glob("*"):  # the server's own answer is stored as it came
        assert not file.is_file() or b"hunter2" not in file.read_bytes(), file
