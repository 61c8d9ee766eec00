"""Steps as functions that SQL calls by the same names: `e164(phone, 'US')`. A declined cell is null there.

`e164_cell(phone, 'US')` is the whole cell: a struct of its value, what came out besides, and the reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pumphouse.cleaning.columns import Column
from pumphouse.cleaning.named import STEPS, class_of, make, options_of
from pumphouse.cleaning.step import ArrayFunction, Cleaned, Resources, Step, arrow_type
from pumphouse.engines.engine import SqlFunction
from pumphouse.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

LOADED_MAX = 20
"""Steps with different options that one function keeps loaded."""
CELL = "_cell"
REASON = "reason"


def sql_functions(folder: Path) -> tuple[SqlFunction, ...]:
    """For each step a function of its name, and one with `_cell` behind it that gives a struct of all that comes out.

    They take the column, and then the step's options in the order of its maker's; the last ones may be left out. Files
    are read from the project's `folder`. Two sets for one folder are equal.
    """
    import pyarrow as pa

    types = {Column: pa.string(), str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    made = []
    for name in STEPS:
        options = options_of(name)
        parameters = (pa.string(), *(types[option.kind] for option in options))
        defaults = tuple(None for option in options if not option.is_needed)
        for ending in ("", CELL):
            function = StepFunction(name, Resources(folder=folder), gives_cell=ending == CELL)
            made.append(
                SqlFunction(
                    name=name + ending,
                    function=function,
                    parameters=parameters,
                    returns=function.returns(),
                    defaults=defaults,
                    names=("value", *(option.name for option in options)),
                )
            )
    return tuple(made)


class StepFunction:
    """A step as a function over arrays: its column, and its options as columns, which are mostly the same everywhere.

    It keeps the steps that it has loaded, and reads a file again when it has changed. Two for one step and folder are
    equal, so that an engine keeps the one it has, and what that remembers.
    """

    def __init__(self, name: str, resources: Resources, *, gives_cell: bool) -> None:
        self.name = name
        self.resources = resources
        self.gives_cell = gives_cell
        self.columns = tuple(option.name for option in options_of(name) if option.kind is Column)
        self.constants = tuple(option.name for option in options_of(name) if option.kind is not Column)
        self.loaded: dict[tuple[object, ...], tuple[object, Step, ArrayFunction]] = {}

    def __call__(self, column: pa.Array, *arguments: pa.Array) -> pa.Array:
        """The column after the step."""
        import pyarrow as pa

        named = dict(zip((option.name for option in options_of(self.name)), arguments, strict=True))
        if not len(column):
            return pa.nulls(0, self.returns())
        constants = [named[name] for name in self.constants]
        if all(len(values.unique()) == 1 for values in constants):
            return self._part(column, named, tuple(values[0].as_py() for values in constants))
        # Options that differ from row to row: each part with its own, and the rows back in their order.
        rows: dict[tuple[object, ...], list[int]] = {}
        for place, options in enumerate(zip(*(values.to_pylist() for values in constants), strict=True)):
            rows.setdefault(options, []).append(place)
        parts = [
            self._part(column.take(places), {name: values.take(places) for name, values in named.items()}, options)
            for options, places in ((options, pa.array(places)) for options, places in rows.items())
        ]
        order = pa.array([place for places in rows.values() for place in places])
        back = pa.compute.sort_indices(order)
        return pa.concat_arrays(parts).take(back)

    def _part(self, column: pa.Array, named: dict[str, pa.Array], options: tuple[object, ...]) -> pa.Array:
        import pyarrow as pa

        step, function = self._load(options)
        cleaned: Cleaned = function(column, {name: named[name] for name in step.reads})
        if not self.gives_cell:
            return cleaned.values
        fields = {"value": cleaned.values, **cleaned.extra, REASON: cleaned.reasons}
        kind = self.returns()
        return pa.StructArray.from_arrays([fields[field.name].cast(field.type) for field in kind], fields=list(kind))

    def _load(self, options: tuple[object, ...]) -> tuple[Step, ArrayFunction]:
        """The step with these options, loaded; anew where one of its files has changed."""
        constants = dict(zip(self.constants, options, strict=True))
        step = make(self.name, {**constants, **dict.fromkeys(self.columns, True)})
        stamp = tuple(self._stamp(file) for file in step.files)
        if options not in self.loaded or self.loaded[options][0] != stamp:
            if len(self.loaded) >= LOADED_MAX:
                self.loaded.clear()
            self.loaded[options] = (stamp, step, step.load(self.resources))
        return self.loaded[options][1:]

    def _stamp(self, file: str) -> tuple[int, int] | None:
        """What changes with a file of the project. A name may come from data, so it may not lead out of it."""
        folder = self.resources.folder.resolve()
        path = (folder / file).resolve()
        if not path.is_relative_to(folder):
            raise ConfigError(f"the file '{file}' lies outside the project", mend="Copy it into the project's folder.")
        return (path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None

    def returns(self) -> pa.DataType:
        """The type of what it gives."""
        import pyarrow as pa

        step = class_of(self.name)
        if not self.gives_cell:
            return arrow_type(step.gives)
        fields = {"value": step.gives, **step.extras, REASON: "VARCHAR"}
        return pa.struct([(field, arrow_type(kind)) for field, kind in fields.items()])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StepFunction) and other._identity() == self._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        return (self.name, self.resources.folder, self.gives_cell)

    def __reduce__(self) -> tuple[object, ...]:
        return (_step_function, (self.name, self.resources, self.gives_cell))


def _step_function(name: str, resources: Resources, is_cell: Any) -> StepFunction:  # Any: bool, by place for pickle
    return StepFunction(name, resources, gives_cell=is_cell)
