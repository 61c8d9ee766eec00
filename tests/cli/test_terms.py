from __future__ import annotations

from pathlib import Path
from typing import Any

NOTES = [
    "pls call a", "pls call b", "pls send it", "pls send \x1b[31m<b>", "please call a", "please send it", "please do b",
]  # fmt: skip


def make(shop: Path, pumphouse: Any) -> None:
    lines = [f'{number},"{note}"\n' for number, note in enumerate(NOTES)]
    (shop / "data" / "tickets.csv").write_text("ticket_id,note\n" + "".join(lines))
    (shop / "tickets.py").write_text('import pumphouse as ph\n\ntickets = ph.files("data/tickets.csv")\n')
    assert pumphouse("run", "tickets", cwd=shop).code == 0


def test_terms_are_listed_accepted_and_refused(pumphouse: Any, shop: Path) -> None:
    make(shop, pumphouse)
    listed = pumphouse("terms", "list", "tickets.note", "--dictionary", "words.csv", cwd=shop)
    assert listed.code == 0, listed.err
    assert listed.out.splitlines() == [
        "pls  4 times, no vowels",
        "    pls call a",
        "    pls call b",
        "    pls send \\x1b[31m<b>",
        "  = please? letters of 'please', which stands there 3 times",
        "    pumphouse terms accept pls please --dictionary words.csv",
    ]
    (term,) = pumphouse("terms", "list", "tickets.note", "--dictionary", "words.csv", "--json", cwd=shop).json
    assert (term["term"], term["proposal"]["expansion"]) == ("pls", "please")

    done = pumphouse("terms", "accept", "pls", "please", "--dictionary", "words.csv", "--note", "ours", cwd=shop)
    assert (done.code, done.out) == (0, "'pls' stands for 'please' (words.csv:2).\n")
    nothing = pumphouse("terms", "list", "tickets.note", "--dictionary", "words.csv", cwd=shop)
    assert nothing.out == "No frequent word of tickets.note looks like shorthand.\n"

    (shop / "words.csv").write_text("shorthand,expansion\n")
    done = pumphouse("terms", "refuse", "pls", "please", "--dictionary", "words.csv", cwd=shop)
    assert done.out.splitlines() == ["noticed: pls removed by hand", "'please' is not proposed for 'pls' again."]
    (term,) = pumphouse("terms", "list", "tickets.note", "--dictionary", "words.csv", "--json", cwd=shop).json
    assert term["proposal"] is None
    history = pumphouse("terms", "history", "pls", "--dictionary", "words.csv", "--json", cwd=shop).json
    assert [event["did"] for event in history] == ["accepted", "removed by hand", "refused"]
    assert pumphouse("terms", "history", "--dictionary", "words.csv", cwd=shop).out.count("\n") == 3
    assert "tickets" in pumphouse("adoption", cwd=shop).out  # the read was logged


def test_what_people_typed_does_not_run_in_a_shell_that_the_command_is_pasted_into(pumphouse: Any, shop: Path) -> None:
    notes = [f"{call} {what}" for call in ("`a b c d`", "`bcd") for what in ("me", "us", "them")] * 3
    lines = [f'{number},"{note}"\n' for number, note in enumerate(notes)]
    (shop / "data" / "tickets.csv").write_text("ticket_id,note\n" + "".join(lines))
    (shop / "tickets.py").write_text('import pumphouse as ph\n\ntickets = ph.files("data/tickets.csv")\n')
    assert pumphouse("run", "tickets", cwd=shop).code == 0
    listed = pumphouse("terms", "list", "tickets.note", "--dictionary", "my words.csv", cwd=shop)
    (command,) = (line for line in listed.out.splitlines() if "terms accept" in line)
    assert command == "    pumphouse terms accept '`bcd' '`a b c d`' --dictionary 'my words.csv'"


def test_what_can_not_be_listed_or_accepted_is_told(pumphouse: Any, shop: Path) -> None:
    column = pumphouse("terms", "list", "orders.noet", "--dictionary", "words.csv", cwd=shop)
    assert column.code != 0
    assert "Did you mean 'note'?" in column.err
    (shop / "words.csv").write_text("shorthand,expansion\nu,you\n")
    again = pumphouse("terms", "accept", "you", "thou", "--dictionary", "words.csv", cwd=shop)
    assert again.code == 2
    assert "'u' becomes 'you', and 'you' becomes 'thou'" in again.err
    missing = pumphouse("terms", "history", "--dictionary", "nowhere.csv", cwd=shop)
    assert "nowhere.csv is not there" in missing.err
