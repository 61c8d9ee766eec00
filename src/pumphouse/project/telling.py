"""Telling a failure once to the place that the project names: a command, a webhook, a mail."""

from __future__ import annotations

import json
import smtplib
import subprocess
from email.message import EmailMessage

import httpx

from pumphouse.lake.lake import Lake
from pumphouse.project.config import Config
from pumphouse.project.running import Report, Result

TELL_TIMEOUT_S = 30.0


def tell_failures(report: Report, *, config: Config, lake: Lake) -> list[str]:
    """Tell what failed in a run and was not told before; problems of the telling itself, which stop nothing.

    A failure counts as told until its asset works again, so a nightly failure is one message and not one a night.
    """
    for result in report.results:
        if result.status in ("built", "unchanged"):
            lake.state.remember(f"told:{result.asset}", "")
    fresh = [result for result in report.failed if lake.state.recall(f"told:{result.asset}") != result.note]
    if not fresh or not config.failures:
        return []
    problems = _send(report, fresh, config)
    if not problems:
        for result in fresh:
            lake.state.remember(f"told:{result.asset}", result.note)
    return problems


def message(report: Report, failed: list[Result], config: Config) -> str:
    """The text that people get: what failed, why, and the command to see more."""
    lines = [f"{config.name}: {len(failed)} failed in run {report.run}", ""]
    lines += [f"- {result.asset}: {result.note}" for result in failed]
    lines += ["", f"See more: pumphouse log {report.run}"]
    return "\n".join(lines)


def _send(report: Report, failed: list[Result], config: Config) -> list[str]:
    text = message(report, failed, config)
    problems = []
    place = config.failures
    if "command" in place:
        try:
            done = subprocess.run(  # noqa: S602  # the project's own command, as its author wrote it
                place["command"],
                shell=True,
                input=text.encode(),
                cwd=config.folder,
                timeout=TELL_TIMEOUT_S,
                check=False,
            )
            if done.returncode:
                problems.append(f"the command in [failures] ended with {done.returncode}")
        except subprocess.TimeoutExpired:
            problems.append(f"the command in [failures] took longer than {TELL_TIMEOUT_S:g} s")
    if "webhook" in place:
        body = {"project": config.name, "run": report.run, "text": text, "failed": [result.asset for result in failed]}
        try:
            httpx.post(place["webhook"], json=body, timeout=TELL_TIMEOUT_S).raise_for_status()
        except httpx.HTTPError as error:
            problems.append(f"the webhook in [failures] could not be told: {type(error).__name__}")
    if "mail" in place:
        mail = EmailMessage()
        mail["Subject"] = f"{config.name}: {', '.join(result.asset for result in failed)[:100]} failed"
        mail["To"] = place["mail"]
        mail["From"] = place["mail"]
        mail.set_content(text)
        try:
            host, _, port = str(place.get("server", "localhost:25")).partition(":")
            with smtplib.SMTP(host, int(port or 25), timeout=TELL_TIMEOUT_S) as server:
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            problems.append(f"the mail in [failures] could not be sent: {type(error).__name__}")
    return problems


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
