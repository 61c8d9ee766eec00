"""Pseudonyms: the same text has the same one in every table, and only who has the key can make one.

A pseudonym is the HMAC-SHA256 of the text with the project's key, and behind it a tag: the HMAC of the pseudonym.
By the tag the step knows its own output, and nobody else can write a text that it would take for one.
"""

from __future__ import annotations

import base64
import hmac
import unicodedata
from dataclasses import dataclass, field
from typing import ClassVar

from pumphouse.cleaning.step import EachValue, Resources, Step
from pumphouse.errors import ConfigError

PREFIX = "secret:"
KEYS = "PSEUDONYM"
"""How the names of keys begin: a query may name a key, and must not be able to try a password out."""
KEY_CHARACTERS_MIN = 16
TAG = 8
"""Characters of the tag, 5 bits each: a stranger's text is taken for a pseudonym once in 10**12 times."""
LENGTH_MIN, LENGTH_MAX = 20, 60
"""12 characters before the tag are 60 bits: a million texts share one with a chance of 1 in two million."""
ALPHABET = frozenset("abcdefghijklmnopqrstuvwxyz234567")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pseudonym(Step):
    """The step that `pseudonym` makes. It has the key's name; the key itself is read when it is loaded."""

    name: ClassVar[str] = "pseudonym"
    gives: ClassVar[str] = "VARCHAR"
    hides: ClassVar[bool] = True
    key: str
    length: int = 24
    version: str = field(default="1", init=False)

    def load(self, resources: Resources) -> EachValue:
        """The function over arrays. Raises ConfigError where the key is not there, or is too short to keep a secret."""
        key = resources.secret(self.key.removeprefix(PREFIX), wanted_by=self.name)
        if len(key) < KEY_CHARACTERS_MIN:
            raise ConfigError(
                f"the key '{self.key}' can be guessed: it is shorter than {KEY_CHARACTERS_MIN} characters",
                mend='Make one: python -c "import secrets; print(secrets.token_hex())"',
            )
        return EachValue(self, Pseudonyms(key=key.encode(), length=self.length).pseudonym)


def pseudonym(*, key: str = "secret:PSEUDONYM_KEY", length: int = 24) -> Pseudonym:
    """A step that replaces a text by a pseudonym: the same for the same text, so that tables can still be joined.

    `key` names a secret that begins with PSEUDONYM, found in the environment or in secrets.toml. Texts that differ in
    white space around them or in Unicode form alone are the same; clean a column before to make more of them the same.
    Whoever has the key can find out whose a pseudonym is by trying all people. A quarantine has pseudonyms too.

    `col.email >> pseudonym(key="secret:PSEUDONYM_KEY")`
    """
    if not key.startswith(f"{PREFIX}{KEYS}"):
        raise ValueError(f"pseudonym's key is the name of a secret, as in key='{PREFIX}{KEYS}_KEY'")
    if not LENGTH_MIN <= length <= LENGTH_MAX:
        raise ValueError(f"a pseudonym has {LENGTH_MIN} to {LENGTH_MAX} characters, not {length}")
    return Pseudonym(key=key, length=length)


class Pseudonyms:
    """Makes one pseudonym after the other. A worker gets the key with it; nothing shows it."""

    def __init__(self, *, key: bytes, length: int) -> None:
        self._key = key
        self.length = length

    def pseudonym(self, written: str) -> tuple[str, None]:
        """The pseudonym of one text, and no reason. A pseudonym stays as it is."""
        same = unicodedata.normalize("NFC", written).strip()
        if self._is_own(same):
            return same, None
        body = self._hash(b"text:", same)[: self.length - TAG]
        return body + self._hash(b"tag:", body)[:TAG], None

    def _is_own(self, written: str) -> bool:
        body, tag = written[:-TAG], written[-TAG:]
        if len(written) != self.length or not set(written) <= ALPHABET:
            return False
        return hmac.compare_digest(self._hash(b"tag:", body)[:TAG], tag)

    def _hash(self, purpose: bytes, written: str) -> str:
        digest = hmac.digest(self._key, purpose + written.encode("utf-8", "surrogatepass"), "sha256")
        return base64.b32encode(digest).decode().lower().rstrip("=")

    def __repr__(self) -> str:
        return f"Pseudonyms(length={self.length})"
