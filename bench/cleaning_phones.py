"""How much faster a column of telephone numbers is cleaned than number by number, and how many come out otherwise.

    python bench/cleaning_phones.py [numbers]

A million different numbers of every region: examples of all kinds with digits changed, written in many ways and then
spoilt. Each comes with a region, mostly its own. The peer parses, validates and formats each with `phonenumbers`, its
cache of patterns switched on, which is several times its usual speed here. What we decline on purpose where it guesses
(letters among the digits, two numbers in one cell, what a spreadsheet did to a number) is counted apart. Then as
tables have them: each number fifty times, so that 2% are different. CPU seconds.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from random import Random

import phonenumbers
import pyarrow as pa
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from phonenumbers.re_util import enable_pattern_cache

from pumphouse.cleaning import col, e164
from pumphouse.cleaning.step import Cleaned, Resources
from pumphouse.cleaning.steps.phones import EXPONENT, FLOAT

NUMBERS, ROWS, BATCH_ROWS = 1_000_000, 1_000_000, 50_000
ON_PURPOSE = {
    "letters among the digits",
    "two numbers in one cell",
    "rounded by a spreadsheet: its last digits are gone",
}
KINDS = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]
SPOILT = "0123456789+-()./ xXe#,;~*A٣３\u00a0\u200b"


def main() -> None:
    enable_pattern_cache()
    numbers = int(sys.argv[1]) if len(sys.argv) > 1 else NUMBERS
    rows = generated(numbers)
    print(f"e164, {len(rows):,} different numbers of {len({region for _, region in rows}):,} regions")

    cleaner = e164(region=col.region).load(Resources())
    arrays = batches(rows)
    began = time.process_time()
    cleaned = [cleaner(*batch) for batch in arrays]
    ours = time.process_time() - began
    began = time.process_time()
    theirs = [by_the_library(*row) for row in rows]
    peer = time.process_time() - began
    print(f"  all different   {len(rows) / ours:>10,.0f} rows/s; phonenumbers {len(rows) / peer:,.0f}", end="")
    print(f"; ratio {peer / ours:.1f}   limit 3")
    compare(rows, cleaned, theirs)

    few = rows[: ROWS // 50]
    repeated = batches(Random(2).choices(few, k=ROWS))
    began = time.process_time()
    for batch in repeated:
        cleaner(*batch)
    ours = time.process_time() - began
    began = time.process_time()
    for row in few:  # each once: the peer does the same for each row again
        by_the_library(*row)
    peer = (time.process_time() - began) * ROWS / len(few)
    print(f"  2% different    {ROWS / ours:>10,.0f} rows/s; phonenumbers {ROWS / peer:,.0f}", end="")
    print(f"; ratio {peer / ours:.1f}   limit 40")


def batches(rows: list[tuple[str, str | None]]) -> list[tuple[pa.Array, dict[str, pa.Array]]]:
    """The rows as Arrow arrays, as an engine hands them over."""
    made = []
    for start in range(0, len(rows), BATCH_ROWS):
        phones, regions = zip(*rows[start : start + BATCH_ROWS], strict=True)
        made.append((pa.array(phones, pa.string()), {"region": pa.array(regions, pa.string())}))
    return made


def by_the_library(phone: str, region: str | None) -> tuple[str | None, phonenumbers.PhoneNumber | None]:
    """The number in E.164 if it is valid, and what was parsed."""
    try:
        number = phonenumbers.parse(phone, region)
    except NumberParseException:
        return None, None
    if not phonenumbers.is_valid_number(number):
        return None, number
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), number


def compare(
    rows: list[tuple[str, str | None]],
    cleaned: list[Cleaned],
    theirs: list[tuple[str | None, phonenumbers.PhoneNumber | None]],
) -> None:
    """Count what differs, and what is not compared."""
    counts: Counter[str] = Counter()
    ours = ((value, reason) for part in cleaned for value, reason in zip(
        part.values.to_pylist(), part.reasons.to_pylist(), strict=True
    ))  # fmt: skip
    for (phone, _), (value, reason), (expected, _) in zip(rows, ours, theirs, strict=True):
        if reason in ON_PURPOSE and expected:
            counts[reason] += 1
        elif FLOAT.fullmatch(phone.strip()) or EXPONENT.fullmatch(phone.strip()):
            counts["was a float"] += 1
        else:
            counts["compared"] += 1
            counts["valid"] += expected is not None
            counts["differ"] += value != expected
            if value != expected and counts["differ"] < 10:
                print("   differs:", repr(phone), value, expected, reason)
    apart = ", ".join(
        f"{name} {count:,}" for name, count in counts.items() if name not in ("compared", "valid", "differ")
    )
    print(f"  {counts['differ']:,} of {counts['compared']:,} differ, of which {counts['valid']:,} are valid   limit 0")
    print(f"  not compared, as we decline or read on purpose what it guesses at: {apart or 'none'}")


def generated(count: int) -> list[tuple[str, str | None]]:
    """That many different (number, region), the same in every run."""
    random = Random(1)
    known = sorted(phonenumbers.SUPPORTED_REGIONS)
    examples = {
        region: [
            phonenumbers.national_significant_number(example)
            for kind in KINDS
            if (example := phonenumbers.example_number_for_type(region, kind))
        ]
        for region in known
    }
    prefixes = {region: phonenumbers.ndd_prefix_for_region(region, strip_non_digits=True) or "" for region in known}
    made: dict[tuple[str, str | None], None] = {}
    while len(made) < count:
        region = random.choice(known)
        code = phonenumbers.country_code_for_region(region)
        national = changed(random.choice(examples[region]), random)
        prefix = prefixes[region]
        spaced = grouped(national, random)
        written = random.choice(
            (
                f"+{code}{national}", f"+{code} {spaced}", f"+{code} ({prefix}){spaced}", f"00{code} {spaced}",
                national,
                f"011 {code} {spaced}", prefix + national, f"{prefix}{spaced}", f"({prefix}{spaced[:3]}) {spaced[3:]}",
                f"{code}{national}", spaced, prefix + grouped(national, random, "-"), grouped(national, random, "."),
                prefix + grouped(national, random, "/"), f"+{code}-{grouped(national, random, '-')}",
                f"{spaced} x{random.randrange(10_000)}", f"tel:+{code}{national}",
            )
        )  # fmt: skip
        if random.random() < 0.25:
            written = spoilt(written, random)
        chance = random.random()
        asked = region if chance < 0.85 else random.choice(known) if chance < 0.95 else None
        made[written, asked] = None
    return list(made)


def changed(number: str, random: Random) -> str:
    """The number with other digits at its end."""
    kept = max(0, len(number) - random.randrange(8))
    return number[:kept] + "".join(random.choice("0123456789") for _ in number[kept:])


def grouped(number: str, random: Random, mark: str = " ") -> str:
    """The number with a mark between some of its digits."""
    place = random.randrange(2, 5)
    return number[:place] + mark + number[place : place + 3] + random.choice((mark, "")) + number[place + 3 :]


def spoilt(written: str, random: Random) -> str:
    """The text with a character gone, added, another or in another place."""
    place = random.randrange(len(written))
    what = random.randrange(4)
    if what == 0:
        return written[:place] + written[place + 1 :]
    if what == 1:
        return written[:place] + random.choice(SPOILT) + written[place:]
    if what == 2:
        return written[:place] + random.choice(SPOILT) + written[place + 1 :]
    return written[:place] + written[place + 1 : place + 2] + written[place : place + 1] + written[place + 2 :]


if __name__ == "__main__":
    main()
