"""How fast shorthand is written out by a dictionary of 10,000 entries, against flashtext2 in the same run.

    python bench/cleaning_shorthand.py [FOLDER] [PEER_PYTHON]

The texts are messages of people, all different: those of sms_messages.tsv in FOLDER with some of their words changed
for others, or, without it, texts of made-up words that are as frequent as words are. The dictionary has words and pairs
of words that stand in the texts, and for the rest what nobody writes. flashtext2 is written in Rust, and is given the
texts as Python's; Pumphouse is given an Arrow array, and gives one. Times are of the processor, of one thread. Printed
besides is how many hard texts each gets right.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pyarrow as pa

from pumphouse.cleaning.dictionaries.files import parse_dictionary
from pumphouse.cleaning.steps.shorthand import ExpandTexts

TEXTS, ENTRIES, ROUNDS = 500_000, 10_000, 2
PEER = """
import json, sys, time
from flashtext2 import KeywordProcessor
given = json.load(open(sys.argv[1]))
processor = KeywordProcessor(case_sensitive=False)
for shorthand, expansion in given["entries"]:
    processor.add_keyword(shorthand, expansion)
seconds = []
for _ in range(given["rounds"]):
    started = time.process_time()
    for text in given["texts"]:
        processor.replace_keywords(text)
    seconds.append(time.process_time() - started)
hard = KeywordProcessor(case_sensitive=False)
for shorthand, expansion in given["hard_entries"]:
    hard.add_keyword(shorthand, expansion)
print(json.dumps({"seconds": seconds, "hard": [hard.replace_keywords(text) for text in given["hard"]]}))
"""
HARD_ENTRIES = [
    ("u", "you"), ("us", "the team"), ("US", "United States"), ("東京", "Tokyo"), ("c", "see"), ("br", "best regards"),
    ("amp", "ampere"), ("tag", "label"), ("i", "me"), ("cafe\u0301", "coffee"),
]  # fmt: skip
HARD = {
    "İstanbul": "İstanbul",
    "u.s.": "u.s.",
    "US and us": "United States and the team",
    "C++11": "C++11",
    "東京都": "東京都",
    "caf\u00e9": "coffee",
    "a<br>b": "a<br>b",
    "x &amp; y": "x &amp; y",
    "#tag @tag": "#tag @tag",
}


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/nowhere")
    peer = sys.argv[2] if len(sys.argv) > 2 else ".venv/peers/bin/python"
    random = Random(1)
    seeds = messages(folder) or made_up(random)
    texts = varied(seeds, random)
    entries = chosen(seeds, random)

    lines = "".join(f'"{shorthand}","{expansion}"\n' for shorthand, expansion in entries)
    started = time.process_time()
    dictionary = parse_dictionary(f"shorthand,expansion\n{lines}", file="bench.csv")
    loading_s = time.process_time() - started

    pa.set_cpu_count(1)
    column, expander = pa.array(texts), ExpandTexts(dictionary)
    ours = []
    for _ in range(ROUNDS):
        started = time.process_time()
        cleaned = expander(column, {})
        ours.append(time.process_time() - started)
    changed = sum(a != b for a, b in zip(texts, cleaned.values.to_pylist(), strict=True))

    given = {"texts": texts, "entries": entries, "rounds": ROUNDS, "hard": list(HARD), "hard_entries": HARD_ENTRIES}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(given, file)
        file.flush()
        found = json.loads(subprocess.check_output([peer, "-c", PEER, file.name]))
    theirs = found["seconds"]

    hard_lines = "".join(f'"{shorthand}","{expansion}"\n' for shorthand, expansion in HARD_ENTRIES)
    hard = parse_dictionary(f"shorthand,expansion\n{hard_lines}", file="hard.csv")
    right = sum(hard.expand(text) == wanted for text, wanted in HARD.items())
    right_there = sum(text == wanted for text, wanted in zip(found["hard"], HARD.values(), strict=True))

    print(f"expand, {TEXTS:,} different texts, {len(entries):,} entries (loaded and checked in {loading_s:.2f} s),")
    print(f"{changed / TEXTS:.0%} of the texts changed: {TEXTS / ours[0]:,.0f} texts/s;", end=" ")
    print(f"flashtext2 {TEXTS / theirs[0]:,.0f}; ratio {theirs[0] / ours[0]:.2f}, at least 1, aim 1.5;", end=" ")
    print(f"with the words of the texts known {TEXTS / ours[1]:,.0f}, ratio {theirs[1] / ours[1]:.2f}")
    print(f"hard texts right: {right} of {len(HARD)}; flashtext2 {right_there}")


def messages(folder: Path) -> list[str]:
    file = folder / "sms_messages.tsv"
    return [line.split("\t", 1)[-1] for line in file.read_text("utf-8").splitlines()[1:]] if file.exists() else []


def made_up(random: Random) -> list[str]:
    words = sorted({"".join(random.choices("etaoinshrdlu", k=random.randint(1, 9))) for _ in range(12_000)})
    random.shuffle(words)
    frequent = [1 / place for place in range(1, len(words) + 1)]  # as Zipf found words to be
    return [" ".join(random.choices(words, frequent, k=random.randint(4, 28))) + "." for _ in range(5_500)]


def varied(seeds: list[str], random: Random) -> list[str]:
    words = sorted({word for text in seeds for word in text.split()})
    texts: dict[str, None] = {}
    while len(texts) < TEXTS:
        pieces = random.choice(seeds).split(" ")
        for _ in range(max(1, len(pieces) // 6)):
            pieces[random.randrange(len(pieces))] = random.choice(words)
        texts[" ".join(pieces)] = None
    return list(texts)


def chosen(seeds: list[str], random: Random) -> list[tuple[str, str]]:
    """Entries whose expansions no other one expands: they are of words that nobody writes."""
    plain = [[word for word in text.lower().split() if word.isascii() and word.isalpha()] for text in seeds]
    words = [word for word, _ in Counter(word for text in plain for word in text).most_common()]
    pairs = Counter(" ".join(pair) for text in plain for pair in pairwise(text)).most_common(3_000)
    shorthands = dict.fromkeys([*random.sample(words[200:], 1_500), *(pair for pair, _ in pairs[500::3])])
    letters = "bcdfghjklmnpqrstvwxyz"
    while len(shorthands) < ENTRIES:
        made = "".join(random.choices(letters, k=random.randint(3, 6)))
        shorthands[made + (" " + "".join(random.choices(letters, k=3)) if random.random() < 0.2 else "")] = None
    return [(one, f"{one.replace(' ', '')}-full written-out") for one in shorthands]


if __name__ == "__main__":
    main()
