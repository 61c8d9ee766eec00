"""A process of its own that checks answers: V8 may run for ever or out of memory on what strangers send.

    python v8_worker.py LIBRARY.js CHECK.js

It says `ready`, then answers each line `[version, survey, sent]` (JSON; the survey and what was sent as JSON texts, the
survey empty where this process has seen the version) with one line of JSON. It ends with its standard input, and
whoever started it may kill it at any time. It imports nothing of ours: it starts fast.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from py_mini_racer import MiniRacer

MEMORY_BYTES_MAX = 256 * 1024 * 1024


def main() -> None:
    """Answer until there is nothing more to answer."""
    v8 = MiniRacer()
    v8.set_hard_memory_limit(MEMORY_BYTES_MAX)
    for script in sys.argv[1:]:
        v8.eval(Path(script).read_text(encoding="utf-8"))
    say("ready")
    for line in sys.stdin:
        version, survey, sent = json.loads(line)
        say(v8.call("checkAnswers", version, survey, sent))
    os._exit(0)  # V8's own end may wait for ever


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
