"""`demo`: the example shop, from raw files to a verdict."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from pumphouse.cli.demo import run_demo


def demo(folder: Path = Path("demo"), /) -> None:
    """Run the example shop: gather, clean, build, predict, report, and say what came of it.

    For example:

        pumphouse demo

    Args:
        folder: Where its lake is made.
    """
    run_demo(folder, Console(highlight=False))
