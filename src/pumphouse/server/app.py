"""The application: what answers at which address."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from pumphouse.errors import UnknownName
from pumphouse.server import (
    api,
    finding,
    interviews,
    models,
    monitoring,
    online,
    openapi,
    pages,
    rehearsing,
    reports,
    search_pages,
    searching,
    signing_in,
    surveys,
    tables,
)
from pumphouse.server.access.desk import Desk
from pumphouse.server.access.gate import Gate
from pumphouse.server.access.identity import Identity
from pumphouse.server.answers import AnswerCheck
from pumphouse.server.commits import Commits
from pumphouse.server.cookies import Cookies
from pumphouse.server.drawing import Drawing
from pumphouse.server.guard import Guard
from pumphouse.server.predictions import Predictions
from pumphouse.server.served import ServedProject
from pumphouse.server.shared import Shared
from pumphouse.server.sheets import Sheets

THREADS_MAX = 16
"""Requests that read or compute at the same time; others wait."""


def app_of(project: ServedProject, gate: Gate, desk: Desk, *, port: int, secure: bool) -> ASGIApp:
    """The ASGI application. `port` keeps apart the cookies of servers on one host; `secure` says that there is TLS."""
    sign_in = project.sign_in
    shared = Shared(
        project=project,
        gate=gate,
        desk=desk,
        check=AnswerCheck(),
        drawing=Drawing(project.name, zone=project.zone),
        sheets=Sheets(project),
        commits=Commits(project.lake.state),
        cookies=Cookies(port=port, secure=secure or bool(sign_in and (sign_in.address or "").startswith("https:"))),
        identity=Identity(sign_in) if sign_in else None,
    )

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:  # Any: Starlette hands in its application
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS_MAX
        threading.Thread(target=predictions.warm, name="warm rollouts", daemon=True).start()
        yield
        shared.check.close()

    predictions = Predictions(shared)
    routes = [
        Route("/predict/{name}", predictions, methods=["POST"]),
        Route("/", pages.home),
        Route("/assets/{name}", pages.asset),
        Route("/assets/{name}/diff", rehearsing.diff),
        Route(signing_in.SIGN_IN, signing_in.begin),
        Route(signing_in.SIGNED_IN, signing_in.end),
        Route("/sign-out", signing_in.leave, methods=["POST"]),
        Route("/runs", pages.runs),
        Route("/snapshots", pages.snapshots),
        Route("/reports/{name}", reports.page),
        Route("/reports/{name}/{file}", reports.rows),
        Route("/models/{name}/{number:int}/training.parquet", models.training_rows),
        Route("/catalog", pages.catalog),
        Route("/search/{name}", search_pages.page),
        Route("/trace/{id:path}", monitoring.trace),
        Route("/static/{name}", pages.static),
        Route("/api/tables", tables.tables),
        Route("/api/tables/{name}", tables.table),
        Route("/api/tables/{name}/rows", tables.rows),
        Route("/api/sql", tables.sql, methods=["GET", "POST"]),
        Route("/api/sql.{ending}", tables.sql, methods=["GET", "POST"]),
        Route("/api/find", finding.found_in),
        Route("/api/search/{name}", searching.search),
        Route("/online/{name}", online.one),
        Route("/online/{name}", online.many, methods=["POST"]),
        Route("/online/{name}", online.put, methods=["PUT"]),
        Route("/outcomes/{name}", api.outcomes, methods=["POST"]),
        Route("/surveys/{name}", surveys.form),
        Route("/surveys/{name}/answers", surveys.take, methods=["POST"]),
        Route("/surveys/{name}/open", surveys.open_, methods=["POST"]),
        Route("/surveys/{name}/withdraw", surveys.receipt),
        Route("/surveys/{name}/withdraw", surveys.withdraw, methods=["POST"]),
        Route("/interviews/{name}", interviews.form),
        Route("/interviews/{name}/answers", interviews.take, methods=["POST"]),
        Route("/openapi.json", openapi.document),
        Route("/health", api.health),
    ]
    router = Router(routes, default=_nowhere, lifespan=lifespan)

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        # The most come for a prediction, and looking for its route would take longer than reading the request.
        await (predictions if predictions.takes(scope) else router)(scope, receive, send)

    return Guard(routed, shared=shared)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise UnknownName(f"nothing is at {scope['path'][:200]}")
