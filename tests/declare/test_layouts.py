"""What a layout says, and what is refused when it is declared."""

from __future__ import annotations

import re

import pytest

from pumphouse.declare.files import files
from pumphouse.declare.layouts import Partition, TableLayout, layout_of


def test_columns_are_given_as_one_or_as_several():
    layout = layout_of({"sort_by": "opened_at", "partition_by": ["year(opened_at)", "country"]})
    assert layout == TableLayout(
        sort_by=("opened_at",), partition_by=(Partition(column="opened_at", unit="year"), Partition(column="country"))
    )
    assert [str(one) for one in layout.partition_by] == ["year(opened_at)", "country"]
    assert layout_of(None) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sort": "a"}, "a layout has no 'sort'. Did you mean 'sort_by'?"),
        ({"partition_by": "week(a)"}, "hour, day, month or year(<column>), not 'week(a)'"),
        ({"sort_by": 3}, "sort_by of a layout is a column or a list of columns, not 3"),
        ({}, "a layout without any column says nothing"),
        ("opened_at", 'a layout is {"sort_by"'),
    ],
)
def test_what_means_nothing_is_refused(given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        files("a.csv", layout=given)
