"""What grants ask of the graph: those in headers become facts like any other, and all are looked at for their SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from pumphouse.declare.asset import Common
from pumphouse.declare.grants import WITH_ROWS, Grant, grant_spec
from pumphouse.errors import Fault, Place, did_you_mean
from pumphouse.graph.cache import Cache
from pumphouse.graph.drafts import Draft
from pumphouse.graph.findings import Finding
from pumphouse.graph.fingerprints import SpecReading, fingerprint
from pumphouse.graph.folder import SourceFile
from pumphouse.graph.headers import Header

VALUES = ("who", "groups")
"""What `$name` may be in a grant."""
_KEYS = ("to", "columns", "mask", "rows", "name")
_PLAIN = re.compile(r"[^A-Za-z0-9]+")
_SQL_OF_MASK = "the mask of column '{}'"


def draft_grants(file: SourceFile, header: Header | None) -> tuple[list[Draft], list[Fault]]:
    """The facts that `[[grant]]` tables of a file's header declare, about what the file declares."""
    drafts: list[Draft] = []
    faults: list[Fault] = []
    given = header.values.get("grant", []) if header else []
    if header is None or not isinstance(given, list):
        return [], []
    line = header.lines.get("grant", header.line)
    for values in given:
        if not isinstance(values, dict):
            continue  # told with the header
        unknown = next((key for key in values if key not in _KEYS), None)
        if unknown is not None:
            mend = did_you_mean(unknown, _KEYS) or f"It may hold {', '.join(_KEYS)}."
            faults.append(Finding(line, f"a grant in a header has no '{unknown}'", mend).at(file.path, asset=file.stem))
            continue
        said = {key: value for key, value in values.items() if key != "name"}
        try:
            spec = grant_spec(file.stem, **{"to": [], **said})
        except ValueError as error:
            faults.append(Finding(line, f"a grant in the header: {error}").at(file.path, asset=file.stem))
            continue
        place = Place(file=file.path, line=line)
        drafts.append(
            Draft(
                name=str(values.get("name") or _named(file.stem, spec.to)),
                kind="grant",
                spec=spec,
                common=Common(),
                place=place,
                content=fingerprint("grant", SpecReading().value(spec)),
                reads=((file.stem, place),),
            )
        )
    return drafts, faults


def grant_faults(drafts: Sequence[Draft], cache: Cache) -> Iterator[Fault]:
    """Grants whose SQL can't be, or names columns that a table does not have where its text alone says its columns."""
    named = {draft.name: draft for draft in drafts}
    for draft in drafts:
        if draft.kind != "grant":
            continue
        spec: Grant = draft.spec
        of = named.get(spec.asset)
        if of is None:
            continue  # told as an edge that leads nowhere
        if of.kind not in WITH_ROWS and not spec.is_whole:
            what = f"the grant '{draft.name}' hides part of '{of.name}', which is a {of.kind} and is granted as a whole"
            yield _fault(draft, what, "Leave out columns, mask and rows, or grant the tables it is made from.")
            continue
        reads = [("columns", column) for column in spec.columns or ()]
        reads += [("a mask", mask.column) for mask in spec.masks]
        for where, text in _texts(spec):
            facts = cache.condition(text)
            for finding in facts.faults:
                yield _fault(draft, f"{where} of '{draft.name}': {finding.what}", finding.mend)
            if facts.unparsed:
                yield _fault(
                    draft, f"{where} of '{draft.name}': {facts.unparsed.what}", "Write SQL over the columns of one row."
                )
            if facts.names or facts.nested:
                other = f"reads '{facts.names[0].name}'" if facts.names else "holds a query"
                what = f"{where} of '{draft.name}' {other}, but it sees one row of its own table"
                yield _fault(draft, what, f"Join what it needs to '{of.name}' in a table, and grant that.")
            for setting in facts.settings:
                if setting not in VALUES:
                    what = f"{where} of '{draft.name}' names '${setting}'"
                    yield _fault(draft, what, "It may name $who and $groups: the name and the groups of whoever asks.")
            reads += [(where, column) for column in facts.of_row]
        yield from _unknown_columns(draft, of, reads)


def _texts(spec: Grant) -> Iterator[tuple[str, str]]:
    if spec.rows is not None:
        yield "rows", spec.rows
    for mask in spec.masks:
        if mask.kind == "sql":
            yield _SQL_OF_MASK.format(mask.column), mask.sql


def _unknown_columns(draft: Draft, of: Draft, reads: Iterable[tuple[str, str]]) -> Iterator[Fault]:
    if of.columns is None:
        return
    known = {column.lower() for column in of.columns}
    for where, column in dict.fromkeys(reads):
        if column.lower() not in known:
            mend = did_you_mean(column, of.columns) or f"Its columns are {', '.join(of.columns)}."
            yield _fault(draft, f"{where} of '{draft.name}' names '{column}', which '{of.name}' does not have", mend)


def _fault(draft: Draft, what: str, mend: str) -> Fault:
    return Fault(what=what, place=draft.place, mend=mend, asset=draft.name)


def _named(asset: str, to: Sequence[str]) -> str:
    """A name for a grant that has none: `orders_for_analysts_ann`."""
    people = _PLAIN.sub("_", "_".join(to)).strip("_")
    return f"{asset}_for_{people or 'somebody'}"
