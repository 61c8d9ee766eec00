"""What a statement of Python binds, and what it reads from outside of itself, found in its syntax scope by scope."""

from __future__ import annotations

import ast
from collections.abc import Iterator

STRING_LENGTH_MAX = 512
"""Longer texts are no names of files."""


class Names:
    """The names of one statement at the top of a module."""

    def __init__(self, statement: ast.stmt) -> None:
        self.bound: set[str] = set()
        """Names it gives a value."""
        self.changed: set[str] = set()
        """Names whose value it may change: RATES in `RATES["EUR"] = 1` or in `RATES.update(more)`."""
        self.reads: set[str] = set()
        """Names from outside of it, with the attributes taken of them: "rates.EUR"."""
        self.imports: set[str] = set()
        """What it imports, written as `imported` does."""
        self.aliases: dict[str, str] = {}
        """The names it gives to its own imports."""
        self.strings: set[str] = set()
        """Texts that could name a file."""
        self.calls: list[tuple[str, int, bool]] = []
        """Chains it calls, each with its line and whether arguments are given."""
        self._functions_deep = 0
        self._bind([statement], self.bound)
        self._read(statement, frozenset())

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
            case ast.Attribute() if chain := chain_of(node):
                root = chain.partition(".")[0]
                if root not in hidden:
                    self.reads.add(chain)
                    if not isinstance(node.ctx, ast.Load):
                        self._change({root})
            case ast.Subscript() if not isinstance(node.ctx, ast.Load):
                self._change({chain_of(node.value).partition(".")[0]} - {""})
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
                self.aliases |= dict(imported(node))
                if isinstance(node, ast.Import):
                    self.imports |= {f"{alias.name}:" for alias in node.names}
                else:
                    self.imports |= {target for _, target in imported(node)}
            case ast.Call():
                self._read_call(node, hidden)
            case _:
                self._read_children(node, hidden)

    def _read_children(self, node: ast.AST, hidden: frozenset[str]) -> None:
        body = getattr(node, "body", None)
        for child in ast.iter_child_nodes(node):
            if isinstance(body, list) and body and child is body[0] and is_docstring(child):
                continue
            self._read(child, hidden)

    def _read_call(self, node: ast.Call, hidden: frozenset[str]) -> None:
        chain = chain_of(node.func)
        root = chain.partition(".")[0]
        if chain and (root not in hidden or root in self.aliases):
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
        for child in node.body[1:] if is_docstring(node.body[0]) else node.body:
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
                    local |= {name for name, _ in imported(node)}
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
        if may_name_file(text):
            self.strings.add(text)


def may_name_file(text: str) -> bool:
    """Whether a text could be a file's name at all."""
    return 0 < len(text) <= STRING_LENGTH_MAX and "\n" not in text and "\0" not in text


def imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Each name that an import binds, and what it means: "module:name", or "module:" for a whole module."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.asname:
                yield alias.asname, f"{alias.name}:"
            else:
                yield alias.name.partition(".")[0], f"{alias.name.partition('.')[0]}:"
    else:
        for alias in node.names:
            yield alias.asname or alias.name, f"{'.' * node.level}{node.module or ''}:{alias.name}"


def chain_of(node: ast.AST) -> str:
    """`a.b.c` as text, or "" where it starts from something else than a name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def is_docstring(node: ast.AST) -> bool:
    """Whether it is a text that stands alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _path_parts(node: ast.expr) -> list[str]:
    # `Path("data") / "2024" / "rates.csv"` names data/2024/rates.csv; what stands before the first text is a folder.
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*_path_parts(node.left), *_texts([node.right])]
    if isinstance(node, ast.Call):
        return _texts(node.args)
    return _texts([node])


def _texts(nodes: list[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
