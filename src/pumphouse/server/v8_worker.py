"""A process of its own that checks answers: V8 may run for ever or out of memory on what strangers send.

    python v8_worker.py LIBRARY.js CHECK.js

It says `ready`, then answers each line `[version, survey, sent]` (JSON; the survey and what was sent as JSON texts, the
survey empty where this process has seen the version) with one line of JSON. It ends with its standard input, also in
the middle of a check, and whoever started it may kill it at any time. It imports nothing of ours: it starts fast.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path

from py_mini_racer import MiniRacer

MEMORY_BYTES_MAX = 256 * 1024 * 1024


def main() -> None:
    """Answer until there is nothing more to answer."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=read, args=(lines,), daemon=True).start()
    v8 = MiniRacer()
    v8.set_hard_memory_limit(MEMORY_BYTES_MAX)
    for script in sys.argv[1:]:
        v8.eval(Path(script).read_text(encoding="utf-8"))
    say("ready")
    while True:
        version, survey, sent = json.loads(lines.get())
        say(v8.call("checkAnswers", version, survey, sent))


def read(lines: queue.SimpleQueue[str]) -> None:
    """Hand on what is asked. Once nobody can ask any more there is nobody to answer either."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)  # whatever is computed at this moment


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)  # whoever asked has gone
    finally:  # V8's own end may wait for ever
        traceback.print_exc()
        os._exit(1)
