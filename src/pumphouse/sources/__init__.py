"""Where data comes from: files, databases, APIs, websites, surveys, functions. All become tables by one path.

from pumphouse.sources import from_dlt
"""

from pumphouse.sources.adapters import from_dlt

__all__ = ["from_dlt"]
