"""Which room builds which kind, and where: code of the user's runs in a worker process of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pumphouse.cleaning.build import build as build_clean
from pumphouse.declare.asset import Asset, Kind
from pumphouse.deliveries.build import build as build_delivery
from pumphouse.experiments.build import build as build_experiment
from pumphouse.features.labels import build as build_label
from pumphouse.features.online.opening import build as build_online
from pumphouse.indexes.build import build as build_search
from pumphouse.lake.context import Built, Context
from pumphouse.models.scores import build as build_scores
from pumphouse.models.training import build as build_model
from pumphouse.reports.build import build as build_report
from pumphouse.sources.children import build as build_children
from pumphouse.sources.databases.build import build as build_database
from pumphouse.sources.files.build import build as build_files
from pumphouse.sources.function import build as build_source
from pumphouse.sources.http.build import build as build_api
from pumphouse.sources.messages.build import build as build_messages
from pumphouse.sources.surveys.build import build as build_survey
from pumphouse.sources.surveys.long import build as build_survey_events
from pumphouse.sources.websites.build import build as build_website
from pumphouse.tables.python import build as build_table
from pumphouse.tables.sql import build as build_sql


@dataclass(frozen=True, slots=True)
class Kinds:
    """How one kind is built: by what, and in a thread of the run or in a process of its own."""

    build: Callable[[Asset, Context], Built]
    where: Literal["thread", "process"] = "thread"


KINDS: dict[Kind, Kinds] = {
    "source": Kinds(build_source, "process"),
    "files": Kinds(build_files),
    "database": Kinds(build_database),
    "api": Kinds(build_api),
    "website": Kinds(build_website),
    "messages": Kinds(build_messages),
    "survey": Kinds(build_survey),
    "survey_events": Kinds(build_survey_events),
    "children": Kinds(build_children),
    "sql": Kinds(build_sql),
    "table": Kinds(build_table, "process"),
    "clean": Kinds(build_clean),
    "label": Kinds(build_label),
    "model": Kinds(build_model, "process"),
    "scores": Kinds(build_scores),
    "online": Kinds(build_online),
    "experiment": Kinds(build_experiment),
    "report": Kinds(build_report),
    "search": Kinds(build_search),
    "deliver": Kinds(build_delivery),
}
"""The other kinds (feature, check, contract, rollout, bet, grant) are read by these and have no build of their own."""
