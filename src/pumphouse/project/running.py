"""Running a plan: builds in parallel where edges allow, each committed on its own, each failure told and survived."""

from __future__ import annotations

import logging
import random
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal, Protocol

from pumphouse.engines.engine import Engine
from pumphouse.errors import LakeError, PumphouseError
from pumphouse.graph.assets import Graph
from pumphouse.graph.plan import NOT_BUILT, Plan, PlannedBuild, effective, only_the_day_is_other
from pumphouse.indexes.standing import left
from pumphouse.lake.builds import Counts
from pumphouse.lake.context import Built
from pumphouse.lake.expired import refuse_missing
from pumphouse.lake.lake import Lake
from pumphouse.lake.locks import held
from pumphouse.lake.state import Access, BuildRecord
from pumphouse.project.arrivals import settle_arrivals
from pumphouse.project.config import Config
from pumphouse.project.due import forget_failed, has_failed, remember_checked, remember_failed
from pumphouse.project.explaining import explained
from pumphouse.project.jobs import Job, context_of
from pumphouse.project.kinds import KINDS
from pumphouse.project.limits import Limits
from pumphouse.project.versions import input_versions
from pumphouse.project.workers import bytes_of, run_in_process

UPKEEP = "upkeep"
"""How commands of the run log begin that go on beside runs, under a lock of their own."""
RETRY_WAIT_S = 1.0
RETRY_WAIT_S_MAX = 60.0
log = logging.getLogger("pumphouse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one asset in a run: built, unchanged, failed, or skipped because something before it failed."""

    asset: str
    kind: str
    status: Literal["built", "unchanged", "failed", "skipped"]
    seconds: float
    snapshot: int | None = None
    counts: Counts = field(default_factory=Counts)
    note: str = ""
    warnings: tuple[str, ...] = ()
    error: PumphouseError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one run did."""

    run: str
    results: tuple[Result, ...]
    snapshot: int
    seconds: float
    left: Mapping[str, str] = field(default_factory=dict)
    """Assets that need not be built though what they read changed, each with what is said of it."""

    @property
    def failed(self) -> tuple[Result, ...]:
        """Those that failed, not those skipped because of them."""
        return tuple(result for result in self.results if result.status == "failed")

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    def __str__(self) -> str:
        done = sum(result.status == "built" for result in self.results)
        said = [f"{name} {words}." for name, words in self.left.items()]
        if not self.results:
            everything = "everything else" if self.left else "everything"
            return "\n".join([f"Nothing to do: {everything} is as of snapshot {self.snapshot}.", *said])
        statuses = [result.status for result in self.results]
        counted = [
            f"{statuses.count(status)} {status}" for status in ("unchanged", "failed", "skipped") if status in statuses
        ]
        parts = [f"{done} built", *counted]
        return "\n".join([f"{', '.join(parts)} in {self.seconds:.1f} s; snapshot {self.snapshot}.", *said])


class Watcher(Protocol):
    """Who is told how a run goes, from any of its threads: the command line's progress bars, a page, nobody."""

    def planned(self, builds: tuple[PlannedBuild, ...]) -> None: ...
    def started(self, asset: str) -> None: ...
    def progress(self, asset: str, rows: int) -> None: ...
    def finished(self, result: Result) -> None: ...


class Nobody:
    """A watcher that watches nothing."""

    def planned(self, builds: tuple[PlannedBuild, ...]) -> None: ...
    def started(self, asset: str) -> None: ...
    def progress(self, asset: str, rows: int) -> None: ...
    def finished(self, result: Result) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run what was planned."""

    mode: Literal["normal", "full", "refetch"] = "normal"
    targets: frozenset[str] = frozenset()
    """Names that were asked for; `mode` is about them, or about all where there are none."""
    window: tuple[date, date] | None = None
    sample: int | None = None
    accept_schema: bool = False
    refit: bool = False
    """Choose anew what cleaning steps have chosen and stored."""
    replay: bool = False
    """Clean again only the rows that were set aside; of a source, read the stored bytes again."""
    snapshot: int | None = None
    """Read inputs as they were at this snapshot instead of the newest."""
    wait_s: float = 0.0
    """How long to wait for another run of the same lake."""
    command: str = "run"

    @property
    def settings(self) -> dict[str, Any]:
        """What a build that was asked for is told besides the project's settings."""
        return {name: True for name in ("refit", "replay") if getattr(self, name)}


def run_id(now: datetime) -> str:
    """A name for a run that sorts by time: `20261123T071500-3f9a`."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:4]}"


def run(
    make_plan: Callable[[], Plan],
    *,
    graph: Graph,
    code: Mapping[str, str],
    lake: Lake,
    engine: Engine,
    config: Config,
    settings: Mapping[str, Any],  # values as TOML has them
    now: datetime,
    actor: str,
    options: Options,
    watcher: Watcher,
) -> Report:
    """Build what is planned and log what came of it; `code` is the text of the graph's modules, as `Job.code`.

    The plan is made once the lake's run lock is held, so that it sees what the run before left. Raises LakeBusy where
    another run holds the lake for longer than `options.wait_s`, UnknownName for a snapshot that is not there; a failed
    build raises nothing: it is in the report.
    """
    if options.snapshot is not None:
        refuse_missing(options.snapshot, catalogue=lake.catalogue)
    began = time.monotonic()
    identity = run_id(now)
    purpose = f"run {identity}"
    with (
        held(lake.folder / "run.lock", purpose=purpose, wait_s=options.wait_s) as lock,
        lake.taking_turns("run", purpose=purpose, wait_s=options.wait_s),
    ):
        for dead in lake.state.runs():
            if dead.status == "running" and not dead.command.startswith(
                UPKEEP
            ):  # no other run can be: we have the lock
                lake.state.run_finished(
                    dead.run, status="stopped", at=now, snapshot=None, summary="ended before its end"
                )
        lake.sweep()
        lake.state.run_started(identity, command=options.command, actor=actor, at=now)
        status, summary = "stopped", "stopped by a person"
        try:
            running = _Running(
                graph=graph, code=code, lake=lake, engine=engine, config=config, settings=settings, now=now,
                actor=actor, options=options, watcher=watcher, run=identity, lock=lock,
            )  # fmt: skip
            unkept = settle_arrivals(graph, lake, run=identity, actor=actor, accepts=running.accepts_schema)
            plan = make_plan()
            results = running.all(plan, unkept)
            seconds = time.monotonic() - began
            report = Report(run=identity, results=results, snapshot=lake.snapshot(), seconds=seconds, left=plan.left)
            status, summary = ("done" if report.ok else "failed"), str(report)
            return report
        except PumphouseError as error:
            status, summary = "failed", str(error)
            raise
        finally:
            try:
                end = datetime.now(UTC)
                lake.state.run_finished(identity, status=status, at=end, snapshot=lake.snapshot(), summary=summary)
            except LakeError as error:  # a full disk: the next run sees that this one ended
                log.error("the end of %s could not be logged: %s", purpose, error)


@dataclass(slots=True, kw_only=True)
class _Running:
    graph: Graph
    code: Mapping[str, str]
    lake: Lake
    engine: Engine
    config: Config
    settings: Mapping[str, Any]  # values as TOML has them
    now: datetime
    actor: str
    options: Options
    watcher: Watcher
    run: str
    lock: int
    """Descriptor of the run lock. A worker holds it too: no other run begins while one outlives this process."""
    stop: threading.Event = field(default_factory=threading.Event)

    def all(self, plan: Plan, unkept: Mapping[str, Exception]) -> tuple[Result, ...]:
        """Every planned build, as soon as those before it are done.

        What arrived at the assets of `unkept` could not be kept: they failed, and are not built from the rest of it.
        """
        settled = {name: self._failed(name, error, time.monotonic()) for name, error in unkept.items()}
        settled |= {name: self._kept_again(name) for name in self.graph.assets if self._is_mended(name, unkept)}
        arrived = [
            PlannedBuild(asset=one.asset, kind=one.kind, reasons=("something arrived",)) for one in settled.values()
        ]
        builds = (*arrived, *(build for build in plan.builds if build.asset not in settled))
        self.watcher.planned(builds)
        results = {name: self._ended(result) for name, result in settled.items()}
        waiting = {build.asset: build for build in builds if build.asset not in settled}
        under_way: dict[Future[Result], str] = {}
        with ThreadPoolExecutor(max_workers=self.config.engine.workers, thread_name_prefix="build") as pool:
            try:
                while waiting or under_way:
                    for name in list(waiting):
                        awaited = (*waiting[name].after, *waiting[name].before_checks)
                        before = [one for one in awaited if one in waiting or one in under_way.values()]
                        if before:
                            continue
                        build = waiting.pop(name)
                        broken = [
                            one
                            for one in build.after
                            if one in results and results[one].status in ("failed", "skipped")
                        ]
                        if broken:
                            results[name] = self._skipped(name, broken)
                        else:
                            under_way[pool.submit(self._one, build)] = name
                    done, _ = wait(under_way, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in done:
                        results[under_way.pop(future)] = future.result()
            except BaseException:  # Ctrl-C: end what runs, then let it out
                self.stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return tuple(results[build.asset] for build in builds)

    def accepts_schema(self, name: str) -> bool:
        """Whether somebody said that the columns of this asset may change."""
        return self.options.accept_schema and self._is_asked(name)

    def _is_asked(self, name: str) -> bool:
        return not self.options.targets or name in self.options.targets

    def _one(self, build: PlannedBuild) -> Result:
        asset = self.graph.assets[build.asset]
        began = time.monotonic()
        started = datetime.now(UTC)
        self._log(asset.name, "building", started)
        self.watcher.started(asset.name)
        result: Result | None = None
        for attempt in range(asset.common.retries + 1):
            try:
                built = self._build(build)
                result = Result(
                    asset=asset.name,
                    kind=asset.kind,
                    status="built" if built.snapshot is not None else "unchanged",
                    seconds=time.monotonic() - began,
                    snapshot=built.snapshot,
                    counts=built.counts,
                    note=built.note,
                    warnings=built.warnings,
                )
                if asset.is_gathered or asset.common.every is not None:
                    remember_checked(self.lake, asset.name, self.now)
                break
            except Exception as error:  # noqa: BLE001  # the runner: what a build raises is recorded, the others go on
                result = self._failed(asset.name, error, began)
                last = attempt == asset.common.retries
                if last or self.stop.wait(min(RETRY_WAIT_S * 2**attempt, RETRY_WAIT_S_MAX) * random.uniform(0.5, 1.0)):
                    break
        assert result is not None  # at least one attempt is made
        return self._ended(result, started)

    def _is_mended(self, name: str, unkept: Mapping[str, Exception]) -> bool:
        """Whether what arrives at something that has no build was not kept in an earlier run, and now is."""
        return self.graph.assets[name].kind in NOT_BUILT and name not in unkept and has_failed(self.lake, name)

    def _kept_again(self, name: str) -> Result:
        kind = self.graph.assets[name].kind
        return Result(asset=name, kind=kind, status="unchanged", seconds=0.0, note="what arrived is kept again")

    def _failed(self, name: str, error: Exception, began: float) -> Result:
        declared = self.graph.assets[name].place
        ours = explained(error, asset=name, folder=self.config.folder, declared=declared)
        if not isinstance(error, PumphouseError):
            ours.add_note("".join(traceback.format_exception(error)))
        return Result(
            asset=name,
            kind=self.graph.assets[name].kind,
            status="failed",
            seconds=time.monotonic() - began,
            error=ours,
            note=str(ours),
        )

    def _ended(self, result: Result, started: datetime | None = None) -> Result:
        """The result, once it is logged and told."""
        if result.status == "failed":
            remember_failed(self.lake, result.asset, self.now)
        elif result.status != "skipped":
            forget_failed(self.lake, result.asset)
        self._log(result.asset, result.status, started or datetime.now(UTC), result)
        self.watcher.finished(result)
        return result

    def _build(self, build: PlannedBuild) -> Built:
        """Build one asset at the newest snapshot, unless what was planned turned out to change nothing."""
        asset = self.graph.assets[build.asset]
        snapshot = self.lake.snapshot() if self.options.snapshot is None else self.options.snapshot
        fingerprint = effective(self.graph, asset.name, self.settings)
        inputs = input_versions(self.graph, self.lake, asset.name, snapshot=snapshot)
        last = self.lake.builds().get(asset.name)
        if not build.certain and last is not None and last.fingerprint == fingerprint:
            if last.inputs == inputs:
                return Built(asset=asset.name, snapshot=None, note="its inputs came out as they were")
            if asset.kind == "search" and asset.name not in self.options.targets:
                tail = left(self.lake, asset, last, version=inputs[asset.spec.table], now=self.now)
                if tail is not None:
                    return Built(asset=asset.name, snapshot=None, note=str(tail))
        asked = self._is_asked(asset.name)
        mode = self.options.mode if asked else "normal"
        if asset.is_gathered and asked and self.options.replay:
            mode = "full"  # what was set aside is among the stored bytes
        is_other = last is not None and last.fingerprint != fingerprint
        if asset.is_gathered and last and is_other and mode == "normal":
            # Its code changed: what was fetched is read again, and nobody is asked. Of another day, the world is.
            mode = "normal" if only_the_day_is_other(last.fingerprint, fingerprint) else "full"
        job = Job(
            config=self.config, asset=asset.name, run=self.run, actor=self.actor, now=self.now, snapshot=snapshot,
            fingerprint=fingerprint, inputs=inputs, mode=mode,
            settings={**self.settings, **self.options.settings} if asked else self.settings,
            window=self.options.window if asked else None, sample=self.options.sample,
            accept_schema=self.accepts_schema(asset.name), pins=self.lake.pins, code=self.code,
        )  # fmt: skip
        try:
            built = self._built_by(job)
        except Exception:
            self._log_reads(job, rows=None)
            raise
        self._log_reads(job, rows=built.counts.rows_in)
        return built

    def _log_reads(self, job: Job, *, rows: int | None) -> None:
        """Write what a build read to the access log, in the run's name: nobody used it.

        The rows of one input are those that came in; of several nobody counted which came from where.
        """
        tables = [name for name in job.inputs if self.graph.assets[name].makes_table]
        counted = rows is not None and len(tables) == 1
        reads = [
            Access(
                at=datetime.now(UTC), who=self.actor, door="run", asset=name, snapshot=job.snapshot,
                rows=rows if rows is not None and counted else 0, offered=not counted, run=self.run,
                detail=f"for {job.asset}",
            )
            for name in tables
        ]  # fmt: skip
        if reads:
            self.lake.state.access(*reads)

    def _built_by(self, job: Job) -> Built:
        asset = self.graph.assets[job.asset]
        kind = KINDS[asset.kind]

        if kind.where == "process" or asset.code:
            limit = getattr(asset.spec, "memory_bytes_max", None)
            if limit is None and self.config.engine.worker_memory is not None:
                limit = bytes_of(self.config.engine.worker_memory)
            return run_in_process(
                job,
                self.graph.assets,
                timeout_s=asset.common.timeout_s,
                memory_bytes_max=limit,
                progress=lambda rows: self.watcher.progress(asset.name, rows),
                stop=self.stop,
                lock=self.lock,
            )
        engine = self.engine.fork()
        try:
            with Limits(asset, engine, stop=self.stop) as limits:

                def progress(rows: int) -> None:
                    limits.check()
                    self.watcher.progress(asset.name, rows)

                context = context_of(
                    job, lake=self.lake, engine=engine, assets=self.graph.assets, declaration=None, progress=progress
                )
                return kind.build(asset, context)
        finally:
            engine.close()

    def _skipped(self, name: str, broken: Iterable[str]) -> Result:
        note = f"not tried: {', '.join(broken)} failed"
        kind = self.graph.assets[name].kind
        return self._ended(Result(asset=name, kind=kind, status="skipped", seconds=0.0, note=note))

    def _log(self, asset: str, status: str, started: datetime, result: Result | None = None) -> None:
        self.lake.state.build_logged(
            BuildRecord(
                run=self.run,
                asset=asset,
                status=status,
                started=started,
                seconds=result.seconds if result else None,
                snapshot=result.snapshot if result else None,
                note="\n".join(filter(None, [result.note, *result.warnings])) if result else "",
            )
        )
