"""Prints what psycopg reads, as text and in binary, by its own types."""

import sys

import psycopg

with psycopg.connect() as connection:
    for binary in (False, True):
        cursor = connection.cursor(binary=binary)
        cursor.execute(sys.argv[1] + " LIMIT %s", [1000])
        assert cursor.description
        for row in cursor:
            for column, value in zip(cursor.description, row, strict=True):
                print(column.name, column.type_code, repr(value))
