"""Reads the tables of a Pumphouse project from its server: small, and without any part of the server."""

from __future__ import annotations

from pumphouse_client.cache import Cache
from pumphouse_client.connections import Connection, connect
from pumphouse_client.descriptions import Column, Description
from pumphouse_client.errors import ClientError, Denied, MissingPackage, NotFound, Unreachable
from pumphouse_client.found import Excerpt, Facet, Found, Hit
from pumphouse_client.tables import Table

__all__ = [
    "Cache",
    "ClientError",
    "Column",
    "Connection",
    "Denied",
    "Description",
    "Excerpt",
    "Facet",
    "Found",
    "Hit",
    "MissingPackage",
    "NotFound",
    "Table",
    "Unreachable",
    "connect",
]
