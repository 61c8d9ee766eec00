"""`python -m shop_world --folder STATE`: the world as a process, until its standard input closes."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from shop_world import contacts
from shop_world.purchases import first_days
from shop_world.server import WorldServer

CONTACTS_SEED = 1997
DEMO_TOKEN = "demo-token"


def main() -> None:
    """Print one JSON line `{"url": ..., "database": ...}` when ready; end when standard input closes, or on SIGTERM.

    Whoever starts it holds its standard input, so it never outlives them, however they end. The API's token is the
    environment's SHOP_API.
    """
    parser = argparse.ArgumentParser(prog="shop_world", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where the contacts' database is written and kept")
    parser.add_argument("--port", type=int, default=0, help="a port of 127.0.0.1; 0 (the default) is a free one")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    options.folder.mkdir(parents=True, exist_ok=True)
    database = options.folder.resolve() / "shop.sqlite"
    # Kept once made: a reader may have changed a row to see what a second run does.
    if not database.exists():
        contacts.write(database, customers=first_days(), seed=CONTACTS_SEED)
    with WorldServer(port=options.port, token=os.environ.get("SHOP_API", DEMO_TOKEN)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            print(json.dumps({"url": server.url, "database": str(database)}), flush=True)
            _wait_for_end_of(sys.stdin.fileno())
        finally:
            server.shutdown()


def _wait_for_end_of(stdin: int) -> None:
    # os.read, not sys.stdin: a buffered reader would hold its lock while SIGTERM ends the process.
    while os.read(stdin, 4096):
        pass


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
