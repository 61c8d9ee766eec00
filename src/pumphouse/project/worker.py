"""A worker process: one build of code that the user wrote, apart from the run and from all other builds.

Started by `workers.run_in_process` with the path of a pickled job. Talks JSON lines on what was its standard output;
whatever the user's code prints goes to standard error, which the parent keeps. Its standard input says nothing,
and closes when the parent is gone.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from pumphouse.graph.modules import load_declaration
from pumphouse.project.explaining import explained
from pumphouse.project.imported import refuse_changed
from pumphouse.project.jobs import Job, context_of
from pumphouse.project.kinds import KINDS
from pumphouse.project.lakes import open_engine, open_lake


def main() -> None:
    """Build the one asset that the job names, and say what came of it."""
    parent = os.fdopen(os.dup(1), "w", buffering=1)
    threading.Thread(target=_end_with, args=(os.dup(0),), daemon=True).start()
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def say(**message: Any) -> None:  # JSON
        parent.write(json.dumps(message) + "\n")

    job: Job
    job, assets = pickle.loads(Path(sys.argv[1]).read_bytes())  # noqa: S301  # written by our parent, in its own folder
    asset = assets[job.asset]
    try:
        declaration = None
        if asset.module is not None:
            declaration = load_declaration(job.config.folder, asset.module, asset.variable)
            refuse_changed(job.config.folder, job.code, asset=job.asset)
        lake = open_lake(job.config, pinned=job.pins)
        context = context_of(
            job,
            lake=lake,
            engine=open_engine(job.config, lake),
            assets=assets,
            declaration=declaration,
            progress=lambda rows: say(progress=rows),
        )
        built = KINDS[asset.kind].build(asset, context)
        say(built=base64.b64encode(pickle.dumps(built)).decode())
    except Exception as error:  # noqa: BLE001  # the worker's outermost edge: what went wrong is the parent's to tell
        ours = explained(error, asset=job.asset, folder=job.config.folder)
        ours.add_note("".join(traceback.format_exception(error)))  # a traceback doesn't cross processes, its text does
        say(error=base64.b64encode(pickle.dumps(ours)).decode())
        sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(1)


def _end_with(parent: int) -> None:
    """End this process and all that it started when its parent is killed: what it would commit is the next run's."""
    os.read(parent, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
