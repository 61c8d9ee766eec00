"""The command line: which commands there are, what holds for all of them, and how each ends.

A command's module brings an engine with it, so it is imported when the command is called; until then its help is read
from its source.
"""

from __future__ import annotations

import ast
import io
import os
import re
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from cyclopts import App, CycloptsError, Group, Parameter

from pumphouse.cli.call import Call, nearest_project
from pumphouse.cli.help import Layout
from pumphouse.cli.output import print_error, visible
from pumphouse.errors import PumphouseError

COMMANDS: dict[str, dict[str, str | dict[str, str]]] = {
    "Begin": {"new": "starting:new", "demo": "example:demo"},
    "Build": {
        "validate": "building:validate",
        "plan": "building:plan",
        "run": "building:run",
        "receive": "receiving:receive",
        "check": "checking:check",
        "serve": "serving:serve",
    },
    "Look": {
        "show": "looking:show",
        "find": "finding:find",
        "sources": {"list": "sourcing:show", "try": "sourcing:try_"},
        "query": "querying:query",
        "search": "searching:search",
        "connect": "connecting:connect",
        "clients": "client_packages:clients",
        "log": "looking:log",
        "access": "access:access",
        "adoption": "looking:adoption",
        "try": "trying:try_value",
        "categories": "spelling:categories",
        "diff": "rehearsing:diff",
        "suggest": "rehearsing:suggest",
        "personal": "rehearsing:personal",
        "trace": "tracing:trace",
        "model": {
            "show": "models:show",
            "promote": "models:promote",
            "rollback": "models:rollback",
            "diff": "models:diff",
            "export": "models:export",
            "import": "models:import_",
        },
    },
    "Change": {
        "checks": {"import": "importing_checks:import_"},
        "restore": "changing:restore",
        "hide": "changing:hide",
        "upkeep": "upkeeping:upkeep",
        "terms": {
            "list": "terms:show",
            "accept": "terms:accept",
            "refuse": "terms:refuse",
            "history": "terms:history",
        },
        "survey": {"invite": "surveys:invite", "show": "surveys:show", "import": "importing_answers:import_"},
        "token": {"make": "tokens:make", "list": "tokens:show", "revoke": "tokens:revoke"},
    },
}
"""Commands under the headings of the help, each with its module and function in this room."""

HELP = """The whole job of a data engineer: declare a project in a folder, and run it.

A command ends with 0 where it did what was asked; 1 where it could not; 2 where it was asked wrongly (the command \
line, pumphouse.toml, faults in the project); 3 where something failed in a run; 4 where somebody else holds the lake; \
130 after Ctrl-C.

For example:

    pumphouse new shop --from orders.csv
    cd shop
    pumphouse run
"""
MEANT = {"sources": "list"}
"""Commands of several parts, each with the one that is meant where none is named."""
EVERYWHERE = Group("Everywhere", sort_key=len(COMMANDS))
"""Options that every command has."""
ASKED_WRONGLY, INTERRUPTED, PIPE_CLOSED = 2, 130, 141


def main() -> None:
    """The console script `pumphouse`."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """The exit code of the command that the arguments ask for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal can't show is no reason to end
    try:
        code: int | None = application().meta(arguments, print_error=False, exit_on_error=False)
        sys.stdout.flush()
    except CycloptsError as error:
        command = " ".join(["pumphouse", *(error.command_chain or ())])
        print_error(PumphouseError(str(error).strip(), mend=f"See: {command} --help"))
        return ASKED_WRONGLY
    except BrokenPipeError:
        # Whoever reads our output has read enough. Python would complain when it flushes the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt as stop:
        print(visible(" ".join(["stopped", *getattr(stop, "__notes__", ())])), file=sys.stderr)
        return INTERRUPTED
    return code or 0


def application() -> App:
    """All commands; no module of theirs is imported."""
    app = App(
        name="pumphouse",
        help=HELP,
        version=_version,
        help_format="plaintext",
        help_formatter=Layout(),
        default_parameter=Parameter(negative=()),
        group_parameters=Group("Options", sort_key=-1),
        result_action="return_value",
    )
    app.suppress_keyboard_interrupt = app.meta.suppress_keyboard_interrupt = False
    app["--help"].group = app["--version"].group = (EVERYWHERE,)
    for number, (heading, commands) in enumerate(COMMANDS.items()):
        group = Group(heading, sort_key=number)
        for place, (name, target) in enumerate(commands.items()):
            if isinstance(target, str):
                _add(app, name, target, group=group, sort_key=place)
            else:
                parts = App(name=name, help=f"Its commands: {', '.join(target)}.", group=group, sort_key=place)
                app.command(parts)
                for order, (part, function) in enumerate(target.items()):
                    _add(parts, part, function, group=None, sort_key=order)

    @app.meta.default
    def enter(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        project: Annotated[Path | None, Parameter(metavar="FOLDER", group=EVERYWHERE)] = None,
        env: Annotated[str | None, Parameter(metavar="NAME", group=EVERYWHERE)] = None,
        debug: Annotated[bool, Parameter(group=EVERYWHERE)] = False,
    ) -> int:
        """Run a command.

        Args:
            project: Folder of the project. Without it, the nearest one upward that has a pumphouse.toml.
            env: Environment of the project, as its pumphouse.toml names them.
            debug: Show the traceback of an error.
        """
        command, bound, ignored = app.parse_args(_named(tokens), print_error=False, exit_on_error=False)
        for name in ignored:
            folder = project.absolute() if project else nearest_project(Path.cwd())
            bound.arguments[name] = Call(folder=folder, env=env, debug=debug)
        try:
            return command(*bound.args, **bound.kwargs) or 0
        except PumphouseError as error:
            if debug:
                traceback.print_exception(error)
            print_error(error)
            return error.exit_code

    return app


def _named(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens with the part of a command that is meant where none is named."""
    part = MEANT.get(tokens[0]) if tokens else None
    if part is None or (len(tokens) > 1 and (tokens[1] in ("--help", "-h") or not tokens[1].startswith("-"))):
        return tokens
    return (tokens[0], part, *tokens[1:])


def _add(app: App, name: str, target: str, *, group: Group | None, sort_key: int) -> None:
    module, _, function = target.partition(":")
    path = f"pumphouse.cli.{module}"
    text = _flowing(_docstrings(path)[function])
    app.command(f"{path}:{function}", name=name, help=text, group=group, sort_key=sort_key)


@cache
def _docstrings(module: str) -> dict[str, str]:
    """The docstring of each function of a module, without importing it."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}


def _version() -> str:
    from importlib.metadata import version  # slow to import, and rarely wanted

    return version("pumphouse")


def _flowing(text: str) -> str:
    """The text with each paragraph on one line, for the terminal to break; indented lines stay."""
    return re.sub(r"(?<=[^\n])\n(?=\S)", " ", text)
