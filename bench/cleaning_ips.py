"""How much faster a column of IP addresses gets its countries than by MaxMind's C reader, address by address.

    python bench/cleaning_ips.py

A million different addresses of version 4, as a log of visitors has them; the same with every fifth of version 6; and
20,000 different ones again and again. The peer, `maxminddb` with its C extension and the whole database in memory, is
given the same ranges in its own format (bench/peers), runs in an environment of its own (.venv/peers) and hands over a
list of countries. It knows no reserved addresses and gives no reason. CPU seconds; what differs is counted.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from random import Random

import pyarrow as pa

from pumphouse.cleaning import ip_country, ip_owner
from pumphouse.cleaning.step import Resources

ROWS, DIFFERENT, BATCH_ROWS = 1_000_000, 20_000, 50_000
HERE = Path(__file__).resolve().parent
PYTHON = HERE.parent / ".venv" / "peers" / "bin" / "python"
DATABASE = (
    HERE / "peers" / "node_modules" / "@ip-location-db" / "geo-whois-asn-country-mmdb" / "geo-whois-asn-country.mmdb"
)
PEER = """
import json, sys, time
import maxminddb
reader = maxminddb.open_database(sys.argv[1], maxminddb.MODE_MMAP_EXT)
addresses = open(sys.argv[2]).read().split("\\n")
began = time.process_time()
found = [answer["country_code"] if (answer := reader.get(address)) else None for address in addresses]
print(json.dumps([time.process_time() - began, found]))
"""


def main() -> None:
    random = Random(1)
    v4 = [str(IPv4Address(random.randrange(1 << 24, 224 << 24))) for _ in range(ROWS)]
    v6 = [
        str(IPv6Address((random.choice((0x2001, 0x2400, 0x2600, 0x2A00)) << 112) + random.getrandbits(104))) for _ in v4
    ]
    mixed = [six if place % 5 == 0 else four for place, (four, six) in enumerate(zip(v4, v6, strict=True))]
    few = random.choices(mixed[:DIFFERENT], k=ROWS)
    finder = ip_country().load(Resources())
    for name, written in (("all different, v4", v4), ("all different, a fifth v6", mixed), ("2% different", few)):
        column = [pa.array(written[start : start + BATCH_ROWS]) for start in range(0, ROWS, BATCH_ROWS)]
        began = time.process_time()
        found = [finder(batch, {}) for batch in column]
        ours = time.process_time() - began
        peer, expected = by_the_peer(written)
        answers = (
            pair for part in found for pair in zip(part.values.to_pylist(), part.reasons.to_pylist(), strict=True)
        )
        differ = sum(
            value != other
            for (value, reason), other in zip(answers, expected, strict=True)
            if reason in (None, "assigned to no country")
        )
        print(
            f"ip_country, {name}: {ROWS / ours:,.0f} rows/s; maxminddb {ROWS / peer:,.0f}; ratio {peer / ours:.1f}",
            end="",
        )
        print(f"   limit 2.5; {differ:,} countries differ")
    owner = ip_owner().load(Resources())
    column = [pa.array(mixed[start : start + BATCH_ROWS]) for start in range(0, ROWS, BATCH_ROWS)]
    began = time.process_time()
    for batch in column:
        owner(batch, {})
    print(f"ip_owner, all different, a fifth v6: {ROWS / (time.process_time() - began):,.0f} rows/s")


def by_the_peer(written: list[str]) -> tuple[float, list[str | None]]:
    """CPU seconds of its reading all, and what it found."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(written))
        file.flush()
        done = subprocess.run([PYTHON, "-c", PEER, DATABASE, file.name], check=True, capture_output=True, text=True)
    seconds, found = json.loads(done.stdout)
    return seconds, found


if __name__ == "__main__":
    main()
