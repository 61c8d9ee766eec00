"""Telling a failure once to the place that the project names: a command, a webhook, a mail."""

from __future__ import annotations

import json
import logging
import smtplib
import subprocess
from collections.abc import Callable
from email.message import EmailMessage

import httpx

from pumphouse.errors import PumphouseError
from pumphouse.lake.lake import Lake
from pumphouse.project.config import Config
from pumphouse.project.running import Report, Result
from pumphouse.project.secrets import resolved

TELL_TIMEOUT_S = 30.0
log = logging.getLogger("pumphouse")


def tell_failures(report: Report, *, config: Config, lake: Lake) -> list[str]:
    """Tell each place of `[failures]` what failed and was not told there; what went wrong in that, which stops nothing.

    A failure counts as told until its asset works again, so a nightly failure is one message and not one a night. One
    of another kind is told.
    """
    problems = []
    for place, tell in _PLACES.items():
        if place not in config.failures:
            continue
        for result in report.results:
            if result.status in ("built", "unchanged") and lake.state.recall(_told(place, result)):
                lake.state.remember(_told(place, result), "")
        fresh = [result for result in report.failed if lake.state.recall(_told(place, result)) != _kind(result)]
        if not fresh:
            continue
        try:
            tell(report, fresh, config)
        except _FAULTS as error:
            # The address may hold a secret, so the error's own text is not passed on.
            problems.append(f"[failures] {place} could not be told: {type(error).__name__}")
            continue
        for result in fresh:
            lake.state.remember(_told(place, result), _kind(result))
    for problem in problems:
        log.error(problem)
    return problems


def message(report: Report, failed: list[Result], config: Config) -> str:
    """The text that people get: what failed, why, and the command to see more."""
    lines = [f"{config.name}: {len(failed)} failed in run {report.run}", ""]
    lines += [f"- {result.asset}: {result.note}" for result in failed]
    lines += ["", f"See more: pumphouse log {report.run}"]
    return "\n".join(lines)


def _by_command(report: Report, failed: list[Result], config: Config) -> None:
    subprocess.run(  # noqa: S602  # the project's own command, as its author wrote it
        config.failures["command"],
        shell=True,
        input=message(report, failed, config).encode(),
        stdout=subprocess.DEVNULL,  # ours is for the report
        cwd=config.folder,
        timeout=TELL_TIMEOUT_S,
        check=True,
    )


def _by_webhook(report: Report, failed: list[Result], config: Config) -> None:
    body = {
        "project": config.name,
        "run": report.run,
        "text": message(report, failed, config),
        "failed": [result.asset for result in failed],
    }
    address = resolved(config.failures["webhook"], folder=config.folder, wanted_by="failures.webhook")
    httpx.post(address, json=body, timeout=TELL_TIMEOUT_S).raise_for_status()


def _by_mail(report: Report, failed: list[Result], config: Config) -> None:
    mail = EmailMessage()
    mail["Subject"] = f"{config.name}: {', '.join(result.asset for result in failed)[:100]} failed"
    mail["To"] = mail["From"] = config.failures["mail"]
    mail.set_content(message(report, failed, config))
    host, _, port = str(config.failures.get("server", "localhost:25")).partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=TELL_TIMEOUT_S) as server:
        server.send_message(mail)


_PLACES: dict[str, Callable[[Report, list[Result], Config], None]] = {
    "command": _by_command,
    "webhook": _by_webhook,
    "mail": _by_mail,
}


_FAULTS = (PumphouseError, OSError, ValueError, subprocess.SubprocessError, httpx.HTTPError, httpx.InvalidURL)


def _told(place: str, result: Result) -> str:
    return f"told:{place}:{result.asset}"


def _kind(result: Result) -> str:
    # Not the text: it may count rows or name a process, and be another each night.
    return type(result.error).__name__


def as_json(report: Report) -> str:
    """The report for a program."""
    return json.dumps(
        {
            "run": report.run,
            "snapshot": report.snapshot,
            "seconds": round(report.seconds, 3),
            "results": [
                {
                    "asset": result.asset, "kind": result.kind, "status": result.status, "snapshot": result.snapshot,
                    "seconds": round(result.seconds, 3), "note": result.note, "warnings": list(result.warnings),
                    "rows_in": result.counts.rows_in, "rows_out": result.counts.rows_out,
                    "quarantined": result.counts.quarantined, "dropped": result.counts.dropped,
                    "merged": result.counts.merged, "withheld": result.counts.withheld,
                }
                for result in report.results
            ],
        }
    )  # fmt: skip
