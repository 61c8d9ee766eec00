from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.models.conftest import Shop

from pumphouse.declare.learning import Label
from pumphouse.declare.rollouts import rollout
from pumphouse.errors import RequestRefused, UnknownName
from pumphouse.features import labels
from pumphouse.lake.changes import hide
from pumphouse.models import scores
from pumphouse.models.answers import flush_predictions
from pumphouse.models.judgement import Judgement, judge
from pumphouse.models.online import Predictor
from pumphouse.models.outcomes import OUTCOMES_MAX, Taken, flush_outcomes, take_outcomes

SAID = datetime(1997, 9, 1, 9, tzinfo=UTC)
NOW = datetime(1998, 1, 1, tzinfo=UTC)


class Asked:
    """A rollout that was asked about some customers, each under the id "of N"; outcomes are told of them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.rollout = shop.assets["returns_live"]

    def ask(self, *customers: int, at: datetime = SAID, id: str = "of {}") -> None:
        predictor = Predictor(
            self.shop.lake, self.shop.lake.engine.fork(), assets=self.shop.assets, rollout=self.rollout
        )
        for customer in customers:
            predictor.predict({"customer_id": customer}, now=at, id=id.format(customer))
        predictor.close()  # the shadow has heard all of it then

    def tell(self, *outcomes: dict, now: datetime = NOW) -> Taken:
        return take_outcomes(self.shop.lake, self.rollout, outcomes, caller="bob", now=now)

    def keep(self) -> None:
        for flush in (flush_predictions, flush_outcomes):
            flush(self.shop.lake, self.rollout, run="run-2", actor="ada")

    def judge(self, *, snapshot: int | None = None) -> Judgement:
        self.keep()
        return judge(self.shop.lake, self.shop.assets, self.rollout, snapshot=snapshot)

    def judged(self) -> dict[tuple[str, str], tuple[int, int]]:
        """Rows and positives of each version and role."""
        return {(one.version, one.role): (one.quality.rows, one.quality.positives) for one in self.judge().versions}


@pytest.fixture
def asked(served: Shop) -> Asked:
    served.declare("returns_live", rollout("returns", shadow="returns_gbm"))
    return Asked(served)


def test_what_is_told_judges_the_prediction_that_it_names_and_others_wait(asked: Asked) -> None:
    asked.ask(1, 2, 3)
    told = asked.tell(
        {"prediction_id": "of 1", "outcome": True, "happened_at": "1997-10-05T12:00:00+02:00"},
        {"prediction_id": "of 2", "outcome": False},
    )
    assert told == Taken(taken=2, already=0)
    assert asked.judged() == {("returns@1", "live"): (2, 1), ("returns_gbm@1", "shadow"): (2, 1)}
    assert (asked.judge().waiting, asked.judge().outcome) == (1, "what was told")
    columns = "prediction_id, customer_id, outcome, happened_at, known_at, caller"
    assert asked.shop.rows("returns_live__outcomes", columns) == [
        ("of 1", 1, 1.0, datetime(1997, 10, 5, 10, tzinfo=UTC), NOW, "bob"),
        ("of 2", 2, 0.0, None, NOW, "bob"),
    ]


def test_a_repeat_counts_once_and_is_said_to_be_there_already(asked: Asked) -> None:
    asked.ask(1, 2)
    first = {"outcome_id": "a", "prediction_id": "of 1", "outcome": True}
    assert asked.tell(first) == Taken(taken=1, already=0)
    assert asked.tell(first, {"prediction_id": "of 2", "outcome": True}) == Taken(taken=1, already=1)
    assert asked.tell(first, first, now=NOW + timedelta(days=1)) == Taken(taken=0, already=2)
    assert asked.judged()["returns@1", "live"] == (2, 2)
    assert asked.shop.rows("returns_live__outcomes", "count(*)") == [(2,)]
    for other in ({"outcome": False}, {"prediction_id": "of 2"}):
        with pytest.raises(RequestRefused, match="'a' was used for another outcome"):
            asked.tell(first | other)


def test_a_correction_takes_the_place_of_what_was_known_before_and_both_are_kept(asked: Asked) -> None:
    asked.ask(1)
    asked.tell({"prediction_id": "of 1", "outcome": True})
    before = asked.judge()
    asked.tell({"prediction_id": "of 1", "outcome": False}, now=NOW + timedelta(days=1))
    assert asked.judged()["returns@1", "live"] == (1, 0)
    asked.tell({"prediction_id": "of 1", "outcome": True}, now=NOW + timedelta(days=2))
    assert asked.judged()["returns@1", "live"] == (1, 1)
    assert [row[0] for row in asked.shop.rows("returns_live__outcomes", "outcome", order="known_at")] == [1, 0, 1]
    assert asked.judge(snapshot=before.snapshot) == before


def test_an_outcome_of_an_entity_is_about_its_last_prediction_before_it_happened(asked: Asked) -> None:
    asked.ask(1, at=SAID, id="early")
    asked.ask(1, at=SAID + timedelta(days=30), id="late")
    asked.tell({"customer_id": 1, "outcome": True, "happened_at": "1997-09-20T00:00:00Z"})
    assert asked.judge().versions[0].first == SAID
    asked.tell({"customer_id": 1, "outcome": True})
    assert asked.judge().waiting == 0
    asked.tell({"customer_id": 2, "outcome": True})  # of whom nothing was ever said
    assert asked.judged()["returns@1", "live"] == (2, 2)


def test_what_was_told_wins_over_the_label_for_its_prediction_alone(asked: Asked) -> None:
    asked.shop.declare("returns_live", rollout("returns", outcome="returned"))
    asked.rollout = asked.shop.assets["returns_live"]
    asked.shop.build(scores.build, "returns_scores", today=SAID.date())
    ids = dict(asked.shop.rows("returns_live__predictions", "customer_id, prediction_id"))
    asked.shop.build(labels.build, "returned", today=date(1997, 11, 1))
    assert asked.judged() == {("returns@1", "live"): (120, 60)}
    asked.tell({"prediction_id": ids[1], "outcome": False})
    assert asked.judged() == {("returns@1", "live"): (120, 59)}


def test_an_outcome_told_before_its_prediction_matured_waits_for_those_that_are_no(asked: Asked) -> None:
    asked.shop.declare("returns_live", rollout("returns", outcome="returned"))
    asked.rollout = asked.shop.assets["returns_live"]
    today = datetime.now(UTC)
    asked.ask(1, 2, at=today - timedelta(days=1))
    asked.tell({"prediction_id": "of 1", "outcome": True}, now=today)
    found = asked.judge()
    assert (found.versions, found.waiting, found.early) == ((), 2, 1)
    label = Label(text="", entity=("customer_id",), matures="1 hour")
    asked.shop.add("returned", kind="label", spec=label)
    assert (asked.judged(), asked.judge().early) == ({("returns@1", "live"): (1, 1)}, 0)


REFUSED = [
    ({"prediction_id": "of 9", "outcome": True}, UnknownName, "there is no prediction 'of 9' of 'returns_live'"),
    ({"prediction_id": 9, "outcome": True}, UnknownName, "there is no prediction '9'"),
    ({"prediction_id": "of 1"}, RequestRefused, "outcome is missing"),
    ({"prediction_id": "of 1", "outcome": None}, RequestRefused, "a missing outcome is no 'no'"),
    ({"prediction_id": "of 1", "outcome": "yes"}, RequestRefused, "outcome is 'yes'. 'returned' is true or false"),
    ({"prediction_id": "of 1", "outcome": 0.5}, RequestRefused, "outcome is 0.5"),
    ({"prediction_id": "of 1", "outcome": float("nan")}, RequestRefused, "outcome is nan"),
    ({"prediction_id": "of 1", "outcome": 10**400}, RequestRefused, "outcome is 1000"),
    ({"prediction_id": "of 1", "outcome": True, "customer_id": 1}, RequestRefused, "beside a prediction_id"),
    ({"prediction_id": "of 1", "outcom": True}, RequestRefused, "Did you mean 'outcome'?"),
    ({"customer_id": "1", "outcome": True}, RequestRefused, "nor 'customer_id' as a whole number"),
    ({"customer_id": 2**70, "outcome": True}, RequestRefused, "has no such value"),
    ({"custmer_id": 1, "outcome": True}, RequestRefused, "Did you mean 'customer_id'?"),
    ({"outcome": True}, RequestRefused, "neither which prediction it is about"),
    ({"prediction_id": "of 1", "outcome": True, "happened_at": "1997-10-01"}, RequestRefused, "with its zone"),
    ({"prediction_id": "of 1", "outcome": True, "happened_at": 7}, RequestRefused, "happened_at is '7'"),
    (
        {"prediction_id": "of 1", "outcome": True, "happened_at": "1997-08-01T00:00:00Z"},
        RequestRefused,
        "before its prediction",
    ),
    (
        {"prediction_id": "of 1", "outcome": True, "happened_at": "1999-08-01T00:00:00Z"},
        RequestRefused,
        "lies ahead",
    ),
    ({"prediction_id": "of 1", "outcome": True, "outcome_id": ""}, RequestRefused, "outcome_id is no text"),
    ({"prediction_id": "of 1", "outcome": True, "outcome_id": "x" * 201}, RequestRefused, "outcome_id is no text"),
]


def test_what_cannot_be_an_outcome_is_refused_and_nothing_beside_it_is_taken(asked: Asked) -> None:
    asked.ask(1)
    for outcome, error, said in REFUSED:
        with pytest.raises(error) as caught:
            asked.tell({"prediction_id": "of 1", "outcome": True}, outcome)
        assert said in str(caught.value)
        assert str(caught.value).startswith("outcome 2 of 2: ")
    assert not asked.shop.lake.state.events("outcomes/returns_live")


def test_more_than_a_request_may_hold_is_refused(asked: Asked) -> None:
    asked.ask(1)
    with pytest.raises(RequestRefused, match="1,001 outcomes were sent at once"):
        asked.tell(*[{"prediction_id": "of 1", "outcome": True}] * (OUTCOMES_MAX + 1))
    assert asked.tell(*[{"prediction_id": "of 1", "outcome": True}] * OUTCOMES_MAX).taken == OUTCOMES_MAX
    assert asked.judged()["returns@1", "live"] == (1, 1)


def test_nothing_is_told_of_a_hidden_person(asked: Asked) -> None:
    asked.ask(1, 2)
    asked.tell({"prediction_id": "of 1", "outcome": True}, {"prediction_id": "of 2", "outcome": True})
    hide(asked.shop.lake, entity="customer_id", value=1, why="asked", run="run-3", actor="ada")
    with pytest.raises(UnknownName):  # its prediction is in the log still
        asked.tell({"prediction_id": "of 1", "outcome": True})
    assert asked.judged()["returns@1", "live"] == (1, 1)
    with pytest.raises(UnknownName):  # and in the table
        asked.tell({"prediction_id": "of 1", "outcome": True})
    assert asked.shop.rows("returns_live__outcomes", "customer_id") == [(2,)]


TELLER = """
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.models.conftest import Shop, declare_all

from pumphouse.models.outcomes import take_outcomes

shop = Shop(Path(sys.argv[1]))
declare_all(shop)
for number in range(1_000_000):
    told = {"outcome_id": str(number), "prediction_id": "of 1", "outcome": True}
    take_outcomes(shop.lake, shop.assets["returns_live"], [told], caller="bob", now=datetime.now(UTC))
    print(number, flush=True)
"""


def test_killed_while_outcomes_come_none_is_lost_that_was_acknowledged(asked: Asked) -> None:
    asked.ask(1)
    root = Path(__file__).resolve().parents[2]
    environment = {"PYTHONPATH": f"{root / 'src'}:{root}"}
    command = [sys.executable, "-c", TELLER, str(asked.shop.folder)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline().strip() for _ in range(5)]
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split("\n")[:-1]  # a line that was cut is no acknowledgement
    stored = {event.key for event in asked.shop.lake.state.events("outcomes/returns_live")}
    assert acknowledged[:5] == ["0", "1", "2", "3", "4"]
    assert set(acknowledged) <= stored
    assert len(stored) <= len(acknowledged) + 1
    asked.keep()
    assert asked.shop.rows("returns_live__outcomes", "count(*)") == [(len(stored),)]
