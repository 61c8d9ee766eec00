"""What each statement of a Python module binds, reads and calls, found in its text without importing it."""

from __future__ import annotations

import ast
import hashlib
from collections import deque
from collections.abc import Callable, Iterator

import msgspec

from pumphouse.graph.findings import Finding
from pumphouse.graph.python_scopes import Names, chain_of, imported, is_docstring

_CLOCKS = frozenset({
    "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow", "datetime.date.today",
    "time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime",
    "pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow",
})  # fmt: skip
_RANDOM = ("random.", "secrets.", "uuid.uuid1", "uuid.uuid4", "os.urandom", "numpy.random.")
_GENERATORS = frozenset({
    "random.Random", "numpy.random.default_rng", "numpy.random.RandomState", "numpy.random.Generator",
    "numpy.random.PCG64", "numpy.random.SeedSequence",
})  # fmt: skip
"""Fine where they are given a seed."""
_ENVIRONMENT = ("os.getenv", "os.environ.")


class Statement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A statement at the top of a module, or a whole `if`, `for`, `try` or `with` there."""

    digest: str
    """Hash of its syntax without docstrings, comments and layout."""
    reads: tuple[str, ...] = ()
    """Names of the module that it reads, with the attributes taken of them: "rates.EUR"."""
    imports: tuple[str, ...] = ()
    """What it imports inside of functions, as in ModuleFacts.imports."""
    strings: tuple[str, ...] = ()
    """Texts in it that could name a file."""
    impure: tuple[Finding, ...] = ()
    """Calls of a clock or of chance."""


class ModuleFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a module. An import is "module:name", or "module:" for a whole one, with dots if relative."""

    statements: tuple[Statement, ...] = ()
    bindings: dict[str, tuple[int, ...]] = {}
    """Each name of the module, with the statements that bind or change it."""
    imports: dict[str, str] = {}
    stars: tuple[str, ...] = ()
    """Modules of which everything is imported."""
    parameters: dict[int, dict[str, int]] = {}
    """By the first line of a function (its decorator's): the line of each parameter, and of the `def` under ""."""
    fault: Finding | None = None
    """Why it isn't Python."""


def read_module(text: str) -> ModuleFacts:
    """What the module with this text binds, reads and calls."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return ModuleFacts(fault=Finding(error.lineno or 1, f"not valid Python: {error.msg}"))
    except (ValueError, RecursionError) as error:  # null bytes; nested too deep
        return ModuleFacts(fault=Finding(1, f"not valid Python: {error}"))
    imports: dict[str, str] = {}
    stars: list[str] = []
    for node in _outside_functions(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, target in imported(node):
                if name == "*":
                    stars.append(target.removesuffix(":*") + ":")
                else:
                    imports[name] = target
    statements: list[Statement] = []
    bindings: dict[str, list[int]] = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or is_docstring(node) or _is_main_guard(node):
            continue
        statement, bound = _statement(node, imports)
        for name in bound:
            bindings.setdefault(name, []).append(len(statements))
        statements.append(statement)
    return ModuleFacts(
        statements=tuple(statements),
        bindings={name: tuple(numbers) for name, numbers in bindings.items()},
        imports=imports,
        stars=tuple(stars),
        parameters=_parameters(tree),
    )


def _statement(node: ast.stmt, imports: dict[str, str]) -> tuple[Statement, set[str]]:
    node = _without_declaring(node, imports)
    names = Names(node)
    return (
        Statement(
            digest=_digest(node),
            reads=tuple(sorted(names.reads)),
            imports=tuple(sorted(names.imports)),
            strings=tuple(sorted(names.strings)),
            impure=tuple(_impure(names.calls, {**imports, **names.aliases})),
        ),
        names.bound | (names.changed - imports.keys()),
    )


def _without_declaring(node: ast.stmt, imports: dict[str, str]) -> ast.stmt:
    """The statement without decorators such as `@ph.table(...)`: what they say is in the declaration's spec."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.decorator_list:
        return node
    kept = [decorator for decorator in node.decorator_list if not _is_ours(decorator, imports)]
    if len(kept) == len(node.decorator_list):
        return node
    values = {field: getattr(node, field) for field in node._fields} | {"decorator_list": kept}
    return ast.copy_location(type(node)(**values), node)


def _is_ours(decorator: ast.expr, imports: dict[str, str]) -> bool:
    chain = chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator)
    module = imports.get(chain.partition(".")[0], "") if chain else ""
    return module.partition(":")[0].partition(".")[0] == "pumphouse"


def _impure(calls: list[tuple[str, int, bool]], imports: dict[str, str]) -> Iterator[Finding]:
    for chain, line, seeded in calls:
        root, _, rest = chain.partition(".")
        if root not in imports:
            continue
        module, _, name = imports[root].partition(":")
        full = ".".join(part for part in (module, name, rest) if part)
        if full in _CLOCKS:
            mend = "Take the day as a keyword-only parameter: `*, today`. It is a setting, and makes the asset stale."
            yield Finding(line, f"{chain}() is a clock, so that the same inputs would not give the same result", mend)
        elif full.startswith(_ENVIRONMENT):
            mend = "Take it as a keyword-only parameter with a default, a setting; a secret belongs to a connection."
            yield Finding(line, f"{chain}() reads the environment, of which no snapshot knows", mend)
        elif full in _GENERATORS:
            if not seeded:
                yield Finding(line, f"{chain}() is random without a seed", f"Give it a seed: {chain}(0).")
        elif full.startswith(_RANDOM):
            yield Finding(
                line,
                f"{chain}() is random, so that the same inputs would not give the same result",
                "Draw from a generator with a seed: random.Random(0).",
            )


def _outside_functions(tree: ast.Module) -> Iterator[ast.AST]:
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.excepthandler)
            )


def _parameters(tree: ast.Module) -> dict[int, dict[str, int]]:
    lines: dict[int, dict[str, int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
            lines[first] = {"": node.lineno} | {argument.arg: argument.lineno for argument in every if argument}
    return lines


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in {
        name.id for name in ast.walk(node.test) if isinstance(name, ast.Name)
    }


def _digest(node: ast.AST) -> str:
    hasher = hashlib.sha256()
    _write(node, hasher.update)
    return hasher.hexdigest()[:32]


def _write(node: object, write: Callable[[bytes], object]) -> None:
    """The syntax as bytes that are the same on every Python: fields that are empty or None are left out."""
    if isinstance(node, ast.AST):
        write(b"(" + type(node).__name__.encode())
        for field in node._fields:
            value = getattr(node, field, None)
            if (value is None and field != "value") or value == [] or field in ("kind", "type_comment", "ctx"):
                continue
            if field == "body" and isinstance(value, list) and is_docstring(value[0]):
                value = value[1:]
            write(b" " + field.encode() + b"=")
            _write(value, write)
        write(b")")
    elif isinstance(node, list):
        write(b"[")
        for item in node:
            _write(item, write)
            write(b",")
        write(b"]")
    else:
        write(f"{type(node).__name__}:{node!r}".encode())
