"""`serve`: the server beside the clock that runs what is due."""

from __future__ import annotations

import logging
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter

from pumphouse.cli.call import Call
from pumphouse.cli.opening import open_project
from pumphouse.cli.output import print_text
from pumphouse.clients.address import FLIGHT_AFTER, PORT, POSTGRES_AFTER
from pumphouse.clients.servers import Server, announced
from pumphouse.errors import ConfigError
from pumphouse.project.scheduler import Scheduler
from pumphouse.project.served import Served
from pumphouse.server.certificates import Certificate, fingerprint, given, self_made
from pumphouse.server.serve import Serving
from pumphouse.server.serve import serve as serve_until_stopped

DOORS = {"flight": "Flight SQL", "postgres": "PostgreSQL"}
"""The protocols beside HTTP, as people call them."""
TLS_FOLDER = "tls"
"""Beside the cache: where a certificate of our own making is kept."""


def serve(
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    certificate: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    key: Annotated[Path | None, Parameter(metavar="FILE")] = None,
    self_signed: Annotated[bool, Parameter(negative=())] = False,
    flight: Annotated[int | Literal["off"] | None, Parameter(metavar="PORT|off")] = None,
    postgres: Annotated[int | Literal["off"] | None, Parameter(metavar="PORT|off")] = None,
    call: Call,
) -> None:
    """Serve the project's pages, tables, surveys and predictions, and run what is due, until Ctrl-C.

    What was due while nothing ran is run once. Requests and the run under way are finished before it ends.

    For example:

        pumphouse serve
        pumphouse serve --host 0.0.0.0 --certificate chain.pem --key key.pem
        pumphouse serve --host 0.0.0.0 --self-signed

    Args:
        host: Address to listen at. Other machines are let in only with a certificate.
        port: Port to listen at; 0 takes a free one.
        certificate: The server's certificate and its chain, as PEM.
        key: The certificate's key, as PEM.
        self_signed: Make a certificate, and keep it. Whoever connects has to be given it.
        flight: Port for Arrow Flight SQL, or off. The one after `--port` unless given.
        postgres: Port for PostgreSQL's protocol, or off. The second after `--port` unless given.
    """
    if (certificate is None) != (key is None):
        raise ConfigError("a certificate and its key come together", mend="Give both: --certificate FILE --key FILE")
    if certificate is not None and self_signed:
        raise ConfigError("there are two certificates, one given and one self-signed", mend="Leave one of them out.")
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    logging.getLogger("pumphouse").setLevel(logging.INFO)
    with open_project(call) as project, ExitStack() as stack:
        scheduler = Scheduler(project)
        shown = _certificate(certificate, key, project.config.cache / TLS_FOLDER if self_signed else None, host=host)

        def ready(serving: Serving) -> None:
            doors = {door.name: urlsplit(door.url).port for door in serving.doors}
            found = Server(
                url=serving.url,
                owner=project.who,
                flight=doors.get("flight"),
                postgres=doors.get("postgres"),
                certificate=str(shown.chain.absolute()) if shown is not None and self_signed else None,
            )
            stack.enter_context(announced(project.lake.folder, found))
            print_text(f"Serving {project.config.name} at {serving.url}\nSign in with  {serving.entrance}")
            for door in serving.doors:
                print_text(f"{DOORS[door.name]} at {door.url}")
            if shown is not None and self_signed:
                print_text(f"Its certificate  {shown.chain}\nSHA-256          {fingerprint(shown)}")
            sys.stdout.flush()
            scheduler.start()

        try:
            serve_until_stopped(
                Served(project),
                host=host,
                port=port,
                owner=project.who,
                certificate=shown,
                flight_port=_port(flight, after=port, by=FLIGHT_AFTER),
                postgres_port=_port(postgres, after=port, by=POSTGRES_AFTER),
                on_ready=ready,
            )
        finally:
            if scheduler.is_alive():
                scheduler.stop()


def _port(wanted: int | Literal["off"] | None, *, after: int, by: int) -> int | None:
    """Where a door beside HTTP listens: some ports after HTTP's unless told otherwise, at a free one where it does."""
    if wanted is None:
        return after + by if after else 0
    return None if wanted == "off" else wanted


def _certificate(chain: Path | None, key: Path | None, folder: Path | None, *, host: str) -> Certificate | None:
    now = datetime.now(UTC)
    if folder is not None:
        return self_made(folder, host=host, now=now)
    return given(chain, key, now=now) if chain and key else None
