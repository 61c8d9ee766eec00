from __future__ import annotations

import datetime as dt

import pytest

from pumphouse.declare.formats import access_log
from pumphouse.errors import ConfigError, SourceError

COMMON = b'192.0.2.1 - ann [17/May/2015:10:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 12\n'
COMBINED = COMMON[:-1] + b' "http://a.example/" "Mozilla/5.0 (\\"x\\")"\r\n'
AT = dt.datetime(2015, 5, 17, 8, 5, 3, tzinfo=dt.UTC)


def columns(came, *names):
    return [tuple(dict(zip(came.types, row, strict=True))[name] for name in names) for row in came.rows]


def test_common_and_combined_lines_become_typed_columns(desk):
    odd = b'::1 - - [29/Feb/2016:00:00:00 -0130] "\\x16\\x03\\x01" 400 - "-" "-"\n'
    came = desk.read({"access.log": COMMON + COMBINED + b"\n" + odd}, access_log())
    assert came.types == {
        "ip": "string", "identity": "string", "user": "string", "time": "timestamp[us, tz=UTC]", "method": "string",
        "path": "string", "protocol": "string", "request": "string", "status": "int64", "bytes": "int64",
        "referrer": "string", "user_agent": "string",
    }  # fmt: skip
    first = ("192.0.2.1", None, "ann", AT, "GET", "/a?b=1", "HTTP/1.1", None, 200, 12)
    assert came.rows[0] == (*first, None, None)
    assert came.rows[1] == (*first, "http://a.example/", 'Mozilla/5.0 (\\"x\\")')
    assert came.rows[2][3] == dt.datetime(2016, 2, 29, 1, 30, tzinfo=dt.UTC)
    assert came.rows[2][4:] == (None, None, None, "\\x16\\x03\\x01", 400, 0, None, None)


def test_lines_that_do_not_match_are_withheld_with_their_number(desk):
    bad = [
        b"not a line",
        COMMON.strip().replace(b"17/May", b"31/Jun"),
        COMMON.strip().replace(b"May", b"Mai"),
        COMMON.strip().replace(b"ann", b"\xff"),
        COMMON.strip().replace(b"10:05:03", b"25:05:03"),
        COMMON.strip() + b' "cut',
    ]
    came = desk.read({"a.log": COMMON + b"\n".join(bad) + b"\n" + COMMON}, access_log())
    assert len(came.rows) == 2
    assert [original for original, _ in came.withheld] == [line.decode(errors="backslashreplace") for line in bad]
    reasons = [reason for _, reason in came.withheld]
    assert reasons == [f"line {line} of a.log is not of the format common or combined" for line in range(2, 8)]


def test_a_format_in_the_words_of_apache_or_nginx(desk):
    apache = r"%v:%p %{X-Forwarded-For}i %t \"%r\" %>s %O %D %{session}C 100%%"
    line = b'shop.example:443 198.51.100.7, 10.0.0.1 [17/May/2015:10:05:03 +0200] "POST /x HTTP/2" 201 9 1500 s1 100%\n'
    with pytest.raises(SourceError, match=r"no line of it is of the format .*as this one: shop\.example"):
        desk.read({"a.log": line}, access_log(apache))
    came = desk.read({"a.log": line}, access_log(apache.replace("%{X-Forwarded-For}i", "%{X-Forwarded-For}i %h")))
    assert columns(came, "server", "port", "method", "bytes_sent", "duration_us", "session") == [
        ("shop.example", 443, "POST", 9, 1500, "s1")
    ]
    nginx = (
        '$remote_addr [$time_local] "$request" $status $request_time $upstream_response_time "$http_x_id" $time_iso8601'
    )
    line = (
        b'192.0.2.1 [17/May/2015:10:05:03 +0200] "GET /a HTTP/1.1" 200 0.012 0.1, 0.2 "q 1" 2015-05-17T10:05:03+02:00\n'
    )
    came = desk.read({"a.log": line * 2}, access_log(nginx))
    assert columns(came, "ip", "time", "path", "duration_s", "upstream_response_time", "x_id", "time_iso8601")[0] == (
        "192.0.2.1", AT, "/a", 0.012, "0.1, 0.2", "q 1", AT,
    )  # fmt: skip
    assert desk.read({"a.log": b"v.example:80 " + COMBINED}, access_log("vhost_combined")).rows[0][:2] == (
        "v.example",
        80,
    )
    with pytest.raises(ConfigError, match="names no column"):
        desk.read({"a.log": COMMON}, access_log("combinde"))
    with pytest.raises(ConfigError, match="has %y, which is not known"):
        desk.read({"a.log": COMMON}, access_log("%y"))


@pytest.mark.realdata
def test_a_real_log_is_read_to_the_last_line(desk, realdata):
    body = (realdata / "access_log.txt").read_bytes()
    came = desk.read({"access_log.txt": body}, access_log())
    assert len(came.rows) + len(came.withheld) == 10_000
    assert len(came.withheld) <= 1
    assert set(columns(came, "method")) >= {("GET",), ("HEAD",), ("POST",)}
    assert min(columns(came, "time"))[0] == dt.datetime(2015, 5, 17, 10, 5, 0, tzinfo=dt.UTC)
