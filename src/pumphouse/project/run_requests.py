"""What a run was asked for: whether it makes sense, and the command line that would ask for the same."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pumphouse.errors import ConfigError
from pumphouse.graph.assets import Graph


def refuse_unsliced(graph: Graph, targets: tuple[str, ...]) -> None:
    """Raise ConfigError where a window is given for all, or for something that is not made slice by slice."""
    if not targets:
        raise ConfigError("a window is redone of named tables", mend="Name them: pumphouse run TABLE --from DAY.")
    for name in targets:
        asset = graph.asset(name)
        if getattr(asset.spec, "slice", None) is None:
            raise ConfigError(
                f"'{name}' is not made slice by slice, so no window of it can be redone",
                asset=name,
                place=asset.place,
                mend=f"Leave --from and --to out, or fetch all of it again: pumphouse run {name} --refetch"
                if asset.is_gathered
                else f"Declare a slice, or build all of it: pumphouse run {name} --full",
            )


def refuse_replay(graph: Graph, targets: tuple[str, ...]) -> None:
    """Raise ConfigError where what was set aside should be read again of all, or of what sets nothing aside."""
    if not targets:
        raise ConfigError("what was set aside is cleaned again of named tables", mend="Name them: --replay TABLE.")
    for name in targets:
        asset = graph.asset(name)
        if asset.kind != "clean" and not asset.is_gathered:
            raise ConfigError(
                f"'{name}' is neither gathered nor made by cleaning, so no rows of it were set aside by a rule",
                asset=name,
                place=asset.place,
                mend="Name a source, or a table that clean(...) makes.",
            )


def command_line(targets: tuple[str, ...], flags: Mapping[str, object]) -> str:
    """The command line that would do the same, for the run log."""
    words = ["run", *targets]
    for name, value in flags.items():
        if value is True:
            words.append(f"--{name}")
        elif value is not None and value is not False and value not in (date.min, date.max):
            words.append(f"--{name} {value}")
    return " ".join(words)
