"""Pumphouse: the whole job of a data engineer as one Python tool.

Declare sources, tables, features, models and reports in a folder; `ph.open(folder)` makes them a lake. Importing this
does nothing but name things.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pumphouse.declare.apis import api
from pumphouse.declare.children import children
from pumphouse.declare.contracts import contract
from pumphouse.declare.databases import database
from pumphouse.declare.external import external
from pumphouse.declare.facts import bet, deliver, search
from pumphouse.declare.files import files
from pumphouse.declare.formats import access_log, csv, excel, fixed_width, xml
from pumphouse.declare.grants import grant
from pumphouse.declare.learning import experiment, mean, model
from pumphouse.declare.messages import messages
from pumphouse.declare.rollouts import challenger, guardrails, online, rollout, scores, serving, worth
from pumphouse.declare.services import Cursor, Http, TrainingSet
from pumphouse.declare.sources import source
from pumphouse.declare.surveys import survey
from pumphouse.declare.tables import check, table
from pumphouse.declare.websites import website
from pumphouse.errors import PumphouseError

if TYPE_CHECKING:
    from pumphouse.project.opening import open_anywhere as open  # noqa: A004  # ph.open is how it is said
    from pumphouse.project.project import Project

__version__ = "0.1.0"

# DuckDB reads it when it is loaded: it gives addresses back, or the doors' wall would stand too far out.
os.environ.setdefault("DUCKDB_JE_MALLOC_CONF", "retain:false")

__all__ = [
    "Cursor",
    "Http",
    "Project",
    "PumphouseError",
    "TrainingSet",
    "access_log",
    "api",
    "bet",
    "challenger",
    "check",
    "children",
    "contract",
    "csv",
    "database",
    "deliver",
    "excel",
    "experiment",
    "external",
    "files",
    "fixed_width",
    "grant",
    "guardrails",
    "mean",
    "messages",
    "model",
    "online",
    "open",
    "rollout",
    "scores",
    "search",
    "serving",
    "source",
    "survey",
    "table",
    "website",
    "worth",
    "xml",
]


def __getattr__(name: str) -> Any:  # a public name that is not imported yet
    # Declaring must not load an engine: `open` and `Project` bring DuckDB and Arrow, so they come when asked for.
    if name in ("open", "Project"):
        from pumphouse.project import opening, project

        return opening.open_anywhere if name == "open" else project.Project
    raise AttributeError(f"module 'pumphouse' has no attribute '{name}'")
