"""What leaving customers answer to `shop/surveys/exit.json`; made up, but in step with what they bought."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from math import log2
from random import Random
from typing import NamedTuple

from shop_world.purchases import API_PART, FILE_PART, SPLIT_DAY, Purchase, read

GENRES = ("rock", "pop", "jazz", "classical", "country", "electronic", "folk", "soundtrack")
ASKS_WHY_BELOW = 7
"""The survey asks what would have made it better where `recommend` is below this."""

_WISHES = (
    "cheaper shipping pls",
    "Lower prices, the shop round the corner has the same CD for $2 less.",
    "I waited 3 weeks 4 one pkg!",
    "more jazz imports",
    "an order number I can look up w/o calling",
    "ur search never finds composers",
    "=1+1",
    "nothing <b>really</b>",
)
_OTHER_REASONS = ("moved abroad", "got a CD burner", "my kids order now", "too many e-mails")


class Answered(NamedTuple):
    """A customer and what they answered: question -> answer, as SurveyJS hands it in."""

    customer_id: int
    answers: dict[str, str | int | bool | list[str]]


class _History(NamedTuple):
    purchases: int
    last_day: date


def survey_answers(*, seed: int, n: int) -> Iterator[Answered]:
    """`n` different customers' answers, the same for the same seed. Raises ValueError for more than there are.

    Who bought often and lately recommends the shop; who bought once gives other reasons for leaving than a regular.
    Optional questions are left out at times, and hidden ones always.
    """
    random = Random(seed)
    histories = _histories([*read(FILE_PART), *read(API_PART)])
    for customer_id in random.sample(sorted(histories), n):
        yield Answered(customer_id, _answers(random, histories[customer_id]))


def _histories(purchases: list[Purchase]) -> dict[int, _History]:
    histories: dict[int, _History] = {}
    for purchase in purchases:
        known = histories.get(purchase.customer_id, _History(0, purchase.day))
        histories[purchase.customer_id] = _History(known.purchases + 1, max(known.last_day, purchase.day))
    return histories


def _answers(random: Random, history: _History) -> dict[str, str | int | bool | list[str]]:
    bought_lately = history.last_day > SPLIT_DAY
    liking = 4.5 + 1.2 * log2(history.purchases) + 1.5 * bought_lately
    recommend = min(10, max(0, round(random.gauss(liking, 2))))
    reasons = ("price", "selection", "delivery", "elsewhere", "no_more_cds", "other")
    weights = (2, 3, 4, 3, 3, 1) if history.purchases > 2 else (5, 3, 2, 4, 1, 1)
    answers: dict[str, str | int | bool | list[str]] = {
        "reason": random.choices(reasons, weights)[0],
        "recommend": recommend,
    }
    if answers["reason"] == "other":
        answers["reason-Comment"] = random.choice(_OTHER_REASONS)
    if random.random() < 0.85:
        answers["bought"] = sorted(random.sample(GENRES, min(len(GENRES), 1 + history.purchases // 3)))
    if recommend < ASKS_WHY_BELOW and random.random() < 0.6:
        answers["better"] = random.choice(_WISHES)
    if random.random() < 0.9:
        answers["may_contact"] = random.random() < 0.05 + recommend / 15
    return answers
