"""Parquet files, batch by batch."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from pumphouse.sources.files.texts import StoredFile
from pumphouse.sources.spool import BATCH_ROWS, Spool


def read(file: StoredFile, spool: Spool) -> bool:
    """Read a file into the spool. It always says which columns it has."""
    try:
        with pq.ParquetFile(file.path) as parquet:
            spool.add_arrow(pa.RecordBatch.from_pylist([], parquet.schema_arrow), raw=file.raw)
            for batch in parquet.iter_batches(BATCH_ROWS):
                spool.add_arrow(batch, raw=file.raw)
                if spool.is_full:
                    break
    except (pa.ArrowInvalid, OSError) as error:
        raise file.error(
            f"it is no whole Parquet file ({str(error).splitlines()[0]})", mend="Fetch the file again."
        ) from None
    return True
