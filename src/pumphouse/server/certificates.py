"""Certificates: those that are given, and one of our own making where nobody gave one."""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pumphouse.errors import ConfigError, MissingExtra

VALID_DAYS = 397
"""Longer is refused by some browsers, even where a person trusts it."""
RENEWED_DAYS = 30
"""So long before its end a new one is made."""
EVERYWHERE = "0.0.0.0"  # noqa: S104  # no name of anybody
FILES = ("certificate.pem", "key.pem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """PEM files: what lets the server be reached from other machines."""

    chain: Path
    key: Path


def given(chain: Path, key: Path, *, now: datetime) -> Certificate:
    """A certificate and its key from files. Raises ConfigError where they can't be read or don't belong together."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        leaf = x509.load_pem_x509_certificates(chain.read_bytes())[0]
        private = load_pem_private_key(key.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"the certificate {chain} and its key {key} can't be read: {error}",
            mend="Both are PEM; the key has no password.",
        ) from error
    if leaf.public_key() != private.public_key():
        raise ConfigError(f"{key} is not the key of the certificate {chain}", mend="Give the two that belong together.")
    if leaf.not_valid_after_utc < now:
        raise ConfigError(f"the certificate {chain} ended on {leaf.not_valid_after_utc:%Y-%m-%d}", mend="Renew it.")
    return Certificate(chain=chain, key=key)


def self_made(folder: Path, *, host: str, now: datetime) -> Certificate:
    """A certificate for this machine and `host` that signs itself: the one that `folder` keeps, while it is good.

    Whoever connects has to be given `certificate.pem`, as its own authority. It can sign no other certificate.

    Raises ConfigError where the folder can't be written to, MissingExtra without cryptography.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    except ImportError as error:
        raise MissingExtra("cryptography", extra="server", purpose="a certificate of one's own making") from error

    made = Certificate(chain=folder / FILES[0], key=folder / FILES[1])
    names = _names(host)
    if _is_good(made, names, now=now):
        return made
    private = ec.generate_private_key(ec.SECP256R1())
    signed = _signed(private, names, now=now)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(made.key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        _write(made.chain, signed.public_bytes(Encoding.PEM))
    except OSError as error:
        raise ConfigError(f"no certificate can be kept in {folder}: {error.strerror}") from error
    return made


def fingerprint(certificate: Certificate) -> str:
    """The SHA-256 of a certificate, as browsers show it."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    leaf = x509.load_pem_x509_certificates(certificate.chain.read_bytes())[0]
    return leaf.fingerprint(SHA256()).hex(":").upper()


def _names(host: str) -> tuple[str, ...]:
    """By what the machine may be called: its names and addresses."""
    own = socket.gethostname()
    found = {"localhost", "127.0.0.1", "::1", own, socket.getfqdn(), host} - {EVERYWHERE, "::", ""}
    with suppress(OSError):  # a machine that does not know itself
        found |= {str(one[4][0]).partition("%")[0] for one in socket.getaddrinfo(own, None)}
    return tuple(sorted(found))


def _is_good(made: Certificate, names: tuple[str, ...], *, now: datetime) -> bool:
    """Whether both files are there, belong together, name what they have to, and have some time left."""
    from cryptography import x509

    try:
        given(made.chain, made.key, now=now)
    except ConfigError:
        return False
    leaf = x509.load_pem_x509_certificates(made.chain.read_bytes())[0]
    alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    said = {str(one.value) for one in alternative}
    return said >= set(names) and leaf.not_valid_after_utc > now + timedelta(days=RENEWED_DAYS)


def _signed(private: Any, names: tuple[str, ...], *, now: datetime) -> Any:  # cryptography's key and certificate
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, socket.gethostname()[:64] or "pumphouse")])
    alternative: list[x509.GeneralName] = []
    for name in names:
        try:
            alternative.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternative.append(x509.DNSName(name))
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a client's clock may be behind
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )


def _write(path: Path, data: bytes) -> None:
    """A file that nobody else may read, whole or not at all."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    scratch.replace(path)
