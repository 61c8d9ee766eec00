"""Reads the tables of a Pumphouse project from its server: small, and without any part of the server."""

from __future__ import annotations

from pumphouse_client.descriptions import Column, Description
from pumphouse_client.errors import ClientError, Denied, MissingPackage, NotFound, Unreachable
from pumphouse_client.tables import Table

__all__ = [
    "ClientError",
    "Column",
    "Denied",
    "Description",
    "MissingPackage",
    "NotFound",
    "Table",
    "Unreachable",
]
