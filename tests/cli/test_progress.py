"""What a terminal sees, through a real one: a pseudo-terminal of 80 columns."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from pumphouse.cli.progress import details
from pumphouse.errors import SourceError
from pumphouse.project.running import Result

PUMPHOUSE = Path(sys.executable).with_name("pumphouse")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|9[0-7])m")
SLOW = """
import time

import pumphouse as ph


@ph.table()
def slow(orders):
    time.sleep(1.5)
    return orders.arrow()


@ph.table()
def endless(slow):
    time.sleep(60)
    return slow.arrow()
"""


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.end, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        known = {
            name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")
        }
        self.process = subprocess.Popen(
            [PUMPHOUSE, *arguments],
            cwd=folder,
            env={**known, "TERM": "xterm-256color", "PUMPHOUSE_ACTOR": "ann", **environment},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        self.text = ""

    def read_until(self, wanted: str | None) -> str:
        """All that was printed, up to `wanted` or to the end."""
        while wanted is None or wanted not in self.text:
            try:
                got = os.read(self.end, 65536)
            except OSError:  # Linux says so where the other side was closed
                got = b""
            if not got:
                break
            self.text += got.decode(errors="replace")
        return self.text

    def ended(self) -> int:
        """The exit code, once all was read."""
        self.read_until(None)
        os.close(self.end)
        return self.process.wait(timeout=60)


def test_a_run_draws_bars_and_leaves_lines(shop: Path) -> None:
    (shop / "slow.py").write_text(SLOW)
    terminal = Terminal(shop, "run", "slow", "orders", "--full")
    assert terminal.ended() == 0
    assert "━" in terminal.text
    assert re.search(r"[01]/\d.* builds", terminal.text)
    assert COLOUR.search(terminal.text)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.text)
    assert re.search(r"built +\d+\.\d s  slow +4 in, 4 out", shown)
    drawn = [line for line in re.split(r"[\r\n]+", shown) if line.startswith(("built", "━")) or "builds" in line]
    assert all(len(line) <= 80 for line in drawn)
    assert terminal.text.rstrip().endswith(".")
    assert terminal.text.count("\x1b[?25l") == terminal.text.count("\x1b[?25h")  # the cursor is shown again


def test_no_colour_where_none_is_wanted(shop: Path) -> None:
    terminal = Terminal(shop, "run", "orders", "--full", NO_COLOR="1")
    assert terminal.ended() == 0
    assert not COLOUR.search(terminal.text)


def test_a_terminal_that_can_do_nothing_gets_plain_lines(shop: Path) -> None:
    terminal = Terminal(shop, "run", "orders", "--full", TERM="dumb")
    assert terminal.ended() == 0
    assert "\x1b" not in terminal.text
    assert "orders  4 in, 4 out" in terminal.text


def test_ctrl_c_stops_a_run_and_ends_with_130(shop: Path) -> None:
    (shop / "slow.py").write_text(SLOW)
    terminal = Terminal(shop, "run", "endless")
    terminal.read_until("endless")
    time.sleep(0.5)
    os.killpg(terminal.process.pid, signal.SIGINT)
    assert terminal.ended() == 130
    assert "Traceback" not in terminal.text
    assert terminal.text.rstrip().endswith("stopped")


@pytest.mark.parametrize("width", [40, 200])
def test_a_table_is_cut_to_fit_the_terminal(built: Path, width: int) -> None:
    terminal = Terminal(built, "query", "SELECT *, repeat('x', 150) AS long FROM orders", COLUMNS=str(width))
    assert terminal.ended() == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.text).splitlines()
    header, rule, *rows = [line for line in shown if not line.startswith("(")]
    assert header.startswith("order_id  customer_id  day")
    assert len(rows) == 4
    assert all(len(line) <= width for line in (header, rule, *rows))
    assert any("no room for" in line for line in shown) == (width == 40)
    assert any("…" in line for line in shown) == (width == 200)


def test_every_line_of_an_error_stands_below_its_asset() -> None:
    error = SourceError("'raw' breaks 'promise'\n  n = 'x': row 1", asset="raw", mend="Mend the source.")
    failed = Result(asset="raw", kind="files", status="failed", seconds=1.0, error=error)
    assert list(details(failed, tracebacks=False)) == ["'raw' breaks 'promise'", "  n = 'x': row 1", "Mend the source."]
