"""A process that embeds questions with one function of the project's, for `embedding.Embedding`.

    python -m pumphouse.project.embedder FOLDER

The first line that it is sent (JSON) names the function by its declaration, and the text of the project's modules that
may answer; each line after that has texts. It answers each with one line. What the function prints, and what it raises,
goes to standard error. It ends with its standard input, and when nobody has asked for a while.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from pumphouse.graph.modules import load_declaration
from pumphouse.project.imported import imported

IDLE_S_MAX = 900.0
"""After this long without a question its memory, with the model in it, is given back."""


def main() -> None:
    """Answer until there is nothing more to answer."""
    folder = Path(sys.argv[1])
    said = os.fdopen(os.dup(1), "w", buffering=1)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(os.dup(0), lines), daemon=True).start()
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    order = json.loads(lines.get())
    function: Any = None
    try:
        function = load_declaration(folder, order["module"], order["variable"]).function
        others = [name for name, digest in imported(folder).items() if order["code"].get(name) != digest]
        failed = f"its code has changed since the server started ({', '.join(others)})" if others else ""
    except Exception as error:  # noqa: BLE001  # the process's outermost edge: what went wrong is its parent's to tell
        failed = _failed(error)
    said.write(json.dumps({"failed": failed} if failed else {"ready": True}) + "\n")
    while not failed:
        try:
            texts = json.loads(lines.get(timeout=IDLE_S_MAX))["texts"]
        except queue.Empty:
            break
        try:
            found = function(texts)
            vectors = found.tolist() if hasattr(found, "tolist") else [[float(one) for one in row] for row in found]
            reply = json.dumps({"vectors": vectors})
        except Exception as error:  # noqa: BLE001  # as above
            reply = json.dumps({"failed": _failed(error)})
        said.write(reply + "\n")
    os.killpg(0, signal.SIGKILL)  # with what it started


def _failed(error: Exception) -> str:
    """What visitors are told: what an error says may be of the machine."""
    traceback.print_exception(error)
    return f"it raised {type(error).__name__}"


def _read(asked: int, lines: queue.SimpleQueue[str]) -> None:
    """Hand on what is asked. Once nobody can ask any more there is nobody to answer either."""
    with os.fdopen(asked) as opened:
        for line in opened:
            lines.put(line)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
