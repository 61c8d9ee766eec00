"""`serve`: the server beside the clock that runs what is due."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_text
from pumphouse.errors import ConfigError
from pumphouse.project.scheduler import Scheduler
from pumphouse.project.served import Served
from pumphouse.server.doors import Certificate
from pumphouse.server.serve import PORT, Serving
from pumphouse.server.serve import serve as serve_until_stopped


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    certificate: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    key: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    call: Call,
) -> None:
    """Serve the project's pages, tables, surveys and predictions, and run what is due, until Ctrl-C.

    What was due while nothing ran is run once. Requests and the run under way are finished before it ends.

    For example:

        pumphouse serve
        pumphouse serve --host 0.0.0.0 --certificate chain.pem --key key.pem

    Args:
        host: Address to listen at. Other machines are let in only with a certificate.
        port: Port to listen at; 0 takes a free one.
        certificate: The server's certificate and its chain, as PEM.
        key: The certificate's key, as PEM.
    """
    if (certificate is None) != (key is None):
        raise ConfigError("a certificate and its key come together", mend="Give both: --certificate FILE --key FILE")
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("pumphouse").setLevel(logging.INFO)
    with open_project(call) as project:
        scheduler = Scheduler(project)

        def ready(serving: Serving) -> None:
            print_text(f"Serving {project.config.name} at {serving.url}\nSign in with  {serving.entrance}")
            sys.stdout.flush()
            scheduler.start()

        try:
            serve_until_stopped(
                Served(project),
                host=host,
                port=port,
                owner=project.who,
                certificate=Certificate(chain=certificate, key=key) if certificate and key else None,
                on_ready=ready,
            )
        finally:
            if scheduler.is_alive():
                scheduler.stop()
