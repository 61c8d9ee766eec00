"""What assets/build.py lays into the package: browser parts that fit each other, and which country an IP is of."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
import zipfile
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace

import altair as alt
import numpy as np
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

REPOSITORY = Path(__file__).resolve().parent.parent


build = SimpleNamespace(**runpy.run_path(str(REPOSITORY / "assets" / "build.py")))
PINNED = json.loads((REPOSITORY / "assets" / "package.json").read_text(encoding="utf-8"))["dependencies"]


@pytest.fixture(scope="module")
def ip_country() -> dict[str, np.ndarray]:
    with np.load(build.IP_COUNTRY) as arrays:
        return dict(arrays)


def country_of(address: str, arrays: dict[str, np.ndarray]) -> str | None:
    ip = ip_address(address)
    wanted = np.uint32(int(ip)) if ip.version == 4 else np.bytes_(ip.packed)
    starts, ends, countries = (arrays[f"v{ip.version}_{column}"] for column in ("start", "end", "country"))
    position = int(np.searchsorted(starts, wanted, side="right")) - 1
    return countries[position].decode() if position >= 0 and wanted <= ends[position] else None


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("8.8.8.8", "US"),
        ("130.149.7.201", "DE"),  # Technische Universität Berlin
        ("133.11.0.1", "JP"),  # University of Tokyo
        ("2001:4860:4860::8888", "US"),
        ("2001:638:208::1", "DE"),  # the German research network
        ("10.0.0.1", None),
        ("0.0.0.0", None),
        ("255.255.255.255", None),
        ("::1", None),
        ("fe80::1", None),
    ],
)
def test_address_has_the_country_it_was_assigned_to(
    address: str, country: str | None, ip_country: dict[str, np.ndarray]
) -> None:
    assert country_of(address, ip_country) == country


@pytest.mark.parametrize("family", ["v4", "v6"])
def test_ranges_ascend_and_do_not_overlap(family: str, ip_country: dict[str, np.ndarray]) -> None:
    starts, ends = ip_country[f"{family}_start"], ip_country[f"{family}_end"]
    assert len(starts) > 100_000
    assert bool(np.all(starts <= ends))
    assert bool(np.all(ends[:-1] < starts[1:]))


RANGES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12), st.sampled_from(["AU", "CN", "JP"])).map(
        lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2])
    )
)


@given(RANGES)
def test_the_smallest_range_that_holds_an_address_wins_then_the_later_row(ranges: list[tuple[int, int, str]]) -> None:
    flat = build.flatten(ranges)
    for address in range(60):
        holding = [
            (end - start, -row, country) for row, (start, end, country) in enumerate(ranges) if start <= address <= end
        ]
        expected = [min(holding)[2]] if holding else []
        assert [country for start, end, country in flat if start <= address <= end] == expected


def test_version_names_the_pinned_package() -> None:
    for package, version in (
        (build.IP_PACKAGE, build.IP_COUNTRY_VERSION),
        (build.OWNER_PACKAGE, build.IP_OWNER.with_suffix(".version")),
    ):
        assert version.read_text(encoding="utf-8") == f"{package}@{PINNED[package]}\n"


def test_the_terms_of_who_owns_a_network_name_all_whose_data_it_is() -> None:
    terms = build.IP_OWNER.with_suffix(".license").read_text(encoding="utf-8")
    assert all(source in terms for source in ("routeviews.org", "DB-IP.com", "nro.net", "Changed here"))


def test_survey_libraries_are_of_one_version() -> None:
    assert PINNED["survey-core"] == PINNED["survey-js-ui"]


def test_charts_on_a_page_are_drawn_by_the_versions_that_draw_them_on_paper() -> None:
    assert alt.SCHEMA_VERSION.removeprefix("v") == PINNED["vega-lite"]
    assert vl_convert.get_vega_version() == PINNED["vega"]
    assert vl_convert.get_vega_embed_version() == PINNED["vega-embed"]


def test_style_sheet_loads_nothing_from_elsewhere() -> None:
    css = (build.STATIC / "survey-core.fontless.min.css").read_text(encoding="utf-8")
    assert "@font-face" not in css
    assert "@import" not in css
    assert "url(http" not in css


def test_lock_holds_a_hash_and_no_address_for_each_package() -> None:
    packages = json.loads((REPOSITORY / "assets" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    del packages[""]
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


def test_wheel_carries_what_was_built(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"pumphouse/server/static/{Path(file).name}" for file in build.COPIED} <= names
    assert "pumphouse/server/static/LICENSES.txt" in names
    assert {f"pumphouse/cleaning/data/ip_country.{ending}" for ending in ("npz", "version", "license")} <= names
    assert not [name for name in names if "node_modules" in name]
