"""Predictions over HTTP, with features from the online store and the durable log, against MLflow's scoring server.

python bench/predict.py [MLFLOW_PYTHON]     needs wrk and taskset; bench/peers.lock is installed for the peer's Python

Both servers have one core and the same fitted pipeline; the load comes from another core over 16 connections. MLflow is
sent the features, ours is sent a customer's number, reads the features from the store, and logs each answer on disk.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CUSTOMERS = 20_000
CONNECTIONS = 16
SECONDS = 10
SERVER_CORE, LOAD_CORE = "0", "1"
FILES = {
    "pumphouse.toml": 'name = "bench"\nlake = "lake/"\n',
    "gather.py": """import pumphouse as ph

purchases = ph.files("purchases.csv", time={"event": "bought_at", "known": "bought_at"})
""",
    "spend.sql": """/* pumphouse
kind = "feature"
entity = "customer_id" */
SELECT m.customer_id, m.as_of, coalesce(sum(p.amount_usd), 0) AS spend_90d, count(p.amount_usd) AS purchases_90d,
       coalesce(max(p.amount_usd), 0) AS largest_90d, coalesce(min(p.amount_usd), 0) AS smallest_90d
FROM moments m LEFT JOIN purchases p ON p.customer_id = m.customer_id AND p.bought_at > m.as_of - INTERVAL 90 DAY
GROUP BY m.customer_id, m.as_of
""",
    "returned.sql": """/* pumphouse
kind = "label"
entity = "customer_id"
matures = "30 days" */
SELECT c.customer_id, TIMESTAMPTZ '2026-03-01' AS as_of, c.customer_id % 3 = 0 AS returned
FROM (SELECT DISTINCT customer_id FROM purchases) c
""",
    "learn.py": """import pumphouse as ph
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@ph.model(label="returned", features=["spend"])
def returns(train: ph.TrainingSet):
    \"\"\"Chance (0..1) of a return.\"\"\"
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(train.X, train.y)


returns_live = ph.rollout("returns")
customers_online = ph.online(["spend"])
""",
}
SAVE = """
import sys, pandas, mlflow.sklearn, json
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
frame = pandas.read_parquet(sys.argv[1])
X = frame[["spend_90d", "purchases_90d", "largest_90d", "smallest_90d"]].astype("float64")
y = frame["returned"].astype(int)
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
mlflow.sklearn.save_model(model, sys.argv[2], pyfunc_predict_fn="predict_proba")
"""


def main() -> None:
    """Print each server's requests, latency and processor time, then the ratio beside its limit."""
    peer = Path(sys.argv[1] if len(sys.argv) > 1 else sys.executable).absolute()
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder) / "shop"
        _make(shop)
        ours = _ours(shop)
        theirs = _theirs(shop, peer)
    print(f"{CONNECTIONS} connections, one core; features of {CUSTOMERS:,} customers in the online store")
    for name, one in (("pumphouse", ours), ("mlflow", theirs)):
        print(
            f"{name:10} {one['requests_s']:8,.0f} requests/s   p50 {one['p50_ms']:6.2f} ms"
            f"   p99 {one['p99_ms']:6.2f} ms"
            f"   {one['per_cpu_s']:8,.0f} requests per CPU-second   {one['errors']} errors"
        )
    print(f"requests a second {ours['requests_s']:,.0f} (limit 2,000), p99 {ours['p99_ms']:.2f} ms (limit 15)")
    print(f"requests per CPU-second: {ours['per_cpu_s'] / theirs['per_cpu_s']:.1f} times MLflow's (limit 10)")


def _make(shop: Path) -> None:
    import pumphouse as ph

    shop.mkdir()
    for name, text in FILES.items():
        (shop / name).write_text(text)
    lines = [
        f"{customer},2026-{month:02}-{1 + customer % 28:02},{(customer * month) % 97 + 1}.50"
        for customer in range(1, CUSTOMERS + 1)
        for month in (1, 2)
    ]
    (shop / "purchases.csv").write_text("\n".join(["customer_id,bought_at,amount_usd", *lines]) + "\n")
    with ph.open(shop) as project:
        report = project.run()
        assert report.ok, [one.note for one in report.failed]
        version = project.lake.artefacts("returns")[0].detail["version"]
        (shop / "training.parquet").write_bytes(project.lake.blobs.get(version["training_set"]))


def _ours(shop: Path) -> dict[str, float]:
    command = ["taskset", "-c", SERVER_CORE, sys.executable, str(Path(sys.executable).with_name("pumphouse")), "serve"]
    command += ["--port", "0"]
    with subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        token = server.stdout.readline().rpartition("token=")[2].strip()
        first = urllib.request.Request(
            f"{url}/predict/returns_live",
            data=b'{"customer_id": 7}',
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(first) as answer:
            said = json.load(answer)
        assert said["features_from"] == "online", said
        script = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer {token}"
request = function()
  return wrk.format(nil, nil, nil, '{{"customer_id": ' .. math.random(1, {CUSTOMERS}) .. '}}')
end
"""
        try:
            return _loaded(server.pid, f"{url}/predict/returns_live", script, shop)
        finally:
            server.send_signal(signal.SIGTERM)


def _theirs(shop: Path, peer: Path) -> dict[str, float]:
    model = shop / "mlflow"
    subprocess.run([peer, "-c", SAVE, shop / "training.parquet", model], check=True, capture_output=True)
    port = "5917"
    command = ["taskset", "-c", SERVER_CORE, peer, "-m", "mlflow", "models", "serve", "-m", str(model), "-p", port]
    environment = {**os.environ, "PATH": f"{peer.parent}:{os.environ['PATH']}", "PYTHONPATH": ""}
    with subprocess.Popen(
        [*command, "--env-manager", "local"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        try:
            _wait_for(f"http://127.0.0.1:{port}/ping")
            body = json.dumps(
                {
                    "dataframe_split": {
                        "columns": ["spend_90d", "purchases_90d", "largest_90d", "smallest_90d"],
                        "data": [[31.0, 2.0, 20.5, 10.5]],
                    }
                }
            )
            script = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{body}'
"""
            return _loaded(server.pid, f"http://127.0.0.1:{port}/invocations", script, shop)
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def _loaded(pid: int, url: str, script: str, folder: Path) -> dict[str, float]:
    """What wrk saw, and what the server's processes took of the processor meanwhile."""
    path = folder / "load.lua"
    path.write_text(
        script
        + """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("said %d %d %f %f %d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""
    )
    wrk = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{CONNECTIONS}", "-s", str(path)]
    subprocess.run([*wrk, "-d2s", url], check=True, capture_output=True)  # warm
    before = _cpu_s(pid)
    out = subprocess.run([*wrk, f"-d{SECONDS}s", url], check=True, capture_output=True, text=True).stdout
    cpu_s = _cpu_s(pid) - before
    found = re.search(r"said (\d+) (\d+) (\S+) (\S+) (\d+)", out)
    assert found, out
    requests, duration_us, p50_us, p99_us, errors = map(float, found.groups())
    return {
        "requests_s": requests / duration_us * 1e6,
        "p50_ms": p50_us / 1000,
        "p99_ms": p99_us / 1000,
        "per_cpu_s": (requests - errors) / cpu_s,
        "errors": errors,
    }


def _cpu_s(pid: int) -> float:
    """Seconds that a process and all below it have taken."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        for task in Path(f"/proc/{one}/task").iterdir():
            waiting += map(int, (task / "children").read_text().split())
    return total


def _wait_for(url: str) -> None:
    until = time.monotonic() + 90
    while True:
        try:
            with urllib.request.urlopen(url):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


if __name__ == "__main__":
    main()
