"""Declared APIs against servers that others wrote: Datasette, and graphql-core."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from urllib.request import urlopen

import msgspec
import pytest
from tests.sources.conftest import json_reply

from pumphouse.declare.apis import api
from pumphouse.errors import SourceError
from pumphouse.lake.context import Connection

ROWS = [
    (number, f"name {number}", number / 4, None if number % 3 else f"2024-01-{number % 28 + 1:02}")
    for number in range(1, 251)
]


@pytest.fixture(scope="session")
def datasette(tmp_path_factory):
    """The address of a database that Datasette serves: 250 people."""
    folder = tmp_path_factory.mktemp("datasette")
    with closing(sqlite3.connect(folder / "shop.db")) as db, db:
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, score REAL, born TEXT)")
        db.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", ROWS)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "datasette", str(folder / "shop.db"), "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        try:
            for _ in range(300):
                try:
                    urlopen(f"http://127.0.0.1:{port}/-/versions.json", timeout=5).close()
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                raise AssertionError(server.stderr.read().decode())
            yield f"http://127.0.0.1:{port}/shop"
        finally:
            server.terminate()


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (
            "/people.json",
            {"params": {"_shape": "objects", "_size": 60}, "records": "rows", "pages": {"next": "next_url"}},
        ),
        ("/people.json", {"params": {"_shape": "array", "_size": 60}, "pages": {"link": "next"}}),
        (
            "/people.json",
            {
                "params": {"_shape": "objects", "_size": 60},
                "records": "rows",
                "pages": {"cursor": "next", "param": "_next"},
            },
        ),
        ("/people.json", {"params": {"_shape": "object", "_size": 1000}, "records": {"id": "row"}}),
        ("/people.csv", {"params": {"_stream": "on", "_size": "max"}, "format": "csv"}),
    ],
    ids=["next", "link", "cursor", "by id", "csv"],
)
def test_datasette_is_read_whichever_way_it_pages(works, datasette, path, options):
    works.connections["shop"] = Connection(name="shop", url=datasette, options={"tries": 2})
    made = works.asset(api("shop", path, key="id", time={"event": "born"}, **options))
    works.run(made)
    assert works.rows("raw", "id, name, score, born::VARCHAR", order="id") == ROWS
    before = works.rows("raw", "*, _raw, _loaded_at", order="id")
    works.run(made, mode="full")
    assert works.rows("raw", "*, _raw, _loaded_at", order="id") == before
    assert works.run(made).snapshot is None


QUERY = """query($after: String, $since: Int) {
  orders(first: 2, after: $after, since: $since) { edges { node { id cents } } pageInfo { endCursor hasNextPage } }
}"""


def test_graphql_connections_are_followed_and_errors_are_errors(works, world):
    graphql = pytest.importorskip("graphql")
    schema = graphql.build_schema(
        "type Query { orders(first: Int!, after: String, since: Int): Orders }"
        " type Orders { edges: [Edge!]! pageInfo: PageInfo! } type Edge { node: Order! }"
        " type Order { id: Int! cents: Int! } type PageInfo { endCursor: String hasNextPage: Boolean! }"
    )

    def orders(info, *, first, after=None, since=0):
        here = [number for number in range(1, 6) if number > max(int(after or 0), since or 0)]
        page = here[:first]
        return {
            "edges": [{"node": {"id": number, "cents": number * 10}} for number in page],
            "pageInfo": {"endCursor": str(page[-1]) if page else None, "hasNextPage": len(here) > first},
        }

    def reply(target):
        asked = msgspec.json.decode(world.sent[-1])
        done = graphql.graphql_sync(schema, asked["query"], {"orders": orders}, variable_values=asked["variables"])
        return json_reply(done.formatted)

    world.replies["/graphql"] = reply
    works.connections["shop"] = Connection(name="shop", url=world.url, options={"tries": 1})
    options = {"records": "data.orders.edges.node", "pages": {"connection": "data.orders"}}
    made = works.asset(
        api("shop", "/graphql", graphql=QUERY, params={"since": "$cursor"}, key="id", cursor="id", **options)
    )
    works.run(made)
    assert works.rows() == [(number, number * 10) for number in range(1, 6)]
    assert [msgspec.json.decode(sent)["variables"] for sent in world.sent] == [{}, {"after": "2"}, {"after": "4"}]
    assert works.run(made).note == "nothing new"
    assert msgspec.json.decode(world.sent[-1])["variables"] == {"since": 5}
    works.run(made, mode="full")
    assert len(works.rows()) == 5
    wrong = works.asset(api("shop", "/graphql", graphql=QUERY.replace("cents", "euros"), **options))
    with pytest.raises(SourceError, match=r"answered with errors: .*Cannot query field 'euros'"):
        works.run(wrong, mode="refetch")


def test_graphql_errors_beside_data_are_errors(idle, world):
    world.replies["/graphql"] = json_reply({"data": {"orders": []}, "errors": [{"message": "half of it timed out"}]})
    idle.connections["shop"] = Connection(name="shop", url=world.url, options={"tries": 1})
    with pytest.raises(SourceError, match="/graphql answered with errors: 'half of it timed out'"):
        idle.run(idle.asset(api("shop", "/graphql", graphql="{ orders { id } }", records="data.orders")))
    assert world.sent == [b'{"query":"{ orders { id } }","variables":{}}']
