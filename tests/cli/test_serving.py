from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

PUMPHOUSE = Path(sys.executable).with_name("pumphouse")


def test_the_server_answers_runs_what_is_due_and_ends_on_ctrl_c(pumphouse: Any, shop: Path) -> None:
    (shop / "data" / "orders.csv").write_text("order_id,customer_id,day,amount,big,note\n9,9,2024-05-01,1.0,1,new\n")
    with subprocess.Popen(
        [PUMPHOUSE, "serve", "--port", "0"],
        cwd=shop,
        env={**os.environ, "PUMPHOUSE_ACTOR": "ann"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout
        assert server.stderr
        first, second, third = (server.stdout.readline() for _ in range(3))
        address = first.rpartition(" ")[2].strip()
        assert first == f"Serving shop at {address}\n"
        assert second.startswith(f"Sign in with  {address}/?token=")
        assert third.startswith("Flight SQL at grpc://127.0.0.1:")
        with httpx.Client(base_url=address, trust_env=False, timeout=20) as http:
            assert http.get("/health").status_code == 200
            assert http.get("/api/tables").status_code == 401
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == 0
        assert "Traceback" not in server.stderr.read()
    count = pumphouse("query", "SELECT count(*) AS n FROM raw_orders", "--format", "json", cwd=shop)
    assert count.json == [{"n": 1}]


def test_other_machines_are_let_in_only_with_a_certificate_and_its_key(pumphouse: Any, built: Path) -> None:
    open_door = pumphouse("serve", "--host", "0.0.0.0", "--port", "0", cwd=built)
    assert (open_door.code, open_door.out) == (2, "")
    assert "certificate" in open_door.err
    half = pumphouse("serve", "--certificate", "chain.pem", cwd=built)
    assert half.code == 2
    assert "--key" in half.err
