"""Versions of the libraries whose data decides what a step gives."""

from __future__ import annotations

from importlib import metadata


def with_versions(own: str, *distributions: str) -> str:
    """A step's version: its own, and that of each library that is there. `"1, phonenumbers 9.0.43"`"""
    parts = [own]
    for distribution in distributions:
        try:
            parts.append(f"{distribution} {metadata.version(distribution)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(parts)
