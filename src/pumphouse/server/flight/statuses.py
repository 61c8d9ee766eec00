"""What goes wrong, as a status of gRPC and a sentence, and nothing else of this process.

pyarrow sends the traceback of whatever Python raises. Of an exception that can't be formatted it sends the type's name
only; ours are all of that kind.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pyarrow import flight

from pumphouse.errors import (
    AccessDenied,
    BuildError,
    BuildTimeout,
    Cancelled,
    LakeBusy,
    Late,
    MissingExtra,
    Overloaded,
    PumphouseError,
    RequestError,
    UnknownName,
    Unreachable,
)

log = logging.getLogger("pumphouse.server.flight")


class _Unformatted(Exception):
    """Mixed into an exception, it keeps the traceback of it from being written: `traceback` looks at its cause."""

    __slots__ = ()

    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        raise AttributeError("this exception is for clients")

    def __str__(self) -> str:
        # A KeyError would quote it; and Arrow writes ". Detail: ..." behind it.
        return str(self.args[0]).removesuffix(".")


class Unauthenticated(_Unformatted, flight.FlightUnauthenticatedError):  # type: ignore[misc]
    """UNAUTHENTICATED: who asks showed no token, or one that nobody has."""


class Denied(_Unformatted, flight.FlightUnauthorizedError):  # type: ignore[misc]
    """PERMISSION_DENIED."""


class Unavailable(_Unformatted, flight.FlightUnavailableError):  # type: ignore[misc]
    """UNAVAILABLE: it may be asked again later."""


class TimedOut(_Unformatted, flight.FlightTimedOutError):  # type: ignore[misc]
    """DEADLINE_EXCEEDED."""


class Ended(_Unformatted, flight.FlightCancelledError):  # type: ignore[misc]
    """CANCELLED."""


class Internal(_Unformatted, flight.FlightInternalError):  # type: ignore[misc]
    """INTERNAL: a fault of ours, of which the log has the rest."""


class NotFound(_Unformatted, KeyError):
    """NOT_FOUND, as Arrow has it."""


class InvalidArgument(_Unformatted, ValueError):
    """INVALID_ARGUMENT, as Arrow has it."""


class Unimplemented(_Unformatted, NotImplementedError):
    """UNIMPLEMENTED, as Arrow has it."""


class NotTaken(PumphouseError):
    """Flight SQL has it, and this door does not."""


_STATUS: tuple[tuple[type[PumphouseError], type[Exception]], ...] = (
    (UnknownName, NotFound),
    (AccessDenied, Denied),
    (NotTaken, Unimplemented),
    (MissingExtra, Unimplemented),
    (Late, TimedOut),
    (BuildTimeout, TimedOut),
    (Cancelled, Ended),
    (Overloaded, Unavailable),
    (Unreachable, Unavailable),
    (LakeBusy, Unavailable),
    (RequestError, InvalidArgument),
    (BuildError, InvalidArgument),
)
"""The first that fits. What is none of them is nothing that who asks could mend."""


@contextmanager
def told(call: str) -> Iterator[None]:
    """Whatever goes wrong in a call becomes what its client is told; a fault of ours gets a number and is logged."""
    try:
        yield
    except _Unformatted:
        raise
    except Exception as error:  # noqa: BLE001  # the outermost edge
        raise told_of(error, call) from None


def told_of(error: Exception, call: str) -> Exception:
    """What a client is told of an error."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), None)
    if status is not None:
        return status(str(error))
    incident = secrets.token_hex(4)
    log.error("%s failed (%s)", call, incident, exc_info=error)
    return Internal(f"something went wrong here. The server's log has it under {incident}.")
