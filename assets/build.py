"""Fetches what Pumphouse carries from npm and lays it into the package, where git ignores it and a wheel includes it.

    python assets/build.py

npm checks each package against its hash in package-lock.json and runs no script of theirs. From them come

- server/static/: the survey form, the chart runtime and htmx as one minified file each, and their licences;
- cleaning/data/ip_country.npz: which country an IP address was assigned to, as sorted ranges that do not overlap;
- cleaning/data/ip_owner.npz: which network announces it, the same way, and who runs that;
- a .version beside each: `name@version` of the package those ranges come from, for fingerprints; and its .license.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FETCHED = HERE / "node_modules"
PACKAGE = HERE.parent / "src" / "pumphouse"
STATIC = PACKAGE / "server" / "static"
IP_COUNTRY = PACKAGE / "cleaning" / "data" / "ip_country.npz"
IP_COUNTRY_VERSION = IP_COUNTRY.with_suffix(".version")
IP_OWNER = IP_COUNTRY.with_name("ip_owner.npz")

IP_PACKAGE = "@ip-location-db/geo-whois-asn-country"
OWNER_PACKAGE = "@ip-location-db/asn"
COPIED = [
    "survey-core/survey.core.min.js",
    # The default style sheet loads web fonts from a stranger's server; this one does not.
    "survey-core/survey-core.fontless.min.css",
    "survey-js-ui/survey-js-ui.min.js",
    "htmx.org/dist/htmx.min.js",
    "vega/build/vega.min.js",
    "vega-lite/build/vega-lite.min.js",
    "vega-embed/build/vega-embed.min.js",
]
LICENSES = STATIC / "LICENSES.txt"


def build() -> None:
    """Everything fetched and laid out. The version file is written last: it stands only where all the rest does."""
    fetch()
    STATIC.mkdir(parents=True, exist_ok=True)
    for file in COPIED:
        shutil.copyfile(FETCHED / file, STATIC / Path(file).name)
    LICENSES.write_text(licenses(), encoding="utf-8")
    IP_COUNTRY.parent.mkdir(parents=True, exist_ok=True)
    write_ip_owner()
    terms = ["ROUTEVIEWS-LICENSE", "DBIP-LICENSE", "NRO_LICENSE", "MODIFICATIONS"]
    written = [(FETCHED / OWNER_PACKAGE / name).read_text(encoding="utf-8").strip() for name in terms]
    changed = "Changed here: laid out as arrays, overlapping ranges flattened, neighbours of one network joined."
    IP_OWNER.with_suffix(".license").write_text("\n\n".join([*written, changed]) + "\n", encoding="utf-8")
    IP_OWNER.with_suffix(".version").write_text(package_version(OWNER_PACKAGE), encoding="utf-8")
    write_ip_country()
    shutil.copyfile(FETCHED / IP_PACKAGE / "NRO_LICENSE", IP_COUNTRY.with_suffix(".license"))
    IP_COUNTRY_VERSION.write_text(package_version(IP_PACKAGE), encoding="utf-8")


def is_built() -> bool:
    """Whether every file that `build` makes is there."""
    made = [LICENSES, IP_OWNER.with_suffix(".version"), IP_COUNTRY_VERSION]
    return all(file.exists() for file in [*(STATIC / Path(file).name for file in COPIED), *made])


def fetch() -> None:
    """The packages of package-lock.json, in node_modules/."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(
            "npm is missing, and the browser parts and the IP data come from it. Install it: apt-get install npm"
        )
    subprocess.run([npm, "ci", "--ignore-scripts", "--loglevel=error"], cwd=HERE, check=True, stdout=subprocess.DEVNULL)


def manifest(package: Path) -> Any:  # Any: JSON
    """What a fetched package says of itself."""
    return json.loads((package / "package.json").read_text(encoding="utf-8"))


def package_version(name: str) -> str:
    """A fetched package as `name@version`, and a line's end."""
    return f"{name}@{manifest(FETCHED / name)['version']}\n"


def licenses() -> str:
    """One text with the licence of every fetched package: a minified file holds those it was bundled from as well."""
    locked = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    parts = []
    for folder in filter(None, sorted(locked)):
        package = manifest(HERE / folder)
        texts = sorted(file for file in (HERE / folder).iterdir() if "LICENSE" in file.name.upper() and file.is_file())
        if package["name"].startswith("survey-"):
            texts.append(HERE / "survey-license.txt")  # their packages only name it
        parts.append(f"{package['name']} {package['version']}: {package['license']}")
        parts += [file.read_text(encoding="utf-8").strip() for file in texts]
    return "\n\n".join(parts) + "\n"


def write_ip_country() -> None:
    """`ip_country.npz`: for v4 and for v6 three arrays, sorted by start, of ranges that hold both their ends.

    v4_start and v4_end are uint32; v6_start and v6_end are 16 bytes, big end first (numpy orders them as they are, and
    cuts trailing zeros off one that is taken out); v4_country and v6_country are two letters. So `searchsorted` over
    the starts, then a look at the end, finds an address's country, or that nobody has it.
    """
    import numpy as np

    v4 = flatten([(start, end, country) for start, end, country in read_ranges(IP_PACKAGE, "ipv4")])
    v6 = flatten([(start, end, country) for start, end, country in read_ranges(IP_PACKAGE, "ipv6")])
    np.savez_compressed(
        IP_COUNTRY,
        v4_start=np.array([start for start, _, _ in v4], dtype=np.uint32),
        v4_end=np.array([end for _, end, _ in v4], dtype=np.uint32),
        v4_country=np.array([country for _, _, country in v4], dtype="S2"),
        v6_start=np.array([start.to_bytes(16, "big") for start, _, _ in v6], dtype="S16"),
        v6_end=np.array([end.to_bytes(16, "big") for _, end, _ in v6], dtype="S16"),
        v6_country=np.array([country for _, _, country in v6], dtype="S2"),
    )


def write_ip_owner() -> None:
    """`ip_owner.npz`: ranges as in `ip_country.npz`, with v4_owner and v6_owner, places in the list of networks.

    Of each network that list has its number, `asn`, and in `name` who runs it: UTF-8, a line's end between two.
    """
    import numpy as np

    owners: dict[tuple[str, str], str] = {}
    flat = {}
    for family, size in (("ipv4", 4), ("ipv6", 16)):
        rows = read_ranges(OWNER_PACKAGE, family)
        flat[size] = flatten(
            [
                (start, end, owners.setdefault((asn, " ".join(name.split())), str(len(owners))))
                for start, end, asn, name in rows
            ]
        )
    np.savez_compressed(
        IP_OWNER,
        v4_start=np.array([start for start, _, _ in flat[4]], dtype=np.uint32),
        v4_end=np.array([end for _, end, _ in flat[4]], dtype=np.uint32),
        v4_owner=np.array([int(owner) for _, _, owner in flat[4]], dtype=np.int32),
        v6_start=np.array([start.to_bytes(16, "big") for start, _, _ in flat[16]], dtype="S16"),
        v6_end=np.array([end.to_bytes(16, "big") for _, end, _ in flat[16]], dtype="S16"),
        v6_owner=np.array([int(owner) for _, _, owner in flat[16]], dtype=np.int32),
        asn=np.array([int(asn) for asn, _ in owners], dtype=np.int64),
        name=np.frombuffer("\n".join(name for _, name in owners).encode(), dtype=np.uint8),
    )


def read_ranges(package: str, family: str) -> list[Any]:  # Any: as many columns as the package has
    """A package's ranges of one address family, as it has them: (first, last, what it says of them ...)."""
    path = FETCHED / package / f"{package.rpartition('/')[2]}-{family}-num.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [(int(start), int(end), *said) for start, end, *said in csv.reader(file)]


def flatten(ranges: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The same assignments as ascending ranges that do not overlap: where several hold an address, the smallest is the
    most specific and wins; of two equal ones, the later row. Neighbours of one country become one range.

    >>> flatten([(0, 9, "AU"), (2, 3, "CN"), (20, 29, "AU")])
    [(0, 1, 'AU'), (2, 3, 'CN'), (4, 9, 'AU'), (20, 29, 'AU')]
    """
    edges = sorted({edge for start, end, _ in ranges for edge in (start, end + 1)})
    cell_of = {edge: cell for cell, edge in enumerate(edges)}
    owners = [""] * len(edges)  # of the addresses from this edge up to the next; "" is nobody
    for start, end, country in sorted(ranges, key=lambda row: row[0] - row[1]):  # the widest first, to be painted over
        first, last = cell_of[start], cell_of[end + 1]
        owners[first:last] = [country] * (last - first)
    flat: list[tuple[int, int, str]] = []
    for start, after, country in zip(edges, edges[1:], owners, strict=False):
        if flat and flat[-1][1] == start - 1 and flat[-1][2] == country:
            flat[-1] = (flat[-1][0], after - 1, country)
        elif country:
            flat.append((start, after - 1, country))
    return flat


if __name__ == "__main__":
    build()
