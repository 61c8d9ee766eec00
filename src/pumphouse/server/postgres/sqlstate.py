"""What went wrong, as PostgreSQL says it: a SQLSTATE, a sentence, a hint, and where in the statement."""

from __future__ import annotations

import re

from pumphouse.errors import (
    AccessDenied,
    BadRequest,
    Cancelled,
    Late,
    OutOfMemory,
    Overloaded,
    PumphouseError,
    RequestError,
    TooMuch,
    UnknownName,
    Unreachable,
)
from pumphouse.server.postgres.messages import error_response

INTERNAL = "XX000"
CAUSES_MAX = 5
_NEAR = re.compile(r'at or near "(.*)"', re.DOTALL)
_CARET = re.compile(r"^LINE (\d+): (.*)\n( *)\^", re.MULTILINE)
_ENGINE = {
    "Out of Range Error": "22003",
    "Conversion Error": "22P02",
    "Mismatch Type Error": "42804",
    "Out of Memory Error": "53200",
    "Parser Error": "42601",
    "Invalid Input Error": "22023",
    "Not implemented Error": "0A000",
    "INTERRUPT Error": "57014",
}
"""How DuckDB's messages begin."""


class Refused(RequestError):
    """What is not answered, with the SQLSTATE that says why."""

    def __init__(
        self, what: str, *, state: str, hint: str | None = None, position: int | None = None, fatal: bool = False
    ) -> None:
        super().__init__(what, mend=hint)
        self.state = state
        self.position = position
        self.fatal = fatal
        """Whether the session ends with it."""


def refusal(error: BaseException, text: str = "", *, at: int = 0) -> Refused:
    """Any error as what is said of it. `text` is the statement and `at` where in the whole text it begins.

    What nobody expected says nothing of itself: the server's log has it.
    """
    if isinstance(error, Refused):
        if error.position and at:
            return Refused(
                error.what, state=error.state, hint=error.mend, position=error.position + at, fatal=error.fatal
            )
        return error
    if not isinstance(error, PumphouseError):
        return Refused("something went wrong here", state=INTERNAL, hint="The server's log has it.")
    said = _said(error)
    position = _position(error, said, text)
    return Refused(
        error.what,
        state=_state(error, said),
        hint=error.mend,
        position=position + at if position else None,
    )


def response(refused: Refused) -> bytes:
    """The message that says it."""
    return error_response(
        state=refused.state,
        message=refused.what,
        severity="FATAL" if refused.fatal else "ERROR",
        hint=refused.mend,
        position=refused.position,
    )


def _said(error: PumphouseError) -> str:
    """All that is known of it, the engine's own words included."""
    words = [error.what]
    cause = error.__cause__
    while cause is not None and len(words) < CAUSES_MAX:
        words.append(str(cause))
        cause = cause.__cause__
    return "\n".join(words)


def _state(error: PumphouseError, said: str) -> str:
    match error:
        case UnknownName() if error.asset is not None:
            return "42703" if "column" in error.what else "42P01"
        case UnknownName():
            return "22023"
        case AccessDenied():
            return "42501"
        case Cancelled() | Late():
            return "57014"
        case Overloaded():
            return "53300"
        case Unreachable():
            return "58000"
        case OutOfMemory():
            return "53200"
        case TooMuch():
            return "53200" if "memory" in error.what else "54000"
    if "Binder Error" in said or "Catalog Error" in said:
        return _state_of_name(said)
    for beginning, state in _ENGINE.items():
        if beginning in said:
            return state
    if "can't be parsed" in said:
        return "42601"
    return "42000" if isinstance(error, BadRequest) else INTERNAL


def _state_of_name(text: str) -> str:
    """Of a name that is not there, or does not fit where it stands."""
    if "Referenced column" in text or "does not have a column" in text or "not found in FROM" in text:
        return "42703"
    if "Referenced table" in text or "Table with name" in text:
        return "42P01"
    if "must appear in the GROUP BY" in text or "cannot contain aggregates" in text:
        return "42803"
    if "No function matches" in text or "Function with name" in text or "best candidate function" in text:
        return "42883"
    if "Ambiguous" in text:
        return "42702"
    return "42804" if "type" in text.lower() else "42601"


def _position(error: PumphouseError, said: str, text: str) -> int | None:
    """The character of the statement, from 1, at which it goes wrong; None where that is not known."""
    lines = text.split("\n")
    if found := _CARET.search(said):
        shown, column = found[2].removeprefix("..."), len(found[3]) - len(f"LINE {found[1]}: ")
        line = int(found[1]) - 1
        if line < len(lines):
            shift = lines[line].find(shown.removesuffix("...")) - (3 if found[2].startswith("...") else 0)
            return sum(len(one) + 1 for one in lines[:line]) + max(column + max(shift, 0), 0) + 1
    if error.place is None or error.place.file != "query":
        return None
    near = _NEAR.search(error.what)
    wanted = near[1] if near else error.asset if isinstance(error, UnknownName) else None
    before = sum(len(one) + 1 for one in lines[: error.place.line - 1])
    place = text.find(wanted, before) if wanted else -1
    return place + 1 if place >= 0 else None
