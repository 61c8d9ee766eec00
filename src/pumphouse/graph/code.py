"""What each statement of a Python module binds, reads and calls, found in its text without importing it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterator

import msgspec

from pumphouse.graph.findings import Finding

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
STRING_LENGTH_MAX = 512
"""Longer texts are no names of files."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
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
            for name, target in _imported(node):
                if name == "*":
                    stars.append(target.removesuffix(":*") + ":")
                else:
                    imports[name] = target
    statements: list[Statement] = []
    bindings: dict[str, list[int]] = {}
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node) or _is_main_guard(node):
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
    names = _Names()
    names.read_block([_without_declaring(node, imports)])
    bound = names.bound | (names.changed - imports.keys())
    return (
        Statement(
            digest=_digest(_without_declaring(node, imports)),
            reads=tuple(sorted(names.reads)),
            imports=tuple(sorted(names.imports)),
            strings=tuple(sorted(names.strings)),
            impure=tuple(_impure(names.calls, imports)),
        ),
        bound,
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
    chain = _chain(decorator.func if isinstance(decorator, ast.Call) else decorator)
    module = imports.get(chain.partition(".")[0], "") if chain else ""
    return module.partition(":")[0].partition(".")[0] == "pumphouse"


class _Names:
    """Collects what a piece of syntax reads from outside of itself, function by function as Python's scopes are."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.changed: set[str] = set()
        self.reads: set[str] = set()
        self.imports: set[str] = set()
        self.strings: set[str] = set()
        self.calls: list[tuple[str, int, bool]] = []
        self._functions_deep = 0

    def read_block(self, body: list[ast.stmt]) -> None:
        """Reads statements at the top of a module."""
        local: set[str] = set()
        self._bind(body, local)
        self.bound |= local
        for node in body:
            self._read(node, frozenset())

    def _read(self, node: ast.AST, hidden: frozenset[str]) -> None:
        """`hidden` are the names that mean something local here."""
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                self._read_function(node, hidden)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                inner = set(hidden)
                for generator in node.generators:
                    inner |= {name.id for name in ast.walk(generator.target) if isinstance(name, ast.Name)}
                for child in ast.iter_child_nodes(node):
                    self._read(child, frozenset(inner))
            case ast.Name(id=name):
                if name not in hidden and isinstance(node.ctx, ast.Load):
                    self.reads.add(name)
            case ast.Attribute() if chain := _chain(node):
                root = chain.partition(".")[0]
                if root not in hidden:
                    self.reads.add(chain)
                    if not isinstance(node.ctx, ast.Load):
                        self._change({root})
            case ast.Subscript() if not isinstance(node.ctx, ast.Load):
                self._change({_chain(node.value).partition(".")[0]} - {""})
                self._read_children(node, hidden)
            case ast.Expr():
                # A bare call such as `RATES.update(more)` or `register(helper)` may change whatever it mentions.
                self._change({name.id for name in ast.walk(node) if isinstance(name, ast.Name)})
                self._read_children(node, hidden)
            case ast.Constant(value=str() as text):
                self._add_string(text)
            case ast.BinOp(op=ast.Div()):
                self._add_string("/".join(_path_parts(node)))
                self._read_children(node, hidden)
            case ast.Import() | ast.ImportFrom():
                self.imports |= {target for _, target in _imported(node)}
            case ast.Call():
                self._read_call(node, hidden)
            case _:
                self._read_children(node, hidden)

    def _read_children(self, node: ast.AST, hidden: frozenset[str]) -> None:
        body = getattr(node, "body", None)
        for child in ast.iter_child_nodes(node):
            if isinstance(body, list) and body and child is body[0] and _is_docstring(child):
                continue
            self._read(child, hidden)

    def _read_call(self, node: ast.Call, hidden: frozenset[str]) -> None:
        chain = _chain(node.func)
        if chain and chain.partition(".")[0] not in hidden:
            self.calls.append((chain, node.lineno, bool(node.args or node.keywords)))
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("join", "joinpath"):
            self._add_string("/".join(_texts(node.args)))
        self._read_children(node, hidden)

    def _read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, hidden: frozenset[str]) -> None:
        arguments = node.args
        for outside in (*arguments.defaults, *(default for default in arguments.kw_defaults if default)):
            self._read(outside, hidden)
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
        local = {argument.arg for argument in every if argument}
        if isinstance(node, ast.Lambda):
            self._functions_deep += 1
            self._read(node.body, hidden | local)
            self._functions_deep -= 1
            return
        for outside in node.decorator_list:
            self._read(outside, hidden)
        shared: set[str] = set()
        self._bind(node.body, local, shared)
        self._functions_deep += 1
        for child in node.body[1:] if _is_docstring(node.body[0]) else node.body:
            self._read(child, (hidden | local) - shared)
        self._functions_deep -= 1

    def _change(self, names: set[str]) -> None:
        # What a function changes, it changes when it is called; whoever calls it reads it already.
        if not self._functions_deep:
            self.changed |= names

    def _bind(self, body: list[ast.stmt], local: set[str], shared: set[str] | None = None) -> None:
        """Adds to `local` the names that `body` binds in its own scope, and to `shared` those declared global."""
        waiting: list[ast.AST] = list(body)
        while waiting:
            node = waiting.pop()
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    local.add(node.name)
                    continue
                case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                    local |= {
                        name.target.id
                        for name in ast.walk(node)
                        if isinstance(name, ast.NamedExpr) and not isinstance(node, ast.Lambda)
                    }
                    continue
                case ast.Name(id=name) if isinstance(node.ctx, ast.Store):
                    local.add(name)
                case ast.Import() | ast.ImportFrom():
                    local |= {name for name, _ in _imported(node)}
                case ast.ExceptHandler(name=str() as name):
                    local.add(name)
                case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
                    local.add(name)
                case ast.MatchMapping(rest=str() as name):
                    local.add(name)
                case ast.Global(names=names) if shared is not None:
                    shared |= set(names)
                case _:
                    pass
            waiting.extend(ast.iter_child_nodes(node))

    def _add_string(self, text: str) -> None:
        if 0 < len(text) <= STRING_LENGTH_MAX and "\n" not in text and "\0" not in text:
            self.strings.add(text)


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
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(
                child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt | ast.excepthandler)
            )


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, f"{alias.name}:"
            else:
                yield alias.name.partition(".")[0], f"{alias.name.partition('.')[0]}:"
    else:
        for alias in node.names:
            yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}:{alias.name}"


def _parameters(tree: ast.Module) -> dict[int, dict[str, int]]:
    lines: dict[int, dict[str, int]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg)
            lines[first] = {"": node.lineno} | {argument.arg: argument.lineno for argument in every if argument}
    return lines


def _chain(node: ast.AST) -> str:
    """`a.b.c` as text, or "" where it starts from something else than a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def _path_parts(node: ast.expr) -> list[str]:
    # `Path("data") / "2024" / "rates.csv"` names data/2024/rates.csv; what stands before the first text is a folder.
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*_path_parts(node.left), *_texts([node.right])]
    if isinstance(node, ast.Call):
        return _texts(node.args)
    return _texts([node])


def _texts(nodes: list[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


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
            if field == "body" and isinstance(value, list) and _is_docstring(value[0]):
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
