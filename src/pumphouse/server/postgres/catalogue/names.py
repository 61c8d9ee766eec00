"""Names as PostgreSQL spells them, and numbers that are the same for the same name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from pumphouse.server.postgres.catalogue.builtin import USER_OIDS, Builtin

_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_OID_MAX = 2**31 - 1


def identifier(name: str, reserved: Collection[str] = ()) -> str:
    """A name as SQL of PostgreSQL has it: quoted where it has to be."""
    if _PLAIN.fullmatch(name) and name not in reserved:
        return name
    return '"' + name.replace('"', '""') + '"'


def spellings(name: str) -> tuple[str, ...]:
    """The ways to write a name; those without quotes in small letters."""
    quoted = '"' + name.replace('"', '""') + '"'
    return (name, quoted) if _PLAIN.fullmatch(name) else (quoted,)


class Oids:
    """Numbers that are the same for the same name, in every session and for every visitor."""

    def __init__(self, known: Builtin) -> None:
        self._taken = {row["oid"]: ("", "") for rows in known.rows.values() for row in rows if "oid" in row}
        self._taken |= {one.oid: ("", "") for one in known.relations.values()}

    def of(self, kind: str, name: str) -> int:
        """The number of a thing; the next free one where two names meet."""
        hashed = hashlib.sha256(f"{kind}:{name}".encode()).digest()
        oid = USER_OIDS + int.from_bytes(hashed[:8], "big") % (_OID_MAX - USER_OIDS)
        while self._taken.setdefault(oid, (kind, name)) != (kind, name):
            oid = oid + 1 if oid < _OID_MAX else USER_OIDS
        return oid
