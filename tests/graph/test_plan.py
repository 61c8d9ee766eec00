"""What a run would build, and why, in plain words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from pumphouse.errors import UnknownName
from pumphouse.graph.assets import Graph
from pumphouse.graph.plan import Plan, effective, plan, reads, stale, version_of

PROJECT = {
    "gather.py": "import pumphouse as ph\nraw = ph.files('raw/*.csv')\nother = ph.files('other/*.csv')\n",
    "orders.sql": "SELECT id, at FROM raw WHERE at < $today",
    "people.sql": "SELECT id FROM other",
    "both.sql": "SELECT * FROM orders JOIN people USING (id)",
    "spend.sql": '/* pumphouse\nkind = "feature"\nentity = "id" */\n'
    "SELECT m.id, m.as_of, sum(o.at) AS n FROM moments m JOIN orders o ON o.id = m.id AND o.at > $cut GROUP BY ALL",
    "truth.sql": '/* pumphouse\nkind = "label"\nentity = "id"\nmatures = "9 days" */\n'
    "SELECT id, at AS as_of, 1 AS truth FROM people",
    "learn.py": """
        import pumphouse as ph
        @ph.model(label="truth", features=["spend"])
        def chance(train: ph.TrainingSet, *, depth=3): ...
        live = ph.rollout("chance", outcome="truth")
        night = ph.scores("live", every="day at 02:00")
        now_and_then = ph.scores("live")
    """,
    "facts.py": "import pumphouse as ph\nfine = ph.check('orders', 'id > 0')\n"
    "hopes = ph.bet('page', users=[], decision='d')\nout = ph.deliver('page', to='folder:out')\n",
    "page.md": "<!-- pumphouse -->\n# Page\n\n```sql\nSELECT * FROM both\n```\n",
    "kept.py": "import pumphouse as ph\n@ph.table()\ndef kept(kept, people): ...\n",
}
SETTINGS = {"today": "2026-11-23", "cut": 5, "depth": 3}


@dataclass(frozen=True)
class Build:
    """A build as the lake remembers it."""

    fingerprint: str
    inputs: Mapping[str, int]
    snapshot: int = 1


@dataclass(frozen=True)
class World:
    """All assets built, at snapshot 1."""

    graph: Graph
    committed: Mapping[str, Build]
    versions: Mapping[str, int]
    settings: Mapping[str, object]

    def plan(self, **options) -> Plan:
        return plan(self.graph, committed=self.committed, versions=self.versions, settings=self.settings, **options)

    def reasons(self, **options) -> dict[str, tuple[str, ...]]:
        return {build.asset: build.reasons for build in self.plan(**options).builds}

    def version(self, name: str, snapshot: int) -> World:
        return replace(self, versions={**self.versions, name: snapshot})


def built(graph: Graph, settings: Mapping[str, object] = SETTINGS) -> World:
    versions = {name: 1 for name, asset in graph.assets.items() if asset.makes_table} | {"live": 1}
    names = [name for name, asset in graph.assets.items() if asset.kind not in ("check", "rollout", "bet", "feature")]
    first = {name: Build("", {}) for name in names}
    committed = {
        name: Build(
            effective(graph, name, settings),
            {one: version_of(graph, one, committed=first, versions=versions) for one in reads(graph, name)},
        )
        for name in names
    }
    return World(graph=graph, committed=committed, versions=versions, settings=settings)


@pytest.fixture
def world(loaded) -> World:
    return built(loaded(PROJECT))


def test_everything_is_built_the_first_time_in_order(loaded) -> None:
    graph = loaded(PROJECT)
    found = plan(graph, committed={}, versions={}, settings=SETTINGS)
    assert {build.reasons for build in found.builds} == {("never built",)}
    assert all(build.certain for build in found.builds)
    names = [build.asset for build in found.builds]
    assert set(names) == set(graph.assets) - {"spend", "live", "fine", "hopes"}
    for build in found.builds:
        assert all(names.index(one) < names.index(build.asset) for one in build.after)
    after = {build.asset: set(build.after) for build in found.builds}
    assert after["both"] == {"orders", "people"}
    assert after["chance"] == {"truth", "orders"}
    assert after["night"] == {"orders", "chance"}
    assert after["out"] == {"page"}


def test_nothing_is_built_again_while_nothing_changes(world: World) -> None:
    found = world.plan()
    assert found.builds == ()
    assert str(found) == f"Nothing to build: {len(world.committed)} assets up to date."


def test_new_version_of_an_input_rebuilds_what_reads_it(world: World) -> None:
    reasons = world.version("people", 2).reasons()
    assert reasons == {
        "both": ("people changed",),
        "kept": ("people changed",),
        "truth": ("people changed",),
        "page": ("its input both will be rebuilt",),
        "out": ("its input page will be rebuilt",),
    }


def test_features_carry_the_tables_they_read_to_the_scores(world: World) -> None:
    reasons = world.version("orders", 2).reasons()
    assert reasons["now_and_then"] == ("orders changed",)
    assert "night" not in reasons  # it has a schedule, and waits for it
    assert "chance" not in reasons


def test_promoting_a_model_rebuilds_its_scores_alone(world: World) -> None:
    assert world.version("live", 2).reasons() == {"now_and_then": ("live changed",)}


def test_changed_feature_rebuilds_scores_and_says_so(world: World, loaded) -> None:
    graph = loaded({"spend.sql": PROJECT["spend.sql"].replace("sum(", "max(")})
    reasons = replace(world, graph=graph).reasons()
    assert reasons == {"night": ("spend changed",), "now_and_then": ("spend changed",)}


def test_changed_code_rebuilds_it_and_what_reads_it(world: World, loaded) -> None:
    graph = loaded({"people.sql": "SELECT id, 1 AS one FROM other"})
    reasons = replace(world, graph=graph).reasons()
    assert reasons["people"] == ("its code changed",)
    assert reasons["both"] == ("its input people will be rebuilt",)
    assert "raw" not in reasons


def test_a_new_day_rebuilds_what_reads_the_day(world: World) -> None:
    reasons = replace(world, settings={**SETTINGS, "today": "2026-11-24"}).reasons()
    assert reasons["orders"] == ("setting today changed",)
    assert reasons["truth"] == ("setting today changed",)
    assert reasons["now_and_then"] == ("setting today changed", "its input orders will be rebuilt")
    assert "night" not in reasons
    assert "people" not in reasons


def test_setting_of_a_feature_rebuilds_scores(world: World) -> None:
    reasons = replace(world, settings={**SETTINGS, "cut": 6}).reasons()
    assert reasons == dict.fromkeys(("night", "now_and_then"), ("setting cut of spend changed",))


def test_model_is_built_once_and_then_only_when_named_or_due(world: World, loaded) -> None:
    changed = replace(world, graph=loaded({"learn.py": PROJECT["learn.py"].replace("depth=3", "depth=4")}))
    changed = replace(changed, settings={**SETTINGS, "depth": 5}).version("truth", 2)
    assert changed.reasons() == {}
    assert changed.reasons(targets=["chance"]) == {"chance": ("asked for",)}
    assert changed.reasons(due={"chance": "due since 02:00"}) == {"chance": ("due since 02:00",)}
    forgotten = replace(world, committed={name: one for name, one in world.committed.items() if name != "chance"})
    assert forgotten.reasons() == {"chance": ("never built",)}


def test_source_is_built_when_due_named_or_changed_alone(world: World, loaded) -> None:
    found = world.plan(due={"raw": "due since 02:00"})
    assert found.builds[0].reasons == ("due since 02:00",)
    only_if_an_input_changes = {build.asset for build in found.builds if not build.certain}
    assert only_if_an_input_changes == {"orders", "both", "now_and_then", "page", "out"}
    assert world.reasons(targets=["raw"]) == {"raw": ("asked for",)}
    assert world.reasons(targets=["orders"]) == {}
    graph = loaded({"gather.py": PROJECT["gather.py"].replace("raw/*.csv", "raw/*.txt")})
    assert replace(world, graph=graph).reasons(targets=["orders"]) == {
        "raw": ("its code changed",),
        "orders": ("its input raw will be rebuilt",),
    }


def test_targets_bring_what_they_read_and_only_brings_nothing(world: World) -> None:
    older = world.version("raw", 2).version("other", 2)
    assert set(older.reasons(targets=["people"])) == {"people"}
    assert set(older.reasons(targets=["both"])) == {"orders", "people", "both"}
    assert older.reasons(targets=["both"], only=True) == {}
    assert older.version("orders", 2).reasons(targets=["both"], only=True) == {"both": ("orders changed",)}
    with pytest.raises(UnknownName, match="Did you mean 'both'"):
        world.plan(targets=["bth"])


def test_rebuild_is_asked_for_whatever_stands(world: World) -> None:
    assert world.reasons(rebuild=["people"], targets=["people"]) == {"people": ("asked for",)}
    with pytest.raises(UnknownName):
        world.plan(rebuild=["nobody"])


def test_own_previous_version_is_no_reason(world: World) -> None:
    assert world.version("kept", 9).reasons() == {}


def test_plan_reads_well_and_is_json(world: World) -> None:
    found = world.version("people", 2).plan(rows={"orders": 12_000, "people": 3}, targets=["page"])
    assert str(found) == (
        "2 builds, 4 assets up to date\n"
        "  both  people changed; reads 12,000 rows of orders, 3 rows of people\n"
        "  page  its input both will be rebuilt"
    )
    told = json.loads(json.dumps(found.to_dict()))
    assert told["builds"][0] == {
        "asset": "both",
        "kind": "sql",
        "reasons": ["people changed"],
        "after": [],
        "inputs": {"orders": 12_000, "people": 3},
        "certain": True,
    }
    assert told["unchanged"] == ["other", "people", "raw", "orders"]


def test_stale_asks_one_asset(world: World) -> None:
    state = {"committed": world.committed, "versions": world.versions, "settings": world.settings}
    assert stale(world.graph, "both", **state) == ()
    assert stale(world.graph, "both", **{**state, "versions": {**world.versions, "orders": 2}}) == ("orders changed",)
    assert stale(world.graph, "both", **{**state, "committed": {}}) == ("never built",)
