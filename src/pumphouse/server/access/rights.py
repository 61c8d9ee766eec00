"""Whom the declarations let see what: decided by name alone, before anything is known of the lake.

    A table with a grant is there for whom its grants name, and for the owner: a token of the scope `all`.
    A table without one is there for whoever may read, unless pumphouse.toml closes it, or it is kin of a closed one:
        what is made from it, for who sees all that it is made from in full;
        what it is made from, for nobody but the owner: the columns that a grant masks stand there unmasked.
    What is no table (a report, an index, a model) follows the same rules, as a whole.
    What the lake writes beside a table (its quarantine, fits, failed rows, predictions) goes with an open table; beside
        a restricted one it is the owner's.

A grant to everyone that hides nothing restricts nothing, so it opens what would be closed as kin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from pumphouse.catalog.lineage import made_from
from pumphouse.declare.asset import Asset
from pumphouse.declare.grants import EVERYONE, WITH_ROWS, Grant
from pumphouse.graph.edges import sort_by_edges
from pumphouse.server.access.gate import Visitor

FACTS = frozenset({"check", "contract", "bet", "deliver"})
"""They are about others: whoever sees those in full may know of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What somebody may see of one thing: all of it, what some grants show, or nothing."""

    grants: tuple[Grant, ...] | None
    """Those that name them, in order of name; None is all of it, and none at all is nothing."""
    why: str
    """In words for the owner. It may name what the visitor must not know of."""

    @property
    def is_whole(self) -> bool:
        """Whether they see all of it, unmasked."""
        return self.grants is None

    @property
    def is_nothing(self) -> bool:
        """Whether it is not there for them."""
        return self.grants == ()


def whole(why: str) -> Right:
    """The right to all of it."""
    return Right(grants=None, why=why)


def nothing(why: str) -> Right:
    """No right."""
    return Right(grants=(), why=why)


class Rights:
    """The rights that a project declares. Nothing in it changes, so threads share it."""

    def __init__(self, assets: Mapping[str, Asset], *, groups: Collection[str] = (), is_open: bool = True) -> None:
        """`groups` are the names that are groups; `is_open` says whether a table without a grant is for all readers."""
        self._assets = assets
        self._groups = frozenset(groups)
        self._is_open = is_open
        self._grants: dict[str, list[tuple[str, Grant]]] = {}
        for name, asset in sorted(assets.items()):
            if asset.kind == "grant":
                self._grants.setdefault(asset.spec.asset, []).append((name, asset.spec))
        named = {one for grants in self._grants.values() for _, grant in grants for one in grant.to}
        self._people, self._granted_groups = named - self._groups, named & self._groups
        self._restricted = {name for name, grants in self._grants.items() if not _opens(grants)}
        inputs = {name: tuple(one for one in asset.inputs if one in assets) for name, asset in assets.items()}
        self._order = sort_by_edges(inputs, allowed_self=assets)
        self._sources = self._sources_of_restricted()
        self._kin = self._kin_of_restricted()

    def is_restricted(self, name: str) -> bool:
        """Whether some who may read do not see all of it."""
        return name in self._restricted or name in self._kin or (name not in self._grants and not self._is_open)

    def has_own(self, name: str) -> bool:
        """Whether something has grants of its own, and does not go by what it is made from."""
        return name in self._grants

    def of(self, visitor: Visitor, name: str) -> Right:
        """What somebody may see of a table of the lake, or of anything that is declared."""
        return self.of_all(visitor)[name] if name in self._assets else self._decided(visitor, name, {})

    def alike(self, visitor: Visitor) -> Visitor:
        """Somebody with the same rights, and the same one for all who have these."""
        who = visitor.who if visitor.who in self._people else ""
        return replace(visitor, who=who, groups=visitor.groups & self._granted_groups)

    def of_all(self, visitor: Visitor) -> Mapping[str, Right]:
        """What somebody may see of each thing that is declared."""
        found: dict[str, Right] = {}
        for name in self._order:  # what a thing is made from comes before it
            self._of(visitor, name, found)
        return found

    def may_use(self, visitor: Visitor, name: str) -> bool:
        """Whether somebody whose token is good for it may ask a rollout, or update a store: unless told otherwise.

        The scope says that they may; a grant of its own says that only those may whom it names, and a token that names
        its tables is good for what it names.
        """
        if visitor.tables is not None and name not in visitor.tables:
            return False
        grants = self._grants.get(name)
        return visitor.scope == "all" or grants is None or any(self._names(one, visitor) for _, one in grants)

    def _of(self, visitor: Visitor, name: str, found: dict[str, Right]) -> Right:
        if name not in found:
            found[name] = nothing("it is made from itself")  # stands while its inputs are looked at
            found[name] = self._decided(visitor, name, found)
        return found[name]

    def _decided(self, visitor: Visitor, name: str, found: dict[str, Right]) -> Right:
        asset = self._assets.get(name)
        if visitor.tables is not None and name not in visitor.tables:
            if asset is None or asset.kind in WITH_ROWS or not asset.inputs:
                return nothing("their token is for other tables")
            return self._by_inputs(visitor, asset, found)
        if visitor.scope == "all":
            return whole("their token is the owner's, or of the scope 'all'")
        if asset is None:
            return self._beside(name)
        if asset.kind == "grant":
            return nothing("what is granted is the owner's to know")
        if name in self._grants:
            own = [(one, grant) for one, grant in self._grants[name] if self._names(grant, visitor)]
            if not own:
                return nothing("it has grants, and none names them")
            said = ", ".join(one for one, _ in own)
            if any(grant.is_whole for _, grant in own):
                return whole(f"granted by {said}")
            return Right(grants=tuple(grant for _, grant in own), why=f"granted by {said}")
        if not self._is_open and (asset.kind in WITH_ROWS or not asset.inputs):
            return nothing('it has no grant, and pumphouse.toml says default = "closed"')
        if name in self._sources:
            return nothing(f"'{self._sources[name]}', which has grants, is made from it")
        if name in self._kin or asset.kind not in WITH_ROWS:
            return self._by_inputs(visitor, asset, found)
        return whole("it has no grant, and is made from nothing that has one")

    def _by_inputs(self, visitor: Visitor, asset: Asset, found: dict[str, Right]) -> Right:
        """The right to what is made from others: all of it for who sees all of those in full."""
        for one in asset.inputs:
            if one != asset.name and not self._of(visitor, one, found).is_whole:
                return nothing(f"it is made from '{one}', which they do not see in full")
        return whole("they see in full what it is made from")

    def _beside(self, table: str) -> Right:
        """The right to a table that the lake wrote beside another, or that nobody declares any more."""
        of, _, _ = table.rpartition("__")
        if of in self._assets:
            if self.is_restricted(of):
                return nothing(f"it stands beside '{of}', which is restricted")
            return whole(f"it stands beside '{of}', which is open")
        if self._restricted or not self._is_open:
            return nothing("nobody declares it any more, so nobody knows what it was made from")
        return whole("nothing is restricted here")

    def _names(self, grant: Grant, visitor: Visitor) -> bool:
        """Whether a grant names somebody. A name that is a group is no person, whatever a person is called."""
        return any(
            one == EVERYONE or (one in visitor.groups if one in self._groups else one == visitor.who)
            for one in grant.to
        )

    def _sources_of_restricted(self) -> dict[str, str]:
        """All that restricted things are made from, as far as nothing has grants of its own; each with one of them."""
        inputs = {
            name: tuple(one for one in asset.inputs if one not in self._grants)
            for name, asset in self._assets.items()
            if asset.kind not in FACTS
        }
        return _reached({name: name for name in sorted(self._restricted)}, inputs)

    def _kin_of_restricted(self) -> frozenset[str]:
        """What restricted things are made from, and what is made from either; without what has grants of its own."""
        readers = {
            name: tuple(one for one in found if one not in self._grants)
            for name, found in made_from(self._assets).items()
        }
        reached = _reached({name: name for name in (*self._restricted, *self._sources)}, readers)
        return frozenset({*self._sources, *reached} - self._grants.keys())


def _reached(starts: Mapping[str, str], edges: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """All that the edges lead to from the starts, each with one from which they do."""
    found: dict[str, str] = {}
    waiting = list(starts.items())
    while waiting:
        name, start = waiting.pop()
        for one in edges.get(name, ()):
            if one not in found:
                found[one] = start
                waiting.append((one, start))
    return found


def _opens(grants: Iterable[tuple[str, Grant]]) -> bool:
    """Whether one of the grants shows everyone everything."""
    return any(EVERYONE in one.to and one.is_whole for _, one in grants)
