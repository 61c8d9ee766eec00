from __future__ import annotations

import pytest

from pumphouse.declare.contracts import ColumnTerms, contract


def test_a_column_is_a_type_or_says_more():
    spec = contract("raw", columns={"a": "decimal(18, 2)", "b": {"min": 0, "one_of": [1], "optional": True}}).spec
    assert spec.columns == (
        ColumnTerms(name="a", type="DECIMAL(18,2)"),
        ColumnTerms(name="b", least=0, one_of=(1,), optional=True),
    )
    assert (spec.new, spec.missing, spec.type, spec.outside) == ("take", "stop", "quarantine", "quarantine")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"new": "drop"}, "new is answered by 'take', 'quarantine' or 'stop', not 'drop'"),
        ({"columns": {"a": {"mx": 1}}}, "column 'a' of a contract has no 'mx'. Did you mean 'max'?"),
        ({"columns": {"a": "DOUBL"}}, "column 'a' has no type 'DOUBL'. Did you mean 'DOUBLE'?"),
        ({"columns": {"a": "DECIMAL(2,3)"}}, "column 'a' has no type 'DECIMAL"),
        ({"columns": {"a": "STRUCT(n INTEGER)[]"}}, "what is nested is JSON text. ph.children makes it a table."),
        ({"columns": {"a": {"one_of": "open"}}}, "one_of of column 'a' is a list"),
        ({"columns": {"a": {"min": 2, "max": 1}}}, "has a min of 2 above its max of 1"),
        ({"columns": {"a": {"matches": "("}}}, "matches of column 'a' is no regular expression"),
    ],
)
def test_what_a_contract_can_not_mean_is_refused_where_it_stands(given, said):
    with pytest.raises(ValueError) as raised:  # noqa: PT011 (the message is looked at)
        contract("raw", **given)
    assert said in str(raised.value)
