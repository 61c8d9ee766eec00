from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pumphouse.lake.databases import Database
from pumphouse.lake.state import State
from pumphouse.lake.tokens import SCRAM_ITERATIONS, Token, Tokens, hash_of


@pytest.fixture
def tokens(state: State) -> Tokens:
    return state.tokens


def found(tokens: Tokens, token: str) -> Token | None:
    return tokens.find(hash_of(token))


def test_a_token_is_a_person_until_it_is_revoked(tokens: Tokens) -> None:
    token = tokens.make("ann", scope="read", tables=["orders"], groups=["analysts"])
    ann = found(tokens, token)
    assert ann is not None
    assert (ann.who, ann.scope, ann.tables, ann.groups) == ("ann", "read", ("orders",), ("analysts",))
    assert found(tokens, "made up") is None
    assert [one.id for one in tokens.good()] == [ann.id]
    assert (tokens.revoke("ann"), tokens.revoke("ann")) == (1, 0)
    assert found(tokens, token) is None


def test_one_of_several_tokens_is_revoked_by_its_id(tokens: Tokens) -> None:
    first, second = (tokens.make("ann", scope="read") for _ in range(2))
    one = found(tokens, first)
    assert one is not None
    assert tokens.revoke(one.id) == 1
    assert (found(tokens, first), found(tokens, second) is None) == (None, False)


def test_a_token_ends_when_its_time_is_over(tokens: Tokens) -> None:
    ended = tokens.make("ann", scope="read", lasts=timedelta())
    lasting = tokens.make("ann", scope="read", lasts=None)
    assert found(tokens, ended) is None
    assert [one.expires for one in tokens.good()] == [None]
    assert found(tokens, lasting) is not None


def test_when_a_token_was_used_last_is_kept(tokens: Tokens) -> None:
    token = tokens.make("ann", scope="read")
    assert tokens.good()[0].used is None
    before = datetime.now(UTC)
    found(tokens, token)
    used = tokens.good()[0].used
    assert used is not None
    assert before <= used <= datetime.now(UTC)


def test_a_proof_of_any_token_of_a_person_can_be_checked(tokens: Tokens) -> None:
    made = [tokens.make("ann", scope="read") for _ in range(2)]
    kept = {keys.hash: keys for keys in tokens.scram("ann")}
    assert set(kept) == {hash_of(token) for token in made}
    for token in made:  # what a client does, as RFC 5802 has it
        salted = hashlib.pbkdf2_hmac("sha256", token.encode(), tokens.salt("ann"), SCRAM_ITERATIONS)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        keys = kept[hash_of(token)]
        signature = hmac.digest(keys.stored_key, b"what was said", "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        recovered = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        assert hashlib.sha256(recovered).digest() == keys.stored_key
        assert keys.server_key == hmac.digest(salted, b"Server Key", "sha256")
    tokens.revoke("ann")
    assert tokens.scram("ann") == ()


def test_whoever_has_no_token_has_a_salt_that_stays_the_same(tokens: Tokens, opened: Callable[[], Database]) -> None:
    assert tokens.salt("nobody") == State(opened()).tokens.salt("nobody")
    assert tokens.salt("nobody") != tokens.salt("ann")


@pytest.fixture
def earlier(opened: Callable[[], Database]) -> tuple[Database, str]:
    """A state as version 0.5 left it, with a token."""
    database, token = opened(), "a-token-of-an-earlier-version"
    with database.transaction() as db:
        db.run(
            "CREATE TABLE tokens (hash TEXT PRIMARY KEY, who TEXT NOT NULL, scope TEXT NOT NULL, made TEXT NOT NULL,"
            " revoked TEXT)"
        )
        made = datetime(2026, 1, 1, tzinfo=UTC).isoformat(timespec="microseconds")
        db.run("INSERT INTO tokens VALUES (?, ?, ?, ?, NULL)", [hash_of(token).hex(), "ann", "read", made])
    return database, token


def test_tokens_of_an_earlier_version_stay_good(earlier: tuple[Database, str], opened: Any) -> None:
    _, token = earlier
    for _ in range(2):  # what was added is there
        tokens = State(opened()).tokens
        ann = found(tokens, token)
        assert ann is not None
        assert (ann.who, ann.tables, ann.groups, ann.expires, ann.signed_in) == ("ann", None, (), None, False)
    assert tokens.scram("ann") == ()
    assert tokens.revoke("ann") == 1
