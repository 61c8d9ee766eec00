"""Files in object storage: S3 and what speaks like it, Google Cloud Storage, Azure. Each is found and read by pyarrow.

    s3://bucket/visits/*.csv.gz      gs://bucket/visits/**/*.parquet      az://container/visits/2026-*.jsonl

The key has the meaning of a path, and `*`, `?`, `[..]`, `**` that which they have for files of a folder.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pumphouse.declare.asset import Asset
from pumphouse.errors import ConfigError, SourceError, did_you_mean
from pumphouse.lake.context import Connection
from pumphouse.sources.files.keeping import SMALL_BYTES_MAX
from pumphouse.sources.files.listing import FILES_MAX, Found, fits, has_magic, parts_of, too_many

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

AHEAD = 16
"""Objects that are fetched at the same time."""
CONNECT_S_MAX = 5.0
SILENCE_S_MAX = 30.0
TRIES_MAX = 3
TRYING_S_MAX = 60
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "s3": ("endpoint", "region", "access_key", "secret_key", "session_token", "anonymous"),
    "gs": ("endpoint", "anonymous"),
    "az": ("endpoint", "account", "account_key", "sas_token"),
}
"""What a connection may say for each kind of storage."""
SECRETS = ("access_key", "secret_key", "session_token", "account_key", "sas_token")

_DENIED = (
    "access_denied",
    "invalid_access_key",
    "signature",
    "permission_denied",
    "unauthenticated",
    "authenticationfailed",
    "authorizationfailure",
    "status 403",
)
_NO_BUCKET = ("no_such_bucket", "containernotfound", "bucket does not exist")
_UNREACHABLE = ("network_connection", "connect to server", "new connection", "timed out", "timeout", "unavailable")


def is_stored(pattern: str) -> bool:
    """Whether a pattern leads into object storage."""
    return _scheme(pattern) in OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A place in object storage, with what it takes to get there."""

    asset: Asset
    connection: Connection | None
    system: FileSystem

    def matching(self) -> list[Found]:
        """The objects that match, by name. Raises SourceError where there are none, or more than FILES_MAX."""
        from pyarrow.fs import FileSelector, FileType

        pattern = self.asset.spec.pattern
        scheme = _scheme(pattern)
        parts = parts_of(pattern.removeprefix(f"{scheme}://"))
        fixed = next((at for at, part in enumerate(parts) if has_magic(part)), len(parts))
        base, rest = "/".join(parts[:fixed]), parts[fixed:]
        if fixed == 0 or len(parts) < 2:
            raise self._error(f"'{pattern}' names no bucket and key", mend=f"Write {scheme}://bucket/folder/*.csv.")
        with self._told(base):
            wanted = FileSelector(base, recursive=len(rest) > 1) if rest else [base]
            infos = self.system.get_file_info(wanted)
        found = [
            Found(f"{scheme}://{info.path}", info.size or 0, info.mtime_ns or 0)
            for info in infos
            if info.type == FileType.File and (not rest or fits(info.path.removeprefix(f"{base}/").split("/"), rest))
        ]
        if len(found) > FILES_MAX:
            raise too_many(self.asset)
        if not found:
            raise self._error(f"no object matches '{pattern}'", mend="Are the bucket and the key written right?")
        return sorted(found)

    def opened(self, wanted: Sequence[Found]) -> Iterator[IO[bytes]]:
        """The bytes of each, in their order. Small ones are fetched some ahead."""
        waiting: deque[tuple[Found, Future[IO[bytes]]]] = deque()
        with ThreadPoolExecutor(AHEAD) as pool:
            try:
                for one in wanted:
                    waiting.append((one, pool.submit(self._open, one)))
                    if len(waiting) > AHEAD:
                        yield self._taken(*waiting.popleft())
                while waiting:
                    yield self._taken(*waiting.popleft())
            finally:
                for _, future in waiting:
                    future.cancel()

    def _taken(self, one: Found, future: Future[IO[bytes]]) -> IO[bytes]:
        with self._told(one.name):
            return future.result()

    def _open(self, one: Found) -> IO[bytes]:
        _, _, path = one.name.partition("://")
        # As it lies there: it is not to be unpacked on the way.
        stream = self.system.open_input_stream(path, compression=None)
        if one.size_bytes > SMALL_BYTES_MAX:
            return stream  # type: ignore[no-any-return]
        with stream:
            return io.BytesIO(stream.read())

    @contextmanager
    def _told(self, where: str) -> Iterator[None]:
        """Raise what storage answers as an error of the asset, without a secret in it."""
        try:
            yield
        except FileNotFoundError:
            raise self._error(
                f"there is nothing at {where}",
                mend="Are the bucket and the key written right? If it went just now: run again.",
            ) from None
        except OSError as error:
            text = " ".join(str(error).split())
            if _says(text, _DENIED):
                raise self._error(
                    f"{where} may not be read: access was denied",
                    mend=f"{self._who} needs the right to list and to read.",
                ) from None
            if _says(text, _NO_BUCKET):
                raise self._error(
                    f"there is no bucket '{where.split('/', 1)[0]}'", mend="Is its name written right?"
                ) from None
            if _says(text, _UNREACHABLE):
                raise self._error(
                    f"{where} could not be reached, in {TRIES_MAX} tries or {TRYING_S_MAX} s",
                    mend="Is the endpoint right, up, and reachable from this machine?",
                ) from None
            raise self._error(
                f"{where} can't be read: {text}", mend="Run again; what was stored is not lost."
            ) from None

    @property
    def _who(self) -> str:
        return f"[connections.{self.connection.name}]" if self.connection else "This machine's own account"

    def _hidden(self, text: str) -> str:
        for name in SECRETS if self.connection else ():
            value = str(self.connection.options.get(name, "")) if self.connection else ""
            text = text.replace(value, "(hidden)") if value else text
        return text

    def _error(self, what: str, *, mend: str | None) -> SourceError:
        return SourceError(self._hidden(what), asset=self.asset.name, place=self.asset.place, mend=mend)


def storage(asset: Asset, connection: Connection | None) -> Storage:
    """The storage that an asset's pattern leads into. Raises ConfigError where its connection does not fit."""
    pattern = asset.spec.pattern
    if connection is not None:
        _refuse_other(asset, connection)
    options = dict(connection.options) if connection else {}
    scheme = _scheme(pattern)
    system = {"s3": _s3, "gs": _gcs, "az": _azure}[scheme]
    try:
        return Storage(asset=asset, connection=connection, system=system(options))
    except (ValueError, TypeError, KeyError, OSError):  # its text may hold what is secret
        name = connection.name if connection else "NAME"
        raise ConfigError(
            f"{scheme}:// can't be opened with what is known of it",
            asset=asset.name,
            place=asset.place,
            mend=f"In [connections.{name}] it takes {', '.join(OPTIONS[scheme])}"
            + (", of which account is needed." if scheme == "az" else "; both keys or none."),
        ) from None


def _refuse_other(asset: Asset, connection: Connection) -> None:
    scheme, where = _scheme(asset.spec.pattern), f"[connections.{connection.name}]"
    for name in connection.options:
        if name not in OPTIONS[scheme]:
            raise ConfigError(
                f"{where} says '{name}', which {scheme}:// has no use for",
                asset=asset.name,
                mend=did_you_mean(name, OPTIONS[scheme]) or f"It takes {', '.join(OPTIONS[scheme])}.",
            )
    if not f"{asset.spec.pattern}/".startswith(f"{connection.url.rstrip('/')}/"):
        raise ConfigError(
            f"'{asset.spec.pattern}' is not below {connection.url}, which is what {where} is for",
            asset=asset.name,
            place=asset.place,
            mend="Its keys are shown to no other place: declare a connection for this one.",
        )


def _s3(options: Mapping[str, Any]) -> FileSystem:
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

    where = _endpoint(options, scheme="scheme", host="endpoint_override")
    return S3FileSystem(
        access_key=options.get("access_key"),
        secret_key=options.get("secret_key"),
        session_token=options.get("session_token"),
        anonymous=options.get("anonymous", False),
        region=options.get("region") or ("us-east-1" if where else None),
        connect_timeout=CONNECT_S_MAX,
        request_timeout=SILENCE_S_MAX,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=TRIES_MAX),
        **where,
    )


def _gcs(options: Mapping[str, Any]) -> FileSystem:
    from pyarrow.fs import GcsFileSystem

    return GcsFileSystem(
        anonymous=options.get("anonymous", False),
        retry_time_limit=timedelta(seconds=TRYING_S_MAX),
        **_endpoint(options, scheme="scheme", host="endpoint_override"),
    )


def _azure(options: Mapping[str, Any]) -> FileSystem:
    from pyarrow.fs import AzureFileSystem

    return AzureFileSystem(
        account_name=options["account"],
        account_key=options.get("account_key"),
        sas_token=options.get("sas_token"),
        **_endpoint(options, scheme="blob_storage_scheme", host="blob_storage_authority"),
        **_endpoint(options, scheme="dfs_storage_scheme", host="dfs_storage_authority"),
    )


def _endpoint(options: Mapping[str, Any], *, scheme: str, host: str) -> dict[str, str]:
    """Where the storage is, in the words of its kind; nothing where it is where its maker has it."""
    if "endpoint" not in options:
        return {}
    parts = urlsplit(str(options["endpoint"]))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("no address")
    return {scheme: parts.scheme, host: parts.netloc}


def _scheme(pattern: str) -> str:
    return pattern.partition("://")[0] if "://" in pattern else ""


def _says(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text.lower() for word in words)
