"""The demo: the example shop through two days of its history, and a short account of what came of it."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from pumphouse.catalog.bets import bet_verdict
from pumphouse.cli.progress import watching
from pumphouse.errors import ConfigError, PumphouseError
from pumphouse.models.account import interval
from pumphouse.project.project import Project, open_project
from pumphouse.project.running import Report, Result
from pumphouse.project.served import Served
from pumphouse.server.serve import Serving, serve

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
DEPLOYED = datetime(1997, 12, 31, tzinfo=UTC)
"""The day on which the model is trained and scores everybody: nothing later may be known to it."""
LOOKED_BACK = datetime(1998, 7, 1, tzinfo=UTC)
"""26 weeks later: what everybody really did has happened."""
ANSWERS = 25
EXPOSED_MAX = 6_000
SERVER_STARTS_S_MAX = 30.0


@dataclass(slots=True)
class _Account:
    """What is told at the end, gathered on the way."""

    results: dict[str, Result]
    answered: int = 0
    prediction: dict[str, Any] | None = None
    hits: int = 0
    best_hit: str = ""


def run_demo(folder: Path, console: Console) -> None:
    """Run the shop in `folder`, twice in its own history, and print the account.

    The folder is made anew; it must be the demo's own or not be there. Raises PumphouseError where a part fails.
    """
    if not EXAMPLES.is_dir():
        raise ConfigError("the demo needs the example shop", mend="Run it in a clone of the repository: make demo")
    began = time.monotonic()
    folder = folder.absolute()
    if folder.exists() and not (folder / "shop" / "pumphouse.toml").exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not the demo's", mend="Name a folder that is empty or not there.")
    shutil.rmtree(folder, ignore_errors=True)
    left_out = shutil.ignore_patterns("lake", "out", ".pumphouse", "__pycache__")
    shutil.copytree(EXAMPLES / "shop", folder / "shop", ignore=left_out)
    with _world(folder) as environment, open_project(folder / "shop") as project:
        account = _Account(results={})
        _say(console, f"31 December 1997: gather, clean, build, train, score everybody (snapshot 0, {folder / 'shop'})")
        _run(project, DEPLOYED, account)
        _say(console, "People: a survey, a prediction and a search over HTTP; an experiment")
        _serve(project, account)
        _expose(project)
        _say(console, "1 July 1998: gather what is new, and look back")
        _run(project, LOOKED_BACK, account)
        _tell(console, project, account, folder=folder, seconds=time.monotonic() - began, environment=environment)


@contextmanager
def _world(folder: Path) -> Iterator[dict[str, str]]:
    """The shop's API, web site and database on this machine, and the environment variables that name them."""
    with _examples().running(folder / "world") as world:
        environment = {
            "SHOP_URL": world.url,
            "SHOP_API": os.environ.get("SHOP_API", "demo-token"),
            "SHOP_DATABASE": f"sqlite:///{world.database}",
        }
        os.environ.update(environment)
        yield environment


def _examples() -> Any:  # the module `shop_world`, a program of the examples and not of ours
    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))
    return importlib.import_module("shop_world")


def _run(project: Project, now: datetime, account: _Account) -> Report:
    with watching(quiet=False, json=False, tracebacks=False) as watcher:
        report = project.run(now=now, watcher=watcher)
    for result in report.results:
        if result.status == "built" or result.asset not in account.results:
            account.results[result.asset] = result
    if report.failed:
        assert report.failed[0].error is not None  # a failed result carries what was raised
        raise report.failed[0].error
    return report


def _serve(project: Project, account: _Account) -> None:
    """Answer the survey, ask for a prediction, search, and read the report as two people, all over HTTP."""
    with _server(project) as serving:
        survey = f"{serving.url}/surveys/exit_survey"
        with httpx.Client(base_url=serving.url, timeout=30.0) as people:
            for customer, answers in _examples().survey_answers(seed=7, n=ANSWERS):
                body = {"client_key": f"demo-customer-{customer:05}", "answers": answers}
                _json(people.post(f"{survey}/answers", json=body))
                account.answered += 1
        token = {"Authorization": f"Bearer {serving.token}"}
        with httpx.Client(base_url=serving.url, headers=token, timeout=30.0) as team:
            account.prediction = _json(team.post("/predict/returns_live", json={"customer_id": 4}))
            found = _json(team.get("/api/search/notes_search", params={"q": "refund AND christmas"}))
            account.hits, account.best_hit = found["total"], found["hits"][0]["row"]["note"] if found["hits"] else ""
        for reader in ("buyer-1", "buyer-2"):
            key = {"Authorization": f"Bearer {project.lake.state.make_token(reader, scope='read')}"}
            httpx.get(f"{serving.url}/reports/sales", headers=key, timeout=30.0).raise_for_status()


def _json(response: httpx.Response) -> dict[str, Any]:
    """What the server answered. Raises PumphouseError with its own words where it refused."""
    if response.is_error:
        raise PumphouseError(f"{response.request.url.path} answered {response.status_code}: {response.text[:500]}")
    answer: dict[str, Any] = response.json()
    return answer


@contextmanager
def _server(project: Project) -> Iterator[Serving]:
    ready = threading.Event()
    started: list[Serving] = []

    def on_ready(serving: Serving) -> None:
        started.append(serving)
        ready.set()

    thread = threading.Thread(
        target=serve, args=(Served(project),), kwargs={"port": 0, "on_ready": on_ready}, daemon=True
    )
    thread.start()
    if not ready.wait(SERVER_STARTS_S_MAX):
        raise ConfigError(f"the server did not start within {SERVER_STARTS_S_MAX:g} s")
    try:
        yield started[0]
    finally:
        started[0].stop()
        thread.join()


def _expose(project: Project) -> None:
    """Replay history as an A/A test: these customers met the badge on 1 January 1998, and nobody saw anything."""
    day = datetime(1998, 1, 1, tzinfo=UTC)
    customers = project.sql(f"SELECT DISTINCT customer_id FROM orders ORDER BY customer_id LIMIT {EXPOSED_MAX}").rows
    project.expose_all("badge", ((row["customer_id"], day + timedelta(seconds=n)) for n, row in enumerate(customers)))


def _tell(
    console: Console, project: Project, account: _Account, *, folder: Path, seconds: float, environment: dict[str, str]
) -> None:
    results = account.results
    purchases, orders = results["raw_purchases"].counts, results["raw_orders"].counts
    contacts, cleaned = results["crm_customers"].counts, results["customers"].counts
    table_rows = {name: results[name].counts.rows_out for name in ("orders", "weekly_sales", "segments")}
    quality = project.judge("returns_live").versions[0].quality
    worth = project.performance("returns_live").worth[0]
    bet = bet_verdict(project.lake, project.graph.assets, "weekly_bet", now=datetime.now(UTC))
    verdict = project.verdict("badge")
    assert account.prediction is not None  # the server has answered, or we would not be here
    albums, scored = results["raw_albums"].counts.rows_out, results["returns_scores"].counts.rows_out
    lines = {
        "gathered": (
            f"{purchases.rows_out:,} purchases from a file, {orders.rows_out:,} from an API,"
            f" {contacts.rows_out:,} contacts from a database, {albums} albums from a web site,"
            f" {account.answered} answers to a survey"
        ),
        "cleaned": (
            f"{cleaned.rows_in:,} contacts became {cleaned.rows_out:,} customers: {cleaned.merged} entered twice were"
            f" merged, {cleaned.withheld} without a number withheld"
        ),
        "quarantined": f"{cleaned.quarantined:,} cells that could not be cleaned, each with its reason",
        "built": ", ".join(f"{name} {count:,}" for name, count in table_rows.items()) + " rows; a report, 2 deliveries",
        "predicted": (
            f"on 31 December 1997, who buys again within 26 weeks: {scored:,} customers;"
            f" over HTTP for one of them today, decades later: {account.prediction['prediction']:.1%}"
        ),
        "judged": (
            f"{quality.positives:,} of {quality.rows:,} customers bought again; the tenth with the highest chances did"
            f" {quality.lift:.1f} times as often as all (AUC {quality.auc:.2f})"
        ),
        "worth": (
            f"a catalogue to the {worth.acted:,} with a chance above 25% would have brought"
            f" {interval(worth.against_nobody)} {worth.unit} for each customer, {interval(worth.against_everybody)}"
            " more than one to everybody"
        ),
        "tested": verdict.text.partition("\n")[0],
        "found": f"{account.hits} notes about refunds and Christmas, such as: {account.best_hit}",
        "used": f"the report, on which a bet stands: {bet.text}",
        "took": f"{seconds:.0f} s; all of it is as of snapshot {project.lake.snapshot()}",
    }
    console.print()
    for word, said in lines.items():
        console.print(Text.assemble((f"{word:>12}", "bold"), "  ", said), soft_wrap=True)
    exports = " ".join(f"{name}={value}" for name, value in environment.items() if name != "SHOP_URL")
    console.print()
    console.print(Text("Look at it:", style="bold"))
    here = folder / "shop"
    shown = here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here
    on_path = () if shutil.which("pumphouse") else (f'export PATH="{Path(sys.executable).parent}:$PATH"',)
    for command in (
        *on_path,
        f"cd {shown} && export {exports} SHOP_URL=http://127.0.0.1:1",
        "pumphouse show customers",
        'pumphouse query "FROM customers__quarantine LIMIT 5"',
        "pumphouse model show returns",
        "pumphouse adoption",
        "pumphouse serve",
    ):
        console.print(f"  {command}", soft_wrap=True)


def _say(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"), soft_wrap=True)
