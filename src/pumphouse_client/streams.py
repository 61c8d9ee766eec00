"""Rows out of the body of an HTTP answer, in Arrow's stream format: whole, or an error that says they are not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pyarrow as pa

from pumphouse_client.errors import Unreachable

END = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""What Arrow writes behind the last batch. A body that ends otherwise was cut off."""


class Body:
    """The bytes of an answer as a file that Arrow reads."""

    closed = False

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._chunks = response.iter_raw()
        self._held = b""
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        """So many bytes; fewer only at the end."""
        parts, missing = [self._held], size - len(self._held)
        while missing > 0 or size < 0:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            parts.append(chunk)
            missing -= len(chunk)
        self._held = b""
        if size >= 0 and missing < 0:  # the last part has more than is wanted
            parts[-1], self._held = parts[-1][:missing], parts[-1][missing:]
        taken = b"".join(parts)
        self._last = (self._last + taken)[-len(END) :] if len(taken) < len(END) else taken[-len(END) :]
        return taken

    @property
    def is_whole(self) -> bool:
        """Whether what was read ends as it has to."""
        return self._last == END

    def finish(self) -> None:
        """Take the end, so that the connection can be used again."""
        self.read()

    def close(self) -> None:
        """Let go of the answer, read or not: the server ends what it still does for it."""
        self._response.close()


def batches_of(response: httpx.Response) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The columns, and batches as they come; the first is there. Raises httpx's errors until then.

    Later the batches raise Unreachable where the answer breaks off.
    """
    body = Body(response)
    try:
        stream = pa.ipc.open_stream(body)
        first = next(stream, None)
    except (pa.ArrowInvalid, OSError) as error:  # Arrow's words for what ends too early
        response.close()
        raise httpx.ReadError("the answer is cut off") from error
    except BaseException:
        response.close()
        raise
    return stream.schema, _taken(body, stream, first)


def _taken(body: Body, stream: Any, first: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
    rows = 0
    try:
        batch = first
        while batch is not None:
            rows += batch.num_rows
            yield batch
            batch = next(stream, None)
        if not body.is_whole:
            raise Unreachable(f"the answer broke off after {rows:,} rows", mend="Ask again.")
        body.finish()
    except (httpx.HTTPError, pa.ArrowInvalid, OSError) as error:
        raise Unreachable(f"the answer broke off after {rows:,} rows: {error}", mend="Ask again.") from error
    finally:
        body.close()
