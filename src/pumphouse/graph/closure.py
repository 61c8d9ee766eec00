"""All code of the project that a piece of it needs: functions, classes, constants, across modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from pumphouse.graph.code import ModuleFacts, Statement
from pumphouse.graph.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """All statements of the project that a piece of code needs, directly or through others."""

    digests: tuple[str, ...]
    strings: tuple[tuple[str, str], ...]
    """(folder of the module, text) of every text that could name a file."""
    impure: tuple[tuple[str, Finding], ...]
    """(file, finding) of every call of a clock or of chance."""


class Code:
    """The project's Python text: which statement needs which others, across modules."""

    def __init__(self, modules: Mapping[str, tuple[str, ModuleFacts]]) -> None:
        """`modules` maps dotted names to a file (relative to the project's folder) and its facts."""
        self._modules = dict(modules)
        # A package without __init__.py holds no statements, and is a step on the way to its modules.
        for name in modules:
            while (name := name.rpartition(".")[0]) and name not in self._modules:
                self._modules[name] = ("", ModuleFacts())
        self._packages = {name.rpartition(".")[0] for name in self._modules}

    def __contains__(self, module: str) -> bool:
        return module in self._modules

    def closure(self, starts: Iterable[tuple[str, str]]) -> Closure:
        """Everything that the names (module, name) need. A name that no statement binds stands for its whole module."""
        seen: dict[tuple[str, int], Statement] = {}
        waiting: list[tuple[str, int]] = []
        for module, name in starts:
            waiting += self._resolve(module, name, frozenset()) or self._whole(module)
        while waiting:
            module, number = key = waiting.pop()
            if key in seen:
                continue
            statement = seen[key] = self._modules[module][1].statements[number]
            for read in statement.reads:
                waiting += self._resolve(module, read, frozenset())
            for target in statement.imports:
                waiting += self._follow(module, target, "", frozenset())
        folders = {module: self._modules[module][0].rpartition("/")[0] for module, _ in seen}
        return Closure(
            digests=tuple(sorted({statement.digest for statement in seen.values()})),
            strings=tuple(
                sorted(
                    {(folders[module], text) for (module, _), statement in seen.items() for text in statement.strings}
                )
            ),
            impure=tuple(
                (self._modules[module][0], finding)
                for (module, _), statement in seen.items()
                for finding in statement.impure
            ),
        )

    def _resolve(self, module: str, chain: str, seen: Set[tuple[str, str]]) -> list[tuple[str, int]]:
        """Statements that bind the first name of `a.b.c` in a module, or that it stands for through imports."""
        if (module, chain) in seen:
            return []
        seen = {*seen, (module, chain)}
        facts = self._modules[module][1]
        root, _, rest = chain.partition(".")
        found = [(module, number) for number in facts.bindings.get(root, ())]
        if root in facts.imports:
            found += self._follow(module, facts.imports[root], rest, seen)
        if not found and root not in facts.imports:
            for star in facts.stars:
                source = self._absolute(module, star.partition(":")[0])
                if source in self._modules:
                    found += self._resolve(source, chain, seen)
        return found

    def _follow(self, module: str, target: str, rest: str, seen: Set[tuple[str, str]]) -> list[tuple[str, int]]:
        source, _, name = target.partition(":")
        source = self._absolute(module, source)
        if source not in self._modules:
            return []
        parts = [part for part in (name, *rest.split(".")) if part]
        while parts and f"{source}.{parts[0]}" in self._modules:
            source = f"{source}.{parts.pop(0)}"
        return self._resolve(source, ".".join(parts), seen) if parts else self._whole(source)

    def _whole(self, module: str) -> list[tuple[str, int]]:
        return [(module, number) for number in range(len(self._modules[module][1].statements))]

    def _absolute(self, module: str, target: str) -> str:
        name = target.lstrip(".")
        level = len(target) - len(name)
        if not level:
            return name
        is_package = module in self._packages
        parts = module.split(".")
        above = parts[: len(parts) - level + is_package]
        return ".".join([*above, name] if name else above)
