from __future__ import annotations

from typing import Any

import pytest
from tests.server.conftest import EVIL, told_performance

from pumphouse.server.monitoring import performance_page
from pumphouse.server.plots import against, bars, nice_ticks, over_time


def test_a_rollouts_page_says_first_how_it_does_and_then_draws_it(served: Any) -> None:
    page = served.owner.get("/assets/returns_live", headers={"Accept": "text/html"}).text
    assert "Since 1 July 2026 returns@1 beats guessing: its squared error is smaller by 0.05" in page
    assert page.index("Since 1 July 2026") < page.index('<svg class="plot"') < page.index("For whom")
    assert "7 predictions wait for their outcome." in page
    assert EVIL not in page
    assert page.count("&lt;script&gt;alert") >= 3
    assert "style=" not in page.partition("<main>")[2]  # the policy of the page lets no browser follow it
    read = served.shop.lake.state.accesses(asset="returns_live")[-1]
    assert (read.door, read.rows, read.detail) == ("page", 300, "performance")


def test_a_prediction_that_is_not_there_has_no_trace(served: Any) -> None:
    assert served.owner.get("/trace/a/b/c", headers={"Accept": "text/html"}).status_code == 404
    assert served.stranger.get("/trace/a", headers={"Accept": "text/html"}).status_code == 401


def test_a_chart_over_time_keeps_every_mark_in_its_frame_and_in_order() -> None:
    plot = performance_page(told_performance("returns_live")).time
    assert plot is not None
    (series,) = plot.series
    assert [mark.x for mark in series.marks] == sorted(mark.x for mark in series.marks)
    for mark in series.marks:
        assert 0 < mark.high < mark.y < mark.low < plot.height
        assert 0 < mark.x < plot.width
    assert plot.zero is not None
    assert plot.zero > series.marks[0].low  # better than the guess is above the line
    assert plot.up[0].said == "0"


def test_what_has_no_spread_is_not_drawn() -> None:
    assert over_time([]) is None
    assert against([(0.0, 0.0, 0.0, 0.0, "")], percent=True) is None
    assert bars([None]) == [None]


@pytest.mark.parametrize(
    ("low", "high", "wanted"), [(0, 1, [0, 0.25, 0.5, 0.75, 1]), (-0.03, 0.09, [-0.05, 0, 0.05, 0.1]), (3, 3, [3])]
)
def test_ticks_are_round_and_hold_both_ends(low: float, high: float, wanted: list[float]) -> None:
    assert nice_ticks(low, high) == pytest.approx(wanted)
