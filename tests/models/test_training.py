from __future__ import annotations

import io
import warnings
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.tree import DecisionTreeClassifier
from tests.models.conftest import RETURNED, SPEND

from pumphouse.declare.learning import Feature, Label, model
from pumphouse.errors import BuildError
from pumphouse.features import labels
from pumphouse.lake.builds import Counts
from pumphouse.models import training
from pumphouse.models.card import version_text
from pumphouse.models.registry import live, version, versions
from pumphouse.project.explaining import explained

NEW_YEAR = date(1998, 1, 1)


@model(label="returned", features=["recency"])
def returns(train):
    """Chance (0..1) that a customer buys again within 8 weeks."""
    never = SimpleImputer(strategy="constant", fill_value=999)
    estimator = make_pipeline(never, LogisticRegression()).fit(train.X, train.y)
    train.X["days_since"] = 0.0  # its own frame: nobody else sees this
    return estimator


def forgiving(train):
    numbers = make_column_transformer(("passthrough", ["spend_cents"]))
    return make_pipeline(numbers, DecisionTreeClassifier()).fit(train.X, train.y)


def labelled(shop):
    shop.build(labels.build, "returned", today=NEW_YEAR)
    return shop


def train(shop, function=returns, **settings):
    shop.declare("returns", function)
    return shop.build(training.build, "returns", today=NEW_YEAR, **settings)


def learning(fit, *, features=("recency",)):
    return model(label="returned", features=list(features))(fit)


def test_first_version_goes_live_and_later_ones_wait(bought):
    first = train(labelled(bought))
    assert live(bought.lake, "returns").name == "returns@1"
    assert first.note.endswith("it is live")
    second = train(bought)
    assert live(bought.lake, "returns").name == "returns@1"
    assert second.note.endswith("to make it live: pumphouse model promote returns@2")
    assert [each.number for each in versions(bought.lake, "returns")] == [1, 2]


def test_version_keeps_what_it_was_made_from(bought):
    before = labelled(bought).lake.snapshot()
    train(bought)
    made = version(bought.lake, "returns", 1)
    assert (made.snapshot, made.label, made.entity) == (before, "returned", {"customer_id": "int64"})
    assert (made.rows, made.positives) == (1080, 540)
    assert made.columns == {"days_since": "number"}
    assert [feature.name for feature in made.features] == ["recency"]
    assert made.features[0].text == bought.assets["recency"].spec.text
    assert made.assumed
    assert made.fingerprint == "print of returns"
    assert made.doc == "Chance (0..1) that a customer buys again within 8 weeks."
    assert set(made.packages) == {"scikit-learn", "skops", "numpy", "pandas"}
    assert (made.task, made.format, made.actor) == ("chance", "skops", "ada")
    assert made.parameters["logisticregression__C"] == 1.0
    assert made.types == {"days_since": "int64"}
    assert made.typical == {"days_since": 35.5}
    assert made.example == {"days_since": 304.0}
    assert made.source.startswith('@model(label="returned", features=["recency"])\ndef returns(train):')
    assert made.training_s > 0
    held_out = pq.read_table(io.BytesIO(bought.lake.blobs.get(made.held_out_rows)))
    assert held_out.column_names == ["customer_id", "as_of", "prediction", "outcome"]
    assert held_out.num_rows == made.held_out.rows
    assert made.held_out is not None
    assert 100 < made.held_out.rows < 300
    assert made.held_out.beats_guess
    assert made.held_out.auc > 0.9


def test_training_set_is_stored_and_is_the_same_when_made_again(bought):
    train(labelled(bought))
    first = version(bought.lake, "returns", 1)
    rows = pq.read_table(io.BytesIO(bought.lake.blobs.get(first.training_set)))
    assert rows.column_names == ["customer_id", "as_of", "days_since", "returned"]
    assert rows.num_rows == first.rows
    # The day of a purchase is over before it counts, so a purchase of March 1 is not seen at that midnight.
    at = datetime(1997, 3, 1, tzinfo=UTC)
    moment = next(row for row in rows.to_pylist() if row["customer_id"] == 19 and row["as_of"] == at)
    assert moment == {"customer_id": 19, "as_of": at, "days_since": 9, "returned": 1}
    bought.buy([(1, date(1998, 5, 5), 100)])
    train(bought)
    assert version(bought.lake, "returns", 2).training_set == first.training_set


def test_labels_that_have_not_matured_are_left_out_and_counted(bought):
    built = bought.build(labels.build, "returned", today=NEW_YEAR)
    assert built.counts == Counts(rows_in=1320, rows_out=1080, dropped=240)
    assert built.note == "240 moments left out: 8 weeks have not passed at 1998-01-01 00:00 UTC"
    assert bought.rows("returned", "max(as_of)") == [(datetime(1997, 11, 1, tzinfo=UTC),)]
    assert bought.build(labels.build, "returned", today=date(1998, 6, 1)).counts.dropped == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT customer_id, bought_at AS as_of, true AS back FROM purchases", "selects no column 'returned'"),
        ("SELECT customer_id, bought_at AS at, true AS returned FROM purchases", "selects no column 'as_of'"),
    ],
)
def test_label_without_its_columns_is_refused(bought, text: str, reason: str):
    spec = Label(text=text, entity=("customer_id",), matures="1 day")
    bought.add("returned", kind="label", spec=spec, inputs=("purchases",))
    with pytest.raises(BuildError, match=reason):
        bought.build(labels.build, "returned", today=NEW_YEAR)


def test_moments_without_a_label_are_not_learned_from_but_counted(bought):
    sometimes = "CASE WHEN any_value(c.customer_id) % 10 > 0 THEN count(p.cents) > 0 END"
    text = bought.assets["returned"].spec.text.replace("count(p.cents) > 0", sometimes)
    spec = Label(text=text, entity=("customer_id",), matures="8 weeks")
    bought.add("returned", kind="label", spec=spec, inputs=("purchases",))
    built = train(labelled(bought))
    made = version(bought.lake, "returns", 1)
    assert made.unlabelled == 108
    assert built.counts == Counts(rows_in=1080, rows_out=made.rows, dropped=made.unlabelled)
    assert f"{made.unlabelled} without a label left out" in built.note


def test_text_features_reach_an_encoder(bought):
    encoder = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["channel"]), remainder="passthrough")
    fit = learning(
        lambda train: make_pipeline(encoder, LogisticRegression(max_iter=1000)).fit(train.X, train.y),
        features=["spend"],
    )
    train(labelled(bought), fit)
    assert live(bought.lake, "returns").columns == {"spend_cents": "number", "purchases": "number", "channel": "text"}


def test_who_forgets_that_a_column_is_text_is_told_which_and_what_takes_it(bought):
    fit = learning(lambda train: LogisticRegression().fit(train.X, train.y), features=["spend"])
    with pytest.raises(ValueError, match="could not convert string to float") as caught:
        train(labelled(bought), fit)
    assert "train.X has text in ['channel']" in caught.value.__notes__[-1]
    told = explained(caught.value, asset="returns", folder=Path())
    assert "OneHotEncoder(handle_unknown='ignore'), ['channel']" in str(told.mend)


def test_keyword_only_parameters_are_settings(bought):
    seen = []

    @model(label="returned", features=["recency"])
    def strict(train, *, leaf: int = 5):
        seen.append(leaf)
        return DecisionTreeClassifier(min_samples_leaf=leaf).fit(train.X, train.y)

    train(labelled(bought), strict, leaf=9, zone="UTC")
    assert seen == [9, 9]  # once on all, once without the held out fifth


def test_what_the_libraries_warned_of_is_told(bought):
    def fit(train):
        warnings.warn("did not converge", stacklevel=1)
        return DecisionTreeClassifier().fit(train.X, train.y)

    assert train(labelled(bought), learning(fit)).warnings[-1] == "did not converge"


def test_what_is_the_same_at_every_moment_is_told(bought):
    """Nothing was known at any moment: who loads old data today must say so."""
    lost = SPEND.replace("AND p.bought_at > m.as_of - INTERVAL 26 WEEK", "AND p.bought_at < DATE '1990-01-01'")
    bought.add("spend", kind="feature", spec=Feature(text=lost, entity=("customer_id",)), inputs=("purchases",))
    built = train(labelled(bought), learning(forgiving, features=("spend", "recency")))
    warning = built.warnings[-1]
    assert warning.startswith("spend_cents, purchases, channel are the same at all ")
    assert 'time={"event": ..., "known": ...}' in warning


def test_an_estimator_that_can_not_answer_for_a_stranger_is_told(bought):
    """Everybody in the training set had bought before; somebody who never did has no days since."""
    text = bought.assets["returned"].spec.text
    once = text.replace("FROM purchases)", "FROM purchases WHERE bought_at < DATE '1997-02-01')")
    spec = Label(text=once, entity=("customer_id",), matures="8 weeks")
    bought.add("returned", kind="label", spec=spec, inputs=("purchases",))
    built = train(labelled(bought), learning(lambda train: LogisticRegression().fit(train.X, train.y)))
    warning = built.warnings[-1]
    assert warning.startswith("an unknown customer_id will get no answer: ")
    assert "contains NaN" in warning
    assert "SimpleImputer" in warning


def shout(frame):
    return frame.fillna(0)


@pytest.mark.parametrize(
    ("fit", "reason"),
    [
        (
            lambda train: LinearRegression().fit(train.X.fillna(0), train.y),
            "LinearRegression, which can't say a chance",
        ),
        (lambda train: None, "returned nothing"),
        (
            lambda train: make_pipeline(FunctionTransformer(shout), GaussianNB()).fit(train.X, train.y),
            r"holds code that is not scikit-learn's: .*shout",
        ),
        (
            lambda train: DecisionTreeClassifier().fit(train.X, train.y.astype(str)),
            "was fitted on other labels than 0 and 1",
        ),
    ],
)
def test_what_can_not_be_stored_or_asked_is_refused_and_nothing_is_kept(bought, fit, reason: str):
    with pytest.raises(BuildError, match=reason) as caught:
        train(labelled(bought), learning(fit))
    assert caught.value.asset == "returns"
    assert versions(bought.lake, "returns") == ()


class Guess:
    classes_ = (0, 1)

    def predict_proba(self, frame):
        return [[0.5, 0.5]] * len(frame)


def test_an_estimator_of_another_library_is_refused(bought):
    with pytest.raises(BuildError, match="is no estimator that can be kept"):
        train(labelled(bought), learning(lambda train: Guess()))


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        ("true", "'returned' is always True"),
        ("5", "'returned' is always 5"),
        ("channel", "values other than true and false, and no numbers: 'shop', 'web'"),
        ("CASE WHEN cents > 700 THEN 'nan'::DOUBLE ELSE cents END", "values that are not finite numbers"),
    ],
)
def test_a_label_with_one_answer_or_without_a_meaning_is_refused(bought, outcome: str, reason: str):
    text = f"SELECT customer_id, bought_at AS as_of, {outcome} AS returned FROM purchases"
    spec = Label(text=text, entity=("customer_id",), matures="8 weeks")
    bought.add("returned", kind="label", spec=spec, inputs=("purchases",))
    with pytest.raises(BuildError, match=reason):
        train(labelled(bought))


def test_a_model_without_features_is_refused(bought):
    with pytest.raises(BuildError, match="'returns' has no features"):
        train(labelled(bought), learning(lambda train: train, features=[]))


def test_a_label_without_a_mature_moment_is_refused(bought):
    bought.build(labels.build, "returned", today=date(1997, 1, 1))
    with pytest.raises(BuildError, match="'returned' is without a moment that has matured"):
        train(bought)


SPENT = RETURNED.replace("count(p.cents) > 0 AS returned", "coalesce(sum(p.cents), 0) / 100.0 AS spent_usd")


def test_a_label_that_is_a_number_is_learned_by_a_regressor(bought):
    spec = Label(text=SPENT, entity=("customer_id",), matures="8 weeks")
    bought.add("spent_usd", kind="label", spec=spec, inputs=("purchases",))
    bought.build(labels.build, "spent_usd", today=NEW_YEAR)

    @model(label="spent_usd", features=["recency"])
    def spending(train):
        inputs = make_pipeline(SimpleImputer(), LinearRegression()).fit(train.X, train.y)
        return inputs, {"rows": np.int64(len(train.y)), "r2": inputs.score(train.X, train.y)}

    bought.declare("spending", spending)
    bought.build(training.build, "spending", today=NEW_YEAR)
    made = live(bought.lake, "spending")
    assert (made.task, made.positives) == ("number", None)
    assert made.guess == pytest.approx(made.on_training_rows.mean_outcome)
    assert made.held_out.beats_guess
    assert made.held_out.absolute_error < 20
    assert (made.held_out.auc, made.held_out.lift, made.held_out.log_loss, made.held_out.positives) == (None,) * 4
    assert made.metrics["rows"] == 1080.0
    explained = 1 - made.on_training_rows.squared_error / made.on_training_rows.squared_error_of_guess
    assert made.metrics["r2"] == pytest.approx(explained)
    told = version_text(made)
    assert "says 'spent_usd' for a customer_id, from days_since" in told
    assert "off by" in told
    assert "%" not in told.replace("95% interval", "")


def test_settings_are_kept_with_the_version(bought):
    @model(label="returned", features=["recency"])
    def returns(train, *, leaf: int = 5, depth: int = 3):
        return DecisionTreeClassifier(min_samples_leaf=leaf, max_depth=depth).fit(train.X, train.y)

    train(labelled(bought), returns, leaf=9)
    assert live(bought.lake, "returns").settings == {"leaf": 9, "depth": 3}


def test_trained_again_from_the_same_it_has_the_same_content(bought):
    train(labelled(bought))
    train(bought)
    first, second = versions(bought.lake, "returns")
    assert (first.sha, first.training_set, first.held_out_rows) == (
        second.sha,
        second.training_set,
        second.held_out_rows,
    )


@pytest.mark.parametrize("returned", [({}, {}), ({"auc": float("nan")},), ({"auc": "good"},), ()])
def test_a_tuple_that_is_no_estimator_with_numbers_is_refused(bought, returned):
    fit = learning(lambda train: (DecisionTreeClassifier().fit(train.X, train.y), *returned))
    with pytest.raises(BuildError, match=r'return estimator, \{"auc": 0\.8\}'):
        train(labelled(bought), fit)
