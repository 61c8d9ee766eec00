"""A project that is open: its declarations, its lake, and everything a person does with them."""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Unpack
from zoneinfo import ZoneInfo

from pumphouse.catalog.finding import Finds
from pumphouse.cleaning.diff import Diff
from pumphouse.cleaning.functions import sql_functions
from pumphouse.declare.asset import Asset
from pumphouse.engines.duckdb import DuckDB
from pumphouse.errors import ConfigError, ProjectFaults, UnknownName, did_you_mean
from pumphouse.experiments.build import last_verdict
from pumphouse.experiments.exposures import expose, expose_all
from pumphouse.experiments.verdicts import Verdict
from pumphouse.features.online.opening import open_store
from pumphouse.features.values import World
from pumphouse.graph.assets import Graph, load
from pumphouse.graph.plan import Plan
from pumphouse.graph.plan import plan as make_plan
from pumphouse.indexes.searching import Found
from pumphouse.lake.builds import Build, fit_of
from pumphouse.lake.changes import hide, restore
from pumphouse.lake.lake import Lake
from pumphouse.models.admission import refuse_lost, refuse_unfit
from pumphouse.models.judgement import Judgement, judge
from pumphouse.models.online import Predictor
from pumphouse.models.outcomes import Taken, take_outcomes
from pumphouse.models.performance import Performance, performance
from pumphouse.models.pins import pins
from pumphouse.models.predictions import Prediction
from pumphouse.models.promotion import RolledBack, promote, roll_back
from pumphouse.models.registry import parse_version
from pumphouse.models.registry import version as version_of_model
from pumphouse.models.trace import Trace, trace
from pumphouse.project import trial
from pumphouse.project.change_log import log_change
from pumphouse.project.config import Config, read_config
from pumphouse.project.descriptions import descriptions
from pumphouse.project.due import due_assets, left_behind, ripe, schedule_faults, with_followers
from pumphouse.project.explaining import naming_the_line
from pumphouse.project.finding import Finder
from pumphouse.project.following import as_followed, left_to_searches
from pumphouse.project.imported import imported
from pumphouse.project.importing import import_model
from pumphouse.project.jobs import today
from pumphouse.project.labels import labelled
from pumphouse.project.lakes import for_sample, open_engine, open_lake
from pumphouse.project.online import OnlineReader, hide_online, online_reader
from pumphouse.project.outlets import is_held_back, refuse_held_back
from pumphouse.project.overview import overview
from pumphouse.project.people import group_faults
from pumphouse.project.reading import Reader
from pumphouse.project.rehearsing import rehearse
from pumphouse.project.run_requests import command_line, refuse_replay, refuse_unsliced
from pumphouse.project.running import Nobody, Options, Report, Watcher, run, run_id
from pumphouse.project.search_calls import SearchOptions
from pumphouse.project.searching import found_by_meaning
from pumphouse.project.secrets import Connections
from pumphouse.project.stopping import make_it_so
from pumphouse.project.telling import tell_failures
from pumphouse.project.versions import current_versions
from pumphouse.project.worlds import newest_world
from pumphouse.sources.external.tables import ExternalTables
from pumphouse_client.descriptions import Description
from pumphouse_client.tables import Table

ACTOR_VARIABLE = "PUMPHOUSE_ACTOR"


def open_project(folder: str | os.PathLike[str] = ".", *, env: str | None = None) -> Project:
    """The project in a folder, in one environment. Raises ConfigError where there is none."""
    return Project(read_config(Path(folder).absolute(), env=env))


class Project:
    """A folder of declarations and the lake that they become. Use it as a dictionary of tables: `p["orders"]`."""

    def __init__(self, config: Config, *, who: str | None = None, door: str = "python") -> None:
        self.config = config
        self.who = who or os.environ.get(ACTOR_VARIABLE) or getpass.getuser()
        self.door = door
        self._lock = threading.Lock()
        self._predictors: dict[str, Predictor] = {}
        self._online: dict[str, OnlineReader] = {}

    # -- what is declared -------------------------------------------------------------------------------------------

    @cached_property
    def graph(self) -> Graph:
        """The assets and who reads whom. Raises ProjectFaults with every fault of the folder."""
        return self._loaded[0]

    @cached_property
    def lake(self) -> Lake:
        """The lake, made on first use."""
        return open_lake(self.config)

    def asset(self, name: str, *, kind: str) -> Asset:
        """The asset of this name and kind. Raises UnknownName with those there are."""
        known = [asset.name for asset in self.graph.assets.values() if asset.kind == kind]
        if name not in known:
            raise UnknownName(
                f"there is no {'online store' if kind == 'online' else kind} '{name}'",
                mend=did_you_mean(name, known) or f"There is {', '.join(known) or 'none'}.",
            )
        return self.graph.assets[name]

    def settings(self, now: datetime) -> dict[str, Any]:
        """Values of `$name` and of keyword-only parameters: pumphouse.toml's, and `today` in the project's zone."""
        return {**self.config.settings, "today": today(now, self.config.zone)}

    def close(self) -> None:
        """Let go of the lake and the engine. What is asked for later opens them again."""
        with self._lock:
            predictors = list(self._predictors.values())
            self._predictors.clear()
            for reader in self._online.values():
                reader.close()
            self._online.clear()
        for predictor in predictors:
            predictor.close()
        self.__dict__.pop("_finder", None)
        engine, lake = self.__dict__.pop("_engine", None), self.__dict__.pop("lake", None)
        if engine is not None and (lake is None or engine is not lake.engine):
            engine.close()
        if lake is not None:
            lake.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading ----------------------------------------------------------------------------------------------------

    def reader(self, *, who: str | None = None, door: str | None = None, now: datetime | None = None) -> Reader:
        """A person at a door: what they read is written to the access log under their name."""
        return Reader(
            lake=self.lake,
            who=who or self.who,
            door=door or self.door,
            functions=sql_functions(self.config.folder),
            parameters=self.settings(now or datetime.now(UTC)),
            external=self.external(self.lake.engine.fork()),
            declared=self.graph.assets.keys(),
            indexes={name: asset for name, asset in self.graph.assets.items() if asset.kind == "search"},
        )

    def external(self, engine: DuckDB) -> ExternalTables:
        """The tables that stay where they are, as this engine reads them."""
        return ExternalTables(engine, self.graph.assets, self._connections, folder=self.config.folder)

    @property
    def tables(self) -> dict[str, Description]:
        """Every table by its name: its doc, its key, and its columns with their types and docs."""
        return descriptions(self.graph.assets, self.lake, self.external(self.lake.engine.fork()))

    def table(self, name: str, *, snapshot: int | None = None) -> Table:
        """A table at a snapshot, the newest without one; it comes in any form. Raises UnknownName."""
        return self.reader().table(name, snapshot=snapshot)

    def __getitem__(self, name: str) -> Table:
        return self.table(name)

    def __contains__(self, name: str) -> bool:
        return name in self.graph.assets

    def read(self, name: str, *, as_: type | None = None, snapshot: int | None = None) -> Any:
        """A table's rows as `as_`: pa.Table (also without it), a reader of batches, or a polars or pandas frame."""
        return self.table(name, snapshot=snapshot).to(as_)

    def sql(self, text: str, *, snapshot: int | None = None, **parameters: Any) -> Table:
        """A query over the lake's tables, all at one snapshot: `p.sql("FROM orders WHERE id = $id", id=7)`."""
        return self.reader().sql(text, snapshot=snapshot, parameters=parameters)

    def diff(self, table: str, *, sample: int | None = None) -> Diff:
        """What the cleaning of a table would do now, step by step, over about `sample` rows or all. Builds nothing."""
        found = rehearse(self, table, sample=sample)
        self.reader().record((found.input,), found.snapshot, found.rows_in, detail=f"diff {table}")
        return found

    # -- running ----------------------------------------------------------------------------------------------------

    def plan(
        self,
        *targets: str,
        only: bool = False,
        due: bool = False,
        full: bool = False,
        refetch: bool = False,
        now: datetime | None = None,
    ) -> Plan:
        """What a run would build and why. Reads the lake's metadata, changes nothing."""
        rebuild = (targets or self.graph.assets) if full or refetch else ()
        planned = self._plan(targets, only=only, due=due, rebuild=rebuild, now=now or datetime.now(UTC))
        read = {name for build in planned.builds for name, _ in build.inputs if self.lake.has(name)}
        rows = {name: self.lake.count(name) for name in read}
        sized = (replace(one, inputs=tuple((name, rows.get(name)) for name, _ in one.inputs)) for one in planned.builds)
        return replace(planned, builds=tuple(sized))

    def stale(self) -> dict[str, str]:
        """Assets that a run would build now, each with the reason in plain words."""
        planned = self._plan((), only=False, due=False, rebuild=(), now=datetime.now(UTC))
        return {build.asset: ", ".join(build.reasons) for build in planned.builds}

    def run(
        self,
        *targets: str,
        only: bool = False,
        due: bool = False,
        full: bool = False,
        refetch: bool = False,
        window: tuple[date, date] | None = None,
        sample: int | None = None,
        accept_schema: bool = False,
        refit: bool = False,
        replay: bool = False,
        snapshot: int | None = None,
        wait_s: float = 0.0,
        now: datetime | None = None,
        watcher: Watcher | None = None,
    ) -> Report:
        """Build what is stale or due, or the targets and what they need; what came of each is in the report.

        `full` builds again from stored raw bytes, `refetch` asks the world again, `refit` chooses anew what cleaning
        has chosen, `replay` cleans only what was set aside. `window` redoes slices of the targets; `sample` builds in
        a lake apart from about so many rows; `snapshot`, for the targets alone, reads inputs as they were then. Raises
        LakeBusy where another run holds the lake longer than `wait_s`, ConfigError for what a target has no parts of.
        """
        moment = now or datetime.now(UTC)
        for name in targets:
            self.graph.asset(name)  # raises, with the nearest name
        if sample is not None and sample < 1:
            raise ConfigError(f"there is no sample of {sample} rows", mend="A sample has at least 1 row.")
        if snapshot is not None and not (targets and only):
            raise ConfigError(
                "an earlier snapshot is read by named assets alone", mend="Name them, with only=True (--only)."
            )
        if window is not None:
            refuse_unsliced(self.graph, targets)
        if replay:
            refuse_replay(self.graph, targets)
        flags = {
            "only": only, "due": due, "full": full, "refetch": refetch, "from": window and window[0],
            "to": window and window[1], "sample": sample, "snapshot": snapshot, "accept-schema": accept_schema,
            "refit": refit, "replay": replay,
        }  # fmt: skip
        command = command_line(targets, flags)
        if sample is not None:
            return self._run_sample(targets, sample=sample, now=moment, command=command, watcher=watcher)

        def planned() -> Plan:
            rebuild: Iterable[str] = ()
            if full or refetch or (targets and (refit or replay or window is not None or snapshot is not None)):
                rebuild = targets or self.graph.assets
            elif refit:
                rebuild = [name for name in self.graph.assets if self.lake.has(fit_of(name))]
            return self._plan(targets, only=only, due=due, rebuild=rebuild, now=moment)

        report = run(
            planned,
            graph=self.graph,
            code=self._loaded[1],
            lake=self.lake,
            engine=self._engine,
            config=self.config,
            settings=self.settings(moment),
            now=moment,
            actor=self.who,
            options=Options(
                mode="refetch" if refetch else "full" if full else "normal",
                targets=frozenset(targets),
                window=window,
                accept_schema=accept_schema,
                refit=refit,
                replay=replay,
                snapshot=snapshot,
                wait_s=wait_s,
                command=command,
            ),
            watcher=watcher or Nobody(),
        )
        tell_failures(report, config=self.config, lake=self.lake)
        return report

    def run_due(self, *, now: datetime | None = None) -> Report | None:
        """Run what is due and what follows from it; None where nothing is."""
        moment = now or datetime.now(UTC)
        return self.run(due=True, now=moment) if any(self._due(moment)) else None

    def build(self, name: str, /, **inputs: Any) -> Table:
        """What one asset makes of rows given by hand, without touching the lake. For a project's own tests."""
        return trial.build(self.graph, self.config, name, inputs, settings=self.settings(datetime.now(UTC)))

    def restore(self, table: str, *, to: int) -> Build:
        """Make a table what it was at an earlier snapshot. It stays so until its code or an input changes."""
        began = datetime.now(UTC)
        run = run_id(began)
        build = restore(self.lake, table, to=to, run=run, actor=self.who)
        if build.run == run:  # it was not what it was then already
            self._log_change(build, f"restore {table} --to {to}", at=began, why=f"{table} as it was at {to}")
        return build

    def hide(self, entity: str, value: object, *, why: str) -> Build:
        """Hide a person: rows whose column `entity` is `value` leave every scan at every snapshot, at once."""
        began = datetime.now(UTC)
        build = hide(self.lake, entity=entity, value=value, why=why, run=run_id(began), actor=self.who)
        self._log_change(build, f"hide {entity} {value}", at=began, why=why)
        stores = [one for one in self.graph.assets.values() if one.kind == "online"]
        own = [one for one in stores if not is_held_back(one, self.config)]
        hide_online(own, self.lake, self._connections, entity=entity, value=str(value))
        return build

    def promote(self, version: str, *, share: float | None = None, accept_schema: bool = False) -> Build:
        """Make a version of a model, named as in "returns@7", the one that answers, or the canary for a `share` (0..1).

        Raises UnknownName, and PromotionRefused, with all the reasons, for a version that could not answer: whose
        features or estimator don't work, or that callers would have to ask by other columns, unless `accept_schema`.
        """
        began = datetime.now(UTC)
        model, number = parse_version(version)
        name = self.asset(model, kind="model").name
        chosen = version_of_model(self.lake, name, number)
        refuse_unfit(self.lake, self._world(), chosen, share=share, accept_schema=accept_schema)
        build = promote(self.lake, name, number, run=run_id(began), actor=self.who, share=share)
        command, whom = (f" --share {share:g}", f" for {100 * share:.3g}% of the entities") if share else ("", "")
        self._log_change(build, f"model promote {version}{command}", at=began, why=f"{version} answers{whom}")
        return build

    def import_model(self, model: str, folder: str | os.PathLike[str]) -> Build:
        """Make the model in an MLflow folder the next version of a declared one, measured on its training set of now.

        Raises BuildError for a pickle, which would run a stranger's code, and for one that is asked with other columns.
        """
        began = datetime.now(UTC)
        name = self.asset(model, kind="model").name
        built = import_model(
            Path(folder),
            model=name,
            graph=self.graph,
            config=self.config,
            lake=self.lake,
            settings=self.settings(began),
            actor=self.who,
            now=began,
        )
        build = self.lake.builds()[name]
        self._log_change(build, f"model import {name} {os.fspath(folder)}", at=began, why=built.note)
        return build

    def roll_back(self, model: str) -> RolledBack:
        """Take back the last promotion of a model: a canary, or else the live version.

        Raises UnknownName where there is nothing to take back, PromotionRefused where the one before can't answer now.
        """
        began = datetime.now(UTC)
        name = self.asset(model, kind="model").name
        pinned = pins(self.lake, name)
        if pinned.before is not None and pinned.canary is None:
            before = version_of_model(self.lake, name, pinned.before.number)
            refuse_lost(self.lake, self._world(), before)
        done = roll_back(self.lake, name, run=run_id(began), actor=self.who)
        self._log_change(done.build, f"model rollback {model}", at=began, why=f"{done.live} answers for all")
        return done

    # -- using what was built ---------------------------------------------------------------------------------------

    def predict(self, rollout: str, entity: Mapping[str, Any], *, reasons: int = 0) -> Prediction:
        """What a rollout says of an entity now, as in `p.predict("returns_live", {"customer_id": 7})`.

        Beside its keys, an entity may have `features` that count in place of its own. `reasons` of what the prediction
        is made of come with it. The answer is in the log, on disk, when this returns. Raises UnknownName,
        RequestRefused for wrong keys.
        """
        now = datetime.now(UTC)
        return self.predictor(rollout).predict(entity, now=now, who=self.who, door=self.door, reasons=reasons)

    def predict_many(
        self, rollout: str, entities: Sequence[Mapping[str, Any]], *, reasons: int = 0
    ) -> tuple[Prediction, ...]:
        """What a rollout says of several entities, in their order: of all or, where one can't be asked about, of none.

        For everybody, `ph.scores` is the way.
        """
        now = datetime.now(UTC)
        return self.predictor(rollout).predict_many(entities, now=now, who=self.who, door=self.door, reasons=reasons)

    def online(self, name: str) -> OnlineReader:
        """The newest features of each entity in an online store, as in `p.online("customers_online")`.

        Raises UnknownName where there is no such store, or where it was never published.
        """
        asset = self.asset(name, kind="online")
        with self._lock:
            if name not in self._online:
                record = partial(self.reader().record, (name,))
                self._online[name] = online_reader(asset, self.lake, self._connections, record=record)
            return self._online[name]

    @property
    def _connections(self) -> Connections:
        return Connections(self.config.connections, folder=self.config.folder)

    def predictor(self, rollout: str) -> Predictor:
        """Who answers for a rollout. Raises UnknownName."""
        asset = self.asset(rollout, kind="rollout")
        with self._lock:
            if rollout not in self._predictors:
                self._predictors[rollout] = Predictor(
                    self.lake,
                    self.lake.engine.fork(),
                    assets=self.graph.assets,
                    rollout=asset,
                    functions=sql_functions(self.config.folder),
                    open_store=lambda online: open_store(online, self.lake, self._connections),
                    stop=lambda stop: make_it_so(stop, lake=self.lake, config=self.config, rollout=asset),
                )
            return self._predictors[rollout]

    def outcome(
        self,
        rollout: str,
        about: str | Mapping[str, Any],
        outcome: float,
        *,
        happened_at: datetime | None = None,
        outcome_id: str | None = None,
    ) -> Taken:
        """Tell what came of a prediction, named by its id, or of an entity: `p.outcome("returns_live", id, True)`.

        It is in the log, on disk, when this returns; one told again under the same `outcome_id` counts once, a later
        one without it is a correction. Raises UnknownName, RequestRefused for what can't be an outcome.
        """
        named = {"prediction_id": about} if isinstance(about, str) else dict(about)
        told = {**named, "outcome": outcome, "happened_at": happened_at, "outcome_id": outcome_id}
        return self.outcomes(rollout, [told])

    def outcomes(self, rollout: str, told: Sequence[Mapping[str, Any]]) -> Taken:
        """Tell many at once, each with the fields that `POST /outcomes/NAME` has: all are taken, or none."""
        asset = self.asset(rollout, kind="rollout")
        return take_outcomes(self.lake, asset, told, caller=self.who, now=datetime.now(UTC))

    def judge(self, rollout: str) -> Judgement:
        """How good a rollout's predictions were by what has happened since."""
        judgement = judge(self.lake, self.graph.assets, self.asset(rollout, kind="rollout"))
        self.reader().record((rollout,), judgement.snapshot, len(judgement.versions), detail="judged")
        return judgement

    def trace(self, prediction_id: str) -> Trace:
        """What a prediction stands on: its version, training set, features, tables and the source rows seen then.

        Raises UnknownName where there is no such prediction.
        """
        told = trace(self.lake, self.graph.assets, prediction_id, functions=sql_functions(self.config.folder))
        rows = sum(len(one.newest) for one in told.inputs)
        names = (told.rollout, *(one.table for one in told.inputs if one.newest))
        self.reader().record(names, told.prediction.snapshot, rows, detail=f"trace {prediction_id}")
        return told

    def performance(self, rollout: str) -> Performance:
        """How a rollout does: quality over time and for whom, drift, skew, latency, callers, worth; at one snapshot."""
        asset, functions = self.asset(rollout, kind="rollout"), sql_functions(self.config.folder)
        told = performance(self.lake, self.graph.assets, asset, now=datetime.now(UTC), functions=functions)
        self.reader().record((rollout,), told.snapshot, told.judged, detail="performance")
        return told

    def search(self, index: str, query: str, *, semantic: bool = False, **asked: Unpack[SearchOptions]) -> Found:
        """Rows of a table that match: `p.search("tickets", "refund late")`, all at one snapshot, the best first.

        The index may be named by its table. `semantic` finds by meaning and by words, where the index declares `embed`.
        `asked` is `SearchOptions`: `where`, `order`, `limit` and `snapshot`.
        """
        if semantic:
            return found_by_meaning(self.reader(), self.graph, index, query, **asked)
        return self.reader().search(index, query, **asked)

    @cached_property
    def _finder(self) -> Finder:
        return Finder(self.lake, self.graph.assets, values=self.config.found_values, external=self.external)

    def find(self, text: str, *, limit: int = 20) -> Finds:
        """Assets by words of their names, columns, docs, owners and tags: `p.find("refund date")`, the best first."""
        return self._finder.find_for(self.reader(), text, now=datetime.now(ZoneInfo(self.config.zone)), limit=limit)

    def expose(self, experiment: str, unit: int | str, *, now: datetime | None = None) -> str:
        """The arm of a unit that meets an experiment. Its first exposure is on disk when this returns."""
        return expose(self.lake, self.asset(experiment, kind="experiment"), unit, now=now or datetime.now(UTC))

    def expose_all(self, experiment: str, units: Iterable[tuple[int | str, datetime]]) -> int:
        """Log many first exposures with their times, as when history is replayed; how many were given."""
        return expose_all(self.lake, self.asset(experiment, kind="experiment"), units)

    def verdict(self, experiment: str) -> Verdict:
        """The newest verdict on an experiment. Raises UnknownName where there is none yet."""
        verdict = last_verdict(self.lake, self.asset(experiment, kind="experiment").name)
        self.reader().record((experiment,), verdict.snapshot, len(verdict.arms), detail="verdict")
        return verdict

    # -- how it shows itself ------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Project({self.config.name!r}, env={self.config.env!r}, {len(self.graph.assets)} assets)"

    def _repr_html_(self) -> str:
        """A table of the assets for a notebook: what each is, and its last build."""
        return overview(self.config, self.lake, self.graph)

    # -- inside -------------------------------------------------------------------------------------------------------

    @cached_property
    def _loaded(self) -> tuple[Graph, Mapping[str, str]]:
        """The graph, and its modules as they were `imported` for it."""
        with naming_the_line(self.config.folder):
            graph = labelled(load(self.config.folder), owners=self.config.owners, tags=self.config.tags)
        code = imported(self.config.folder)
        if faults := [*schedule_faults(graph, self.config), *group_faults(graph, self.config.access.groups)]:
            raise ProjectFaults(faults)
        return graph, code

    @cached_property
    def _engine(self) -> Any:  # an Engine; Spark's class is not imported where it is not used
        return open_engine(self.config, self.lake)

    def _plan(self, targets: tuple[str, ...], *, only: bool, due: bool, rebuild: Iterable[str], now: datetime) -> Plan:
        """What a run would build, those of `rebuild` though nothing changed. What is held back is left out."""
        for name in targets:
            refuse_held_back(self.graph.asset(name), self.config)
        if due:
            found, behind = self._due(now)
            targets = (*targets, *with_followers(self.graph, (*found, *behind)))
            if not targets:
                return Plan(builds=(), unchanged=())
        else:
            found = self._due_by_clock(now)
        versions = current_versions(self.graph, self.lake)
        left = left_to_searches(self.graph, self.lake, versions=versions, now=now, targets=targets)
        planned = make_plan(
            self.graph,
            committed=as_followed(self.lake.builds(), left, versions=versions),
            versions=versions,
            settings=self.settings(now),
            due=found,
            targets=targets,
            only=only,
            rebuild=frozenset(rebuild),
        )
        kept = (build for build in planned.builds if not is_held_back(self.graph.assets[build.asset], self.config))
        said = {name: str(one) for name, one in left.items() if name in planned.unchanged}
        return replace(planned, builds=tuple(kept), left=said)

    def _log_change(self, build: Build, command: str, *, at: datetime, why: str) -> None:
        log_change(self.lake.state, build, command, who=self.who, at=at, why=why)

    def _world(self) -> World:
        return newest_world(self.lake, self.graph.assets, folder=self.config.folder)

    def _due_by_clock(self, now: datetime) -> dict[str, str]:
        found = due_assets(self.graph, self.lake, self.config, now=now)
        return {name: why for name, why in found.items() if not is_held_back(self.graph.assets[name], self.config)}

    def _due(self, now: datetime) -> tuple[dict[str, str], tuple[str, ...]]:
        """What is due, each with the reason, and what an earlier run should have built after its inputs."""
        versions = current_versions(self.graph, self.lake)
        behind = left_behind(self.graph, self.lake, versions=versions, settings=self.settings(now), now=now)
        behind = tuple(name for name in behind if not is_held_back(self.graph.assets[name], self.config))
        return ripe(self._due_by_clock(now), self.lake, now=now), behind

    def _run_sample(
        self, targets: tuple[str, ...], *, sample: int, now: datetime, command: str, watcher: Watcher | None
    ) -> Report:
        _ = self.lake  # inputs are read there: it is made if it was never run
        trial_project = Project(for_sample(self.config), who=self.who)
        assets = self.graph.assets
        gathered = {name for name, asset in assets.items() if asset.is_gathered}
        chosen = [one for one in targets or self.graph.order() if one not in gathered and assets[one].makes_table]
        with trial_project:
            return run(
                lambda: trial_project.plan(*chosen, only=True, full=True, now=now),
                graph=trial_project.graph,
                code=trial_project._loaded[1],
                lake=trial_project.lake,
                engine=trial_project._engine,
                config=trial_project.config,
                settings=trial_project.settings(now),
                now=now,
                actor=self.who,
                options=Options(mode="full", sample=sample, command=command),
                watcher=watcher or Nobody(),
            )
