"""`receive`: messages of a Singer tap or an Airbyte source, from the standard input into tables."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from json import loads

from pumphouse.cli.building import SOMETHING_FAILED
from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_json, visible
from pumphouse.cli.progress import watching
from pumphouse.project.receiving import receiving, take_messages
from pumphouse.project.telling import as_json


def receive(
    name: str, /, *, complete: bool = False, wait: float = 0.0, quiet: bool = False, json: bool = False, call: Call
) -> int:
    """Take Singer or Airbyte messages from the standard input, and build the tables that read them.

    Prints the last STATE once the tables are committed, which a tap goes on from; all else goes to the standard error.
    A tap's messages come through a pipe: `tap-shop --config tap.json | pumphouse receive shop`. Ends with 3 where a
    table could not be built, with 4 where another run holds the lake.

    For example:

        pumphouse receive shop

    Args:
        name: What ph.messages(...) is called, or one of its tables.
        complete: What arrives is all there is, though it does not end with a STATE.
        wait: How long to wait for another run, in seconds.
        quiet: Print only what failed, and the state.
        json: Print what came of each table as JSON, with the state in it.
    """
    # The standard output is the state's alone.
    with (
        open_project(call) as project,
        redirect_stdout(sys.stderr),
        watching(quiet=quiet, json=json, tracebacks=call.debug) as watcher,
    ):
        tables = [one.name for one in receiving(project, name)]
        received = take_messages(project, name, sys.stdin.buffer, complete=complete)
        report = project.run(*tables, only=True, wait_s=wait, watcher=watcher)
    if json:
        print_json({**loads(as_json(report)), "state": received.state})
    else:
        if not quiet or not report.ok:
            print(visible(str(report)), file=sys.stderr)
        for stream in received.unread:
            said = f"{received.records[stream]:,} records of stream '{stream}' are stored, and in no table"
            print(visible(said), file=sys.stderr)
        if report.ok and received.state is not None:
            print_json(received.state)
    return 0 if report.ok else SOMETHING_FAILED
