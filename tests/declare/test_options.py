"""What a declaration has no such option for is refused at once, with what may have been meant."""

from __future__ import annotations

import pytest

from pumphouse.declare.databases import database
from pumphouse.declare.files import files
from pumphouse.declare.messages import messages
from pumphouse.declare.websites import website
from pumphouse.errors import ConfigError


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: files("a.csv", time={"evnt": "at"}), "time has no 'evnt'. Did you mean 'event'?"),
        (lambda: database("db", tables={"a": {"kye": "id"}}), "database table 'a' has no 'kye'. Did you mean 'key'?"),
        (
            lambda: database("db", tables={"a": {"colour": 1}}),
            "There are cursor, deletes, doc, every",
        ),
        (lambda: messages({"a": {"keys": "id"}}), "stream 'a' has no 'keys'. Did you mean 'key'?"),
        (lambda: files("a.dat", format="csv"), "format of files is 'csv', a word. Leave it out"),
        (lambda: website("site", item={"a": "b"}, bounds={"pages": 3}), "have no 'pages'. Did you mean 'pages_max'?"),
    ],
)
def test_an_option_that_is_none_is_refused_when_it_is_declared(declare, said):
    with pytest.raises(ConfigError) as refused:
        declare()
    assert said in " ".join(str(refused.value).split())
