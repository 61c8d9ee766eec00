"""SCRAM-SHA-256, by which a client proves that it has a token without sending it.

Source: RFC 5802, RFC 7677; channel binding by RFC 5929 as `tls-server-end-point`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from pumphouse.server.access.gate import Scram
from pumphouse.server.postgres.messages import BrokenMessage

PLAIN, BOUND = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
NONCE_BYTES = 18
_FIRST = re.compile(
    r"(?P<header>(?P<binding>n|y|p=tls-server-end-point),(?:a=[^,]*)?,)(?P<bare>n=[^,]*,r=(?P<nonce>[!-+\--~]+))"
)
_FINAL = re.compile(
    r"(?P<unproved>c=(?P<channel>[A-Za-z0-9+/=]+),r=(?P<nonce>[!-+\--~]+)),p=(?P<proof>[A-Za-z0-9+/=]+)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was said until the server's first answer."""

    scram: Scram
    header: str
    bare: str
    server_first: str
    nonce: str
    end_point: bytes | None
    """The hash of the certificate, where the client binds its proof to it."""


def answered(first: bytes, mechanism: str, scram: Scram, *, end_point: bytes | None) -> Exchange:
    """The answer to a client's first message. `end_point` is the certificate's hash, where there is TLS.

    Raises BrokenMessage, also where somebody between has hidden from the client that binding was offered.
    """
    found = _FIRST.fullmatch(_text(first))
    if found is None:
        raise BrokenMessage("the first message of SCRAM is malformed")
    binds = found["binding"].startswith("p=")
    if binds != (mechanism == BOUND) or (binds and end_point is None):
        raise BrokenMessage("the channel binding of SCRAM is not the mechanism's")
    if found["binding"] == "y" and end_point is not None:
        raise BrokenMessage("the client thinks that there is no channel binding here, but there is")
    nonce = found["nonce"] + base64.b64encode(secrets.token_bytes(NONCE_BYTES)).decode()
    salt = base64.b64encode(scram.salt).decode()
    return Exchange(
        scram=scram,
        header=found["header"],
        bare=found["bare"],
        server_first=f"r={nonce},s={salt},i={scram.iterations}",
        nonce=nonce,
        end_point=end_point if binds else None,
    )


def proved(final: bytes, exchange: Exchange) -> tuple[bytes, bytes] | None:
    """The hash of the token that the client has, and the server's own proof; None where it has none.

    Raises BrokenMessage.
    """
    found = _FINAL.fullmatch(_text(final))
    if found is None:
        raise BrokenMessage("the last message of SCRAM is malformed")
    channel = exchange.header.encode() + (exchange.end_point or b"")
    if not hmac.compare_digest(_decoded(found["channel"]), channel) or found["nonce"] != exchange.nonce:
        return None
    said = f"{exchange.bare},{exchange.server_first},{found['unproved']}".encode()
    proof = _decoded(found["proof"])
    matching = None
    for keys in exchange.scram.keys:
        signature = hmac.digest(keys.stored_key, said, "sha256")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
        if len(proof) == len(signature) and hmac.compare_digest(hashlib.sha256(client_key).digest(), keys.stored_key):
            matching = keys
    if matching is None:
        return None
    return matching.hash, b"v=" + base64.b64encode(hmac.digest(matching.server_key, said, "sha256"))


def end_point_of(chain: Path) -> bytes | None:
    """The hash of a server's certificate as clients know it; None for one that is signed in a way without a hash."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificates(chain.read_bytes())[0]
    used = certificate.signature_hash_algorithm
    if used is None:
        return None
    name = "sha256" if used.name in ("md5", "sha1") else used.name
    from cryptography.hazmat.primitives.serialization import Encoding

    return hashlib.new(name, certificate.public_bytes(Encoding.DER)).digest()


def _text(data: bytes) -> str:
    try:
        return data.decode("ascii")
    except UnicodeDecodeError as error:
        raise BrokenMessage("a message of SCRAM is not ASCII") from error


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BrokenMessage("a message of SCRAM is malformed") from error
