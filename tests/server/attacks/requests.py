"""Attacks over HTTP itself: addresses, headers and bodies that no honest client sends."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

ROUTES = (
    "/assets/{}", "/assets/{}/diff", "/reports/{}", "/reports/{}/page.html", "/reports/countries/{}",
    "/models/{}/1/training.parquet", "/static/{}", "/api/tables/{}", "/api/tables/{}.csv", "/api/tables/{}.parquet",
    "/api/tables/{}/rows", "/api/sql.{}", "/api/search/{}?q=a", "/online/{}?id=1", "/surveys/{}",
    "/surveys/{}/withdraw", "/interviews/{}", "/trace/{}", "/{}",
)  # fmt: skip
"""Every address with a name in it."""
NAMES = (
    "../../beside.csv", "..%2f..%2fbeside.csv", "%2e%2e/%2e%2e/beside.csv", "..%5c..%5cbeside", "....//beside",
    "%252e%252e%252fbeside", "..%c0%afbeside", "%2fetc%2fpasswd", "%00", "vault_pay%00.csv", "vault_pay", "VAULT_PAY",
    "vault_pay%20", "lake.main.vault_pay", "%22vault_pay%22", "orders_a__quarantine", "orders_a%3bvault_pay",
    "'%20OR%201=1--", "%3Cscript%3E", "__ducklake_metadata_lake", "metadata.sqlite", "%ff%fe", "a" * 5_000,
)  # fmt: skip

WHERES: Mapping[str, str] = {
    "all": "true",
    "hidden rows": "country = 'XX'",
    "or": "country = 'DE' OR country = 'XX'",
    "out of brackets": "true) UNION ALL SELECT * FROM vault_pay --",
    "out of brackets and in again": "true) OR (true",
    "comment": "true --",
    "open comment": "true /*",
    "semicolon": "true; DROP TABLE orders_a",
    "union": "true UNION SELECT * FROM vault_pay",
    "order": "true ORDER BY secret_code",
    "limit": "true LIMIT 100",
    "group": "true GROUP BY ALL",
    "window": "true WINDOW w AS ()",
    "qualify": "true QUALIFY row_number() OVER () = 1",
    "sample": "true USING SAMPLE 1",
    "subquery": "order_id IN (SELECT pay FROM vault_pay)",
    "file": "note IN (SELECT content FROM read_text('/etc/passwd'))",
    "sqlite": "note IN (SELECT told FROM sqlite_scan('<sqlite>', 'secrets'))",
    "environment": "note <> getenv('PUMPHOUSE_CANARY')",
    "error of a row": "CAST(note AS INT) = 1",
    "error of a hidden row": "1 / (order_id - 15) > 0",
    "key of a hidden row": "order_id = 15",
    "key of a hidden row and an error": "order_id = 15 AND CAST(note AS INT) = 1",
    "keys of hidden rows": "order_id BETWEEN 13 AND 200",
    "masked cell": "email LIKE 'kz%' OR phone LIKE 'kz%'",
    "masked end": "phone LIKE '%07'",
    "hidden column": "secret_code LIKE 'kz%'",
    "lake's own column": "_raw LIKE 'kz%'",
    "flag of the filter": "_seen_1",
    "table's name": "rows.note <> ''",
    "other table": "vault_pay.pay = 1",
    "case": "CASE WHEN order_id > 12 THEN CAST('a' AS INT) ELSE 1 END = 1",
    "try": "TRY_CAST(code AS INT) IS NULL",
    "zero byte": "true\0) OR (true",
    "parameter": "order_id = ?",
    "setting": "note = $vault_pay",
    "star": "COLUMNS(*) IS NOT NULL",
    "many brackets": "(" * 2_000 + "true" + ")" * 2_000,
    "many ors": "true" + " OR true" * 900,
    "signs in a row": "order_id = " + "+" * 5_000 + "1",
    "many comments": "true" + "/**/" * 1_500,
    "nothing": "",
}  # fmt: skip
"""Conditions of the address of rows, each asked in both worlds."""
ADDRESSES: Mapping[str, str] = {
    "select": "select=secret_code",
    "select of a flag": "select=_seen_1",
    "select of SQL": "select=order_id,(SELECT max(pay) FROM vault_pay)",
    "select out of quotes": 'select="order_id"" FROM vault_pay --"',
    "order": "order=secret_code",
    "order of SQL": "order=order_id;DROP TABLE orders_a",
    "order down": "order=-secret_code",
    "order out of quotes": 'order="note"" , (SELECT 1)"',
    "limit": "limit=1 UNION SELECT 1",
    "negative limit": "limit=-1",
    "endless limit": "limit=99999999999999999999999",
    "digits of another script": "limit=\u0663",
    "offset": "offset=1;2",
    "snapshot": "snapshot=-1",
    "snapshot to come": "snapshot=999999",
    "snapshot before there was any": "snapshot=0",
    "parameter of nothing": "token=a&debug=1",
    "parameter twice": "limit=1&limit=2",
    "columns of the format": "text=raw&encoding=/etc/passwd",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it goes over the wire, and the statuses that may answer it; 0 is the end of the connection."""

    method: str = "GET"
    target: str = "/api/tables"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    statuses: tuple[int, ...] = (400,)


JSON = {"Content-Type": "application/json"}
_BOMB = b'{"sql": "' + b"a" * 50_000_000 + b'"}'


def sql(body: bytes, *statuses: int, **headers: str) -> Sent:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent(method="POST", target="/api/sql", headers={**JSON, **named}, body=body, statuses=statuses or (400,))


REQUESTS: Mapping[str, Sent] = {
    # whose host it is
    "another host": Sent(headers={"Host": "evil.example"}, statuses=(200,)),
    "no host": Sent(headers={"Host": ""}, statuses=(200, 400)),
    "host with a path": Sent(headers={"Host": "evil.example/api/sql.csv?"}, statuses=(200, 400)),
    "host of a proxy": Sent(headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-For": "::1"}, statuses=(200,)),
    "address of a proxy": Sent(target="/catalog", headers={"X-Original-URL": "/api/tables"}, statuses=(200,)),
    "absolute address": Sent(target="http://evil.example/api/tables", statuses=(200, 400, 404)),
    # too much
    "a long header": Sent(headers={"X-Long": "a" * 1_000_000}, statuses=(0, 400, 431)),
    "a long cookie": Sent(headers={"Cookie": "a=" + "b" * 900_000}, statuses=(0, 400, 431)),
    "many headers": Sent(headers={f"X-{n}": "a" for n in range(5_000)}, statuses=(0, 400, 431)),
    "a long token": Sent(headers={"Authorization": "Bearer " + "a" * 100_000}, statuses=(401,)),
    "a long address": Sent(target="/api/tables/" + "a" * 60_000, statuses=(0, 404, 414)),
    "many parameters": Sent(target="/api/tables?" + "a=1&" * 10_000, statuses=(400, 414)),
    "a large body": sql(b'{"sql": "' + b"a" * 70_000 + b'"}', 400, 413),
    "a huge body": sql(b'{"sql": "' + b"a" * 5_000_000 + b'"}', 413, 0),
    "a body that is said to be huge": sql(b"{}", 0, 400, 413, Content_Length="999999999999"),
    "a body of less than nothing": sql(b"{}", 0, 400, Content_Length="-1"),
    "a gzip bomb": sql(gzip.compress(_BOMB), 400, Content_Encoding="gzip"),
    "a gzip bomb in a gzip bomb": sql(gzip.compress(gzip.compress(_BOMB)), 400, Content_Encoding="gzip, gzip"),
    "a zlib bomb": sql(zlib.compress(_BOMB), 400, Content_Encoding="deflate"),
    # what is no JSON
    "deep JSON": sql(b'{"sql": ' + b"[" * 30_000 + b"]" * 30_000 + b"}"),
    "deep objects": sql(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "deep values": sql(b'{"sql": "SELECT ?", "parameters": ' + b"[" * 900 + b"]" * 900 + b"}", 200, 400),
    "deeper values": sql(b'{"sql": "SELECT ?", "parameters": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "deep objects as values": sql(
        b'{"sql": "SELECT ?", "parameters": [' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"]}", 200, 400
    ),
    "a number of many digits": sql(b'{"sql": "SELECT ?", "parameters": [' + b"9" * 60_000 + b"]}", 200, 400),
    "a number without an end": sql(b'{"sql": "SELECT ?", "parameters": [1e999999]}', 200, 400),
    "a limit of SQL": sql(b'{"sql": "SELECT 1", "limit": "1; DROP TABLE orders_a"}'),
    "a limit below nothing": sql(b'{"sql": "SELECT 1", "limit": -1}'),
    "a limit beyond numbers": sql(b'{"sql": "SELECT 1", "limit": 99999999999999999999}'),
    "out of a limit": sql(b'{"sql": "SELECT 1 AS a) UNION ALL (SELECT 2", "limit": 1}', 200, 400),
    "a comment before a limit": sql(b'{"sql": "SELECT 1 AS a --", "limit": 1}', 200),
    "a snapshot of text": sql(b'{"sql": "SELECT 1", "snapshot": "x"}'),
    "a field that is not there": sql(b'{"sql": "SELECT 1", "door": "cli", "visitor": "ada"}'),
    "no object": sql(b'["SELECT 1"]'),
    "broken UTF-8": sql(b'{"sql": "SELECT \'\xff\xfe\'"}'),
    "half a letter": sql(b'{"sql": "SELECT \'\\ud800\'"}', 200, 400),
    "a zero byte": sql(b'{"sql": "SELECT order_id FROM orders_a\\u0000 WHERE false"}'),
    "nothing": sql(b""),
    # not JSON to begin with, as a form of another site would send it
    "a form": sql(b"sql=SELECT+1", Content_Type="application/x-www-form-urlencoded"),
    "plain text": sql(b'{"sql": "SELECT 1"}', Content_Type="text/plain"),
    "a form of parts": sql(b"--a\r\n\r\n--a--", Content_Type="multipart/form-data; boundary=a"),
    "XML": sql(b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', Content_Type="application/xml"),
    # methods
    "TRACE": Sent(method="TRACE", target="/api/sql", statuses=(0, 400, 404, 405, 501)),
    "PUT": Sent(method="PUT", target="/api/tables/orders_a", statuses=(404, 405)),
    "DELETE": Sent(method="DELETE", target="/api/tables/orders_a", statuses=(404, 405)),
    "PATCH": Sent(method="PATCH", target="/api/tables/orders_a/rows", statuses=(404, 405)),
    "OPTIONS": Sent(
        method="OPTIONS", target="/api/sql", statuses=(403,),
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    ),
    "a method by another name": Sent(
        method="GET", target="/api/sql?sql=SELECT+1", headers={"X-HTTP-Method-Override": "DELETE"}, statuses=(200,)
    ),
    "a method of our own": Sent(method="STEAL", target="/api/tables", statuses=(0, 400, 404, 405)),
    # asked for in ways that could confuse
    "format of a file": Sent(target="/api/sql.sqlite?sql=SELECT+1", statuses=(400, 404)),
    "sql twice": Sent(target="/api/sql?sql=SELECT+1&sql=SELECT+2"),
    "accepts a script": Sent(
        target="/api/sql?sql=SELECT+1", headers={"Accept": "application/javascript"}, statuses=(406,)
    ),
    "callback": Sent(target="/api/sql?sql=SELECT+1&callback=steal"),
    "a range of bytes": Sent(target="/api/tables", headers={"Range": "bytes=0-0,-1," * 500 + "0-"}, statuses=(200,)),
    "a tag of somebody else": Sent(
        target="/api/tables/countries/rows", headers={"If-None-Match": '"a", ' * 1_000 + '"b"'}, statuses=(200,)
    ),
    "an upgrade": Sent(
        target="/api/tables", headers={"Connection": "Upgrade", "Upgrade": "h2c"}, statuses=(0, 101, 200, 400)
    ),
}  # fmt: skip


RAW: Mapping[str, bytes] = {
    "two lengths": b"POST /api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length and chunks": (
        b"POST /api/sql HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\nGET /api/tables HTTP/1.1\r\nHost: a\r\n\r\n"
    ),
    "a chunk of less than nothing": (
        b"POST /api/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n"
    ),
    "a chunk of everything": (
        b"POST /api/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n"
    ),
    "chunks in disguise": (
        b"POST /api/sql HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
    ),
    "a folded header": b"GET /api/tables HTTP/1.1\r\nHost: a\r\nX: b\r\n Authorization: Bearer c\r\n\r\n",
    "a space before the colon": b"GET /api/tables HTTP/1.1\r\nHost : a\r\n\r\n",
    "no version": b"GET /api/tables\r\n\r\n",
    "a version to come": b"GET /api/tables HTTP/9.9\r\nHost: a\r\n\r\n",
    "a line without an end": b"GET /" + b"a" * 500_000,
    "zero bytes": b"\0" * 1_000,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 500,
    "PostgreSQL": b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
}  # fmt: skip
"""What is no request, or two; nobody signed in sends it."""
