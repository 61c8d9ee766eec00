"""What a statement asks for: PostgreSQL's own tables and functions, or others."""

from __future__ import annotations

from sqlglot import exp

from pumphouse.server.postgres.catalogue.builtin import Builtin, Relation
from pumphouse.server.postgres.catalogue.functions import SPECIFIC
from pumphouse.server.postgres.catalogue.kinds import REGISTERED, type_name
from pumphouse.server.postgres.catalogue.refusals import no_relation

SCHEMAS = ("pg_catalog", "information_schema")
_SETTING_FUNCTIONS = frozenset({"current_setting", "set_config"})


def relations_in(tree: exp.Expr, known: Builtin) -> tuple[dict[int, Relation], list[str]]:
    """PostgreSQL's own tables in a statement, by the nodes that name them; and the names of all others.

    Raises Refused for a table of pg_catalog or information_schema that is not there.
    """
    defined = {one.alias.lower() for one in tree.find_all(exp.CTE)}
    own: dict[int, Relation] = {}
    others = []
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        schema, name = table.db.lower(), table.name.lower()
        if schema in SCHEMAS:
            relation = known.relations.get(f"{schema}.{name}")
            if relation is None:
                raise no_relation(f"{schema}.{name}", known.relations)
            own[id(table)] = relation
        elif not schema and name in defined:
            continue
        elif not schema and f"pg_catalog.{name}" in known.relations:
            own[id(table)] = known.relations[f"pg_catalog.{name}"]
        else:
            others.append(table.sql("postgres"))
    return own, others


def asks_functions(tree: exp.Expr) -> bool:
    """Whether a statement calls what only PostgreSQL's catalogue answers."""
    for node in tree.walk():
        match node:
            case exp.CurrentSchema() | exp.CurrentSchemas() | exp.CurrentUser() | exp.SessionUser():
                return True
            case exp.CurrentCatalog() | exp.CurrentDatabase() | exp.CurrentVersion():
                return True
            case exp.Anonymous() if node.name.lower() in SPECIFIC or node.name.lower() in _SETTING_FUNCTIONS:
                return True
            case exp.Anonymous() if node.name.lower().startswith(("pg_", "has_")):
                return True
            case exp.Dot() if isinstance(node.this, exp.Identifier) and node.this.name.lower() in SCHEMAS:
                return True
            case exp.Cast() if type_name(node.args["to"]) in REGISTERED:
                return True
            case exp.Column() if not node.table and not node.this.args.get("quoted") and is_role(node):
                return True
    return False


def is_role(column: exp.Column) -> bool:
    """Whether a column is no column but who asks."""
    return column.name.lower() in ("user", "current_role")
