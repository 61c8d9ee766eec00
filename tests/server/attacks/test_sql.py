"""Each attack in SQL through every door: nothing that is hidden comes out, nothing is changed, each read is logged."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.server.attacks.conftest import INTRUDER, SHOWN, WORLDS, Answer, Besieged, leaked
from tests.server.attacks.sql import ATTACKS, Attack

DOORS = ("http", "flight", "postgres")


def test_there_are_at_least_200_attacks_each_with_a_name_of_its_own() -> None:
    assert len({one.sql for one in ATTACKS}) >= 200
    assert [name for name, count in Counter(map(str, ATTACKS)).items() if count > 1] == []


def plain(answer: Answer) -> tuple[str, ...]:
    """What was answered, without the names that differ between the worlds."""
    lines = [answer.said] if answer.rows is None else sorted(answer.rows)
    for world in WORLDS:
        lines = [line.replace(world.orders, "orders").replace(world.vault, "vault") for line in lines]
    return tuple(lines)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_attack_gives_nothing_that_is_hidden(besieged: Besieged, attack: Attack, door: str) -> None:
    answers = []
    for world in WORLDS:
        text = besieged.places(attack.sql, world)
        values = [besieged.places(value, world) for value in attack.values]
        answer = besieged.doors[door](text, values)
        if answer.rows is not None and attack.kind != "catalogue":
            besieged.took(INTRUDER, door, text, len(answer.rows))
        asked = " ".join([text, *values])
        assert [one for one in leaked(answer.said) if one not in leaked(asked)] == []
        assert besieged.token not in answer.said
        if attack.outcome != "either":
            assert (answer.rows is not None) == (attack.outcome == "answered"), answer.said
        answers.append(plain(answer))
    assert answers[0] == answers[1]
    assert besieged.files() == besieged.untouched


@pytest.mark.parametrize("door", DOORS)
def test_what_is_shown_is_still_there_after_all_attacks(besieged: Besieged, door: str) -> None:
    text = "SELECT order_id, phone, joined, note FROM orders_a ORDER BY 1"
    answer = besieged.doors[door](text, [])
    assert answer.rows is not None
    besieged.took(INTRUDER, door, text, len(answer.rows))
    assert len(answer.rows) == SHOWN
    assert "****07" in answer.said
    assert besieged.shop.lake.snapshot() == besieged.shop.lake.builds()["vault_pay"].snapshot


def test_every_read_is_in_the_log_with_the_rows_that_were_handed_out(besieged: Besieged) -> None:
    logged, handed = besieged.logged(), besieged.handed
    assert handed - logged == Counter()
    assert {read: count for read, count in (logged - handed).items() if read[3]} == {}
    assert sum(handed.values()) > 200
