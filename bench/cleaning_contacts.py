"""What e-mail addresses and masking cost: steps over a column against their libraries cell by cell, in the same run.

    python bench/cleaning_contacts.py

Times are of the processor. A column has 200,000 rows of 20,000 different cells, as orders have customers, and then as
many different cells as rows. Masking has no library beside it: its limit is 20,000 different texts of some 150 letters
a second for cards and secrets, and 1,000 for everything about people, of which telephone numbers are nearly all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any

import pyarrow as pa
from email_validator import validate_email
from stdnum import iban

from pumphouse.cleaning import email, identifier, mask_cards, mask_personal, mask_secrets
from pumphouse.cleaning.step import Resources, Step

ROWS, VALUES, CELLS_ONE_BY_ONE, TEXTS = 200_000, 20_000, 5_000, 5_000
WORDS = "the customer called about order and wants a refund because the mail with password did not arrive today".split()


def main() -> None:
    random = Random(1)
    addresses = [f"{random.choice('abcdef')}{number}@Mail{number % 500}.example.com" for number in range(VALUES)]
    accounts = [iban_of(number) for number in range(VALUES)]
    for step, different, peer in (
        (email(), addresses, lambda cell: validate_email(cell, check_deliverability=False)),
        (identifier("iban"), accounts, iban.validate),
    ):
        alone = rate(lambda cells, peer=peer: [peer(cell) for cell in cells], different[:CELLS_ONE_BY_ONE])
        for what, cells in ((f"{VALUES:,} different", random.choices(different, k=ROWS)), ("all different", different)):
            found = rate(applied(step), cells)
            print(f"{step.name}, {len(cells):,} rows, {what}: {found:,.0f} rows/s; cell by cell {alone:,.0f};", end=" ")
            print(f"ratio {found / alone:.1f}")
    texts = [text(random, number) for number in range(TEXTS)]
    for masking, least in ((mask_cards(), 20_000), (mask_secrets(), 20_000), (mask_personal(region="DE"), 1_000)):
        found = rate(applied(masking), texts)
        print(f"{masking.name}, {TEXTS:,} texts: {found:,.0f} texts/s; limit {least:,}; ratio {found / least:.1f}")


def applied(step: Step) -> Callable[[list[str]], Any]:
    function = step.load(Resources())
    return lambda cells: function(pa.array(cells), {})


def rate(work: Callable[[list[str]], Any], cells: list[str]) -> float:
    work(cells[:10])
    started = time.process_time()
    work(cells)
    return len(cells) / (time.process_time() - started)


def iban_of(number: int) -> str:
    account = f"37040044{number:010}"
    check = 98 - int(f"{account}131400") % 97
    return f"DE{check:02} {account[:4]} {account[4:8]} {account[8:12]} {account[12:16]} {account[16:]}"


def text(random: Random, number: int) -> str:
    words = random.choices(WORDS, k=22)
    words[3], words[9], words[15] = f"u{number}@example.com", f"030 {901820 + number}", "4111 1111 1111 1111"
    return " ".join(words)


if __name__ == "__main__":
    main()
