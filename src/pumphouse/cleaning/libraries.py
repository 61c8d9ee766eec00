"""Libraries that steps need: whether they are there, and the versions of those whose data decides what a step gives."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from pumphouse.errors import MissingExtra


def with_versions(own: str, *distributions: str) -> str:
    """A step's version: its own, and that of each library that is there. `"1, phonenumbers 9.0.43"`"""
    parts = [own]
    for distribution in distributions:
        try:
            parts.append(f"{distribution} {metadata.version(distribution)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(parts)


def numpy(purpose: str) -> Any:  # Any: a module
    """numpy, or MissingExtra."""
    try:
        import numpy as np
    except ImportError:
        raise MissingExtra("numpy", extra="cleaning", purpose=purpose) from None
    return np
