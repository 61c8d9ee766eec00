"""Makes the two files of purchases from the `lifetimes` wheel, the same bytes each time.

pip download --no-deps lifetimes==0.11.3
python -m shop_world.make_data Lifetimes-0.11.3-py3-none-any.whl          # from examples/
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

from shop_world.purchases import API_PART, FILE_PART, SPLIT_DAY, parse

MEMBER = "lifetimes/datasets/CDNOW_master.txt"
MEMBER_SHA256 = "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef"


def main() -> None:
    """Write both files and print what they hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="Lifetimes-0.11.3-py3-none-any.whl")
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        master = wheel.read(MEMBER)
    if (found := hashlib.sha256(master).hexdigest()) != MEMBER_SHA256:
        raise SystemExit(f"{MEMBER} has sha256 {found}, expected {MEMBER_SHA256}: use the wheel of lifetimes 0.11.3")
    for path, part in zip((FILE_PART, API_PART), split(master), strict=True):
        path.write_bytes(compressed(part))
        purchases = len(part.splitlines())
        print(f"{path.name}: {purchases:,} purchases, sha256 of the text {hashlib.sha256(part).hexdigest()}")


def split(master: bytes) -> tuple[bytes, bytes]:
    """The lines up to and after SPLIT_DAY, each as it stands in the master, without the master's one header line."""
    _, *lines = master.splitlines(keepends=True)
    early = [parse(line.decode("ascii")).day <= SPLIT_DAY for line in lines]
    return (
        b"".join(line for line, is_early in zip(lines, early, strict=True) if is_early),
        b"".join(line for line, is_early in zip(lines, early, strict=True) if not is_early),
    )


def compressed(text: bytes) -> bytes:
    """Gzip without a name or a time in it, so that equal text gives equal bytes."""
    file = io.BytesIO()
    # gzip.compress leaves the header to zlib, which names the operating system there.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as writer:
        writer.write(text)
    return file.getvalue()


if __name__ == "__main__":
    main()
