"""Telling once, where the project says, that something failed or was stopped: by a command, a webhook, a mail."""

from __future__ import annotations

import json
import logging
import smtplib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage

import httpx
import msgspec

from pumphouse.errors import PumphouseError
from pumphouse.lake.lake import Lake
from pumphouse.models.rollouts import Stop
from pumphouse.project.config import Config
from pumphouse.project.running import Report, Result
from pumphouse.project.secrets import resolved

TELL_TIMEOUT_S = 30.0
log = logging.getLogger("pumphouse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What people are told: a line, a text, and for a program the same as values."""

    subject: str
    text: str
    body: dict[str, object]


def tell_failures(report: Report, *, config: Config, lake: Lake) -> list[str]:
    """Tell each place of `[failures]` what failed and was not told there; what went wrong in that, which stops nothing.

    A failure counts as told until its asset works again, so a nightly failure is one message and not one a night. One
    of another kind is told.
    """
    problems = []
    for place in [place for place in _PLACES if place in config.failures]:
        for result in report.results:
            if result.status in ("built", "unchanged") and lake.state.recall(_told(place, result)):
                lake.state.remember(_told(place, result), "")
        fresh = [result for result in report.failed if lake.state.recall(_told(place, result)) != _kind(result)]
        if not fresh:
            continue
        names = [result.asset for result in fresh]
        told = Message(
            subject=f"{', '.join(names)[:100]} failed",
            text=message(report, fresh, config),
            body={"run": report.run, "failed": names},
        )
        if problem := _try(place, told, config):
            problems.append(problem)
            continue
        for result in fresh:
            lake.state.remember(_told(place, result), _kind(result))
    return problems


def tell_stop(stop: Stop, *, config: Config, lake: Lake) -> list[str]:
    """Tell each place of `[failures]` that a guardrail stopped a version; what went wrong in that, which stops nothing.

    A stop is told to a place once.
    """
    body = {"stopped": msgspec.to_builtins(stop)}
    told = Message(subject=f"{stop.version} was stopped", text=stop_text(stop, config), body=body)
    problems = []
    for place in [place for place in _PLACES if place in config.failures]:
        name = f"told:{place}:{stop.rollout}:{stop.pin}"
        if lake.state.recall(name):
            continue
        if problem := _try(place, told, config):
            problems.append(problem)
        else:
            lake.state.remember(name, stop.version)
    return problems


def stop_text(stop: Stop, config: Config) -> str:
    """The text that people get: who was stopped, why, what answers now, and what to do."""
    model = stop.version.partition("@")[0]
    doing = "The version before it answers again." if stop.role == "live" else "The live version answers for all."
    again = {
        "canary": f"Try it again: pumphouse model promote {stop.version} --share 0.1",
        "challenger": f"Try it again: pumphouse model promote {stop.version}",
        "live": f"Make it live again: pumphouse model promote {stop.version}",
    }[stop.role]
    lines = [f"{config.name}: {stop.version}, {stop.role} of {stop.rollout}, was stopped", ""]
    lines += [f"- {stop.why}", "", doing, f"See more: pumphouse model show {model}", again]
    return "\n".join(lines)


def message(report: Report, failed: list[Result], config: Config) -> str:
    """The text that people get: what failed, why, and the command to see more."""
    lines = [f"{config.name}: {len(failed)} failed in run {report.run}", ""]
    lines += [f"- {result.asset}: {result.note}" for result in failed]
    lines += ["", f"See more: pumphouse log {report.run}"]
    return "\n".join(lines)


def _try(place: str, told: Message, config: Config) -> str | None:
    """Tell a place; what went wrong, or None."""
    try:
        _PLACES[place](told, config)
    except _FAULTS as error:
        # The address may hold a secret, so the error's own text is not passed on.
        problem = f"[failures] {place} could not be told: {type(error).__name__}"
        log.error(problem)
        return problem
    return None


def _by_command(told: Message, config: Config) -> None:
    subprocess.run(  # noqa: S602  # the project's own command, as its author wrote it
        config.failures["command"],
        shell=True,
        input=told.text.encode(),
        stdout=subprocess.DEVNULL,  # ours is for the report
        cwd=config.folder,
        timeout=TELL_TIMEOUT_S,
        check=True,
    )


def _by_webhook(told: Message, config: Config) -> None:
    address = resolved(config.failures["webhook"], folder=config.folder, wanted_by="failures.webhook")
    body = {"project": config.name, "text": told.text, **told.body}
    httpx.post(address, json=body, timeout=TELL_TIMEOUT_S).raise_for_status()


def _by_mail(told: Message, config: Config) -> None:
    mail = EmailMessage()
    mail["Subject"] = f"{config.name}: {told.subject}"
    mail["To"] = mail["From"] = config.failures["mail"]
    mail.set_content(told.text)
    host, _, port = str(config.failures.get("server", "localhost:25")).partition(":")
    with smtplib.SMTP(host, int(port or 25), timeout=TELL_TIMEOUT_S) as server:
        server.send_message(mail)


_PLACES: dict[str, Callable[[Message, Config], None]] = {
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
            "left": dict(report.left),
        }
    )  # fmt: skip
