# ruff: noqa: INP001  # a script beside the pages that it makes, no package
"""Makes the pages of this folder from the code: `python docs/reference/make.py`.

`cli.md` is made by the command line itself: `python -m pumphouse.cli.reference`.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pumphouse
from pumphouse import checks, cleaning, errors, questions
from pumphouse.catalog.finding import Find, Finds
from pumphouse.errors import PumphouseError
from pumphouse.experiments.verdicts import Verdict
from pumphouse.graph.headers import KEYS
from pumphouse.graph.plan import Plan, PlannedBuild
from pumphouse.indexes.searching import Found, Hit
from pumphouse.lake.builds import Build, Counts
from pumphouse.models.judgement import Judgement, VersionJudgement
from pumphouse.models.predictions import Prediction
from pumphouse.project.project import Project
from pumphouse.project.reading import Reader
from pumphouse.project.running import Report, Result
from pumphouse_client import connect
from pumphouse_client import errors as client_errors
from pumphouse_client import found as client_found
from pumphouse_client.cache import Cache
from pumphouse_client.connections import Connection
from pumphouse_client.descriptions import Column, Description
from pumphouse_client.errors import ClientError
from pumphouse_client.tables import Table

FOLDER = Path(__file__).resolve().parent
SIGNATURE_WIDTH_MAX = 100

NAMES = {
    "Gathering": (
        "source",
        "files",
        "csv",
        "excel",
        "xml",
        "access_log",
        "fixed_width",
        "database",
        "api",
        "children",
        "website",
        "messages",
        "survey",
    ),
    "Tables, and what must hold of them": ("table", "check"),
    "Read where it lies": ("external",),
    "Facts about an asset": ("contract", "grant", "search", "deliver", "bet"),
    "Models and experiments": (
        "model",
        "rollout",
        "challenger",
        "guardrails",
        "serving",
        "worth",
        "scores",
        "online",
        "experiment",
        "mean",
    ),
    "What a function may ask for": ("Http", "Cursor", "TrainingSet"),
    "Using a project": ("open", "Project"),
    "What goes wrong": ("PumphouseError",),
}
"""Every name of `pumphouse`, in the order of the page."""

RETURNED = (
    Plan, PlannedBuild, Report, Result, Counts, Build, Prediction, Judgement, VersionJudgement, Found, Hit, Verdict,
    Reader, Finds, Find,
)  # fmt: skip
"""What methods of a project give back, besides tables."""

HEADER_FORMS = {
    "text": "text",
    "names": "a name, or a list of names",
    "count": "a whole number from 0 up",
    "seconds": "a number above 0",
    "slice": "`COLUMN by hour`, `day`, `week` or `month`",
    "time": "`event`, `known` or both, each a column",
    "layout": "some of `sort_by`, `partition_by` and `bloom_filters`, each a column or a list of columns",
    "grants": "a table with `to`, and some of `columns`, `mask`, `rows` and `name`",
    "types": "a table of columns, each `BIGINT`, `DOUBLE`, `BOOLEAN` or `VARCHAR`",
    "matures": "a number of `minutes`, `hours`, `days`, `weeks`, `months` or `years`",
}
HEADER_KEYS = {
    "key": ("The columns by which a row is known: no two rows may have the same.", 'key = "order_id"'),
    "slice": (
        "Build it part by part, only those parts whose input changed; in the project's time zone.",
        'slice = "paid_at by day"',
    ),
    "lookback": ("How many earlier slices of its input one slice reads; without it none.", "lookback = 7"),
    "doc": ("What it is; of a table, what a row is, and in which units.", 'doc = "One row per order; USD."'),
    "time": (
        "The columns of when a row's event happened, and, where that is not derived, of when it was known.",
        'time = { event = "paid_on" }',
    ),
    "reads": ("The tables it reads, where its SQL is more than the parser can read.", 'reads = ["orders"]'),
    "every": ("A schedule of its own: `1h`, `day at 02:00`, `mon 07:00 Europe/Berlin`, or cron.", 'every = "1h"'),
    "owner": ("Who answers questions about it.", 'owner = "ann"'),
    "tags": (
        "Words by which it is [found](../guides/catalog.md), such as a team or a subject; `deprecated` puts it last.",
        'tags = ["finance", "monthly"]',
    ),
    "required": ("Columns without which a row is withheld: it goes to quarantine whole.", 'required = ["customer_id"]'),
    "timeout_s": ("How many seconds a build may take.", "timeout_s = 600"),
    "layout": (
        "How rows lie in the table's [files](../guides/layout.md), so that few are read to find some.",
        'layout = { sort_by = "paid_at", partition_by = "year(paid_at)" }',
    ),
    "retries": ("How often a build that failed is tried again in the same run; without it never.", "retries = 2"),
    "entity": ("The columns that say whom a row is about.", 'entity = "customer_id"'),
    "request": (
        "Columns of `moments` that come with a request, each with its type; to train, the label's table has them.",
        'request = { basket_usd = "DOUBLE" }',
    ),
    "matures": (
        "How long after `as_of` the outcome is certain. A moment of which so much has not passed is left out.",
        'matures = "90 days"',
    ),
    "grant": (
        "Who may see it, and [what of it](../guides/permissions.md): as many such tables as there are grants.",
        'grant = [{ to = ["analysts"], rows = "country = \'DE\'" }]',
    ),
    "title": ("The page's title; without it the first heading, or else the file's name.", 'title = "Weekly sales"'),
}
"""What each key of a header means, with an example of it."""
HEADER_KINDS = {
    "sql": ("A table: a `.sql` file", "It needs no `kind`."),
    "feature": ("A feature: a `.sql` file over `moments`", 'It says `kind = "feature"`, and needs `entity`.'),
    "label": (
        "A label: a `.sql` file",
        'It says `kind = "label"`, and needs `entity` and `matures`. Without `key` its key is the entity and `as_of`.',
    ),
    "report": ("A report: a `.md` file", "It needs no `kind`. A `.md` file without a header is no report."),
}

SETTINGS_EXAMPLE = """\
name = "shop"                       # what pages and messages call the project; without it the folder's name
lake = "lake/"                      # where rows are kept, relative to the project; without it lake/
catalogue = "secret:SHOP_CATALOGUE" # the lake's metadata, a postgresql:// address; without it a file in the lake
zone = "Europe/Berlin"              # whose days and hours count; without it UTC

[engine]
kind = "duckdb"                     # or "spark"
url = "sc://spark.example:15002"    # of a Spark Connect server; without it Sail, in this process
memory = "8GB"                      # what DuckDB may take; without it most of the machine's
threads = 4                         # how many of the machine's cores it may use; without it all
workers = 2                         # builds at once
worker_memory = "4GB"               # what one process with code of the project may take; without it no limit

[server]                            # what those who ask through the doors of pumphouse serve may take
memory = "1GB"                      # of all their queries together; what does not fit goes to the disk for a while
threads = 4                         # of the machine's cores; without it all
seconds = 300                       # of work for one query; how long its reader takes to read does not count
rows = 10000000                     # that one query may give; without it no limit

[find]                              # pumphouse find
values = ["orders.status"]          # columns that are found by their values too; without it none

[owners]                            # of assets whose declaration names none; * is any letters
sales = ["raw_orders", "crm_*"]
[tags]                              # beside those that a declaration names
personal = ["crm_customers"]

[upkeep]                            # pumphouse upkeep
every = "day at 03:00"              # when pumphouse serve tidies the lake up by itself; without it never
retention = "30 days"               # how long snapshots are kept, at least "1 day"; without it for ever
longer = { orders = "52 weeks" }    # tables that can be read for longer as they were

[settings]                          # values for $name in SQL, and for keyword-only parameters in Python
cohort_end = 1997-04-01

[connections.shop_api]              # an outside system, by the name that the project's code uses
url = "https://shop.example/api"    # https://; postgresql://, mysql://, sqlite:///FILE; s3://, gs://, az://
auth = { bearer = "secret:SHOP_API" }
hosts = ["cdn.shop.example"]        # other hosts that its answers may lead to
tries = 5                           # how often to ask before giving up
rate = "10/s"                       # how often it may be asked; also "100/min", "5000/h"
private = false                     # whether a public name may lead to an address inside your network

[connections.shop_db]
url = "postgresql://db.example/shop"
user = "reader"
password = "secret:SHOP_DB"
readers = 4                         # how many connections may read one table at a time

[connections.drops]                 # files in object storage, for ph.files("s3://shop-drops/...", connection="drops")
url = "s3://shop-drops"             # s3://bucket, gs://bucket or az://container: its keys are shown to no other place
endpoint = "https://minio.example"  # where it is, unless where its maker has it
region = "eu-central-1"             # of s3
access_key = "secret:DROPS_KEY"     # with secret_key, and session_token where there is one; none: the machine's own
secret_key = "secret:DROPS_SECRET"
anonymous = false                   # of s3 and gs: ask without any key

[connections.archive]
url = "az://archive"
account = "shopdata"                # of az, with account_key or sas_token; none: the machine's own
account_key = "secret:ARCHIVE_KEY"

[failures]                          # who is told, once, that something failed
command = "logger -t shop"          # gets the text on its standard input
webhook = "https://chat.example/hook"
mail = "data@shop.example"
server = "localhost:25"             # that sends the mail

[groups]                            # who belongs together, for ph.grant
analysts = ["ann", "bob"]
staff = []                          # whom a sign-in puts into it

[access]
default = "open"                    # who sees a table without a grant: whoever may read; or "closed": the owner alone

[sign_in]                           # people sign in to pages at an OpenID provider
issuer = "https://login.example"
client_id = "pumphouse"
client_secret = "secret:SIGN_IN"    # without it a public client
people_claim = "email"              # what they are called here
groups_claim = "groups"             # which groups they are in
scopes = ["email", "profile"]       # what the provider is asked for beside "openid"
domains = ["shop.example"]          # whose mail addresses may come in; without it all whom the provider signs in
scope = "read"                      # what they may; or "all"
hours = 12                          # how long they stay signed in
address = "https://data.example"    # of this server, where browsers reach it through a proxy

[env.dev]                           # another environment: pumphouse --env dev, ph.open(..., env="dev")
lake = "dev-lake/"
catalogue = "secret:DEV_CATALOGUE"
inputs_from = "prod"                # what dev has not built is read there, or where prod reads it; read only, pinned
failures = { command = "cat >&2" }  # without it nobody is told what fails here
[env.dev.engine]
workers = 1
[env.dev.server]
seconds = 10
[env.dev.settings]
cohort_end = 1997-02-01
[env.dev.connections.shop_api]
url = "http://127.0.0.1:8000/api"
"""
SETTINGS = f"""\
`pumphouse.toml` says where things are. What they mean is in the `.py`, `.sql` and `.md` files beside it. All of it may
be left out; this one has everything:

```toml
{SETTINGS_EXAMPLE}```

A setting that means nothing is refused, with the nearest one. An environment changes what it names, and has the rest
from the lines outside any `[env.NAME]`, which are the environment `prod`; but it tells nobody of failures unless it has
`failures` of its own, and [delivers](../guides/deliver.md) only to what is its own.

## Signing in to a web address

`auth` of a connection is one of `{{ bearer = TOKEN }}`, `{{ user = NAME, password = P }}`,
`{{ header = NAME, value = V }}`, `{{ query = NAME, value = V }}`, and for OAuth 2.0
`{{ token_url = URL, client_id = ID, client_secret = S }}` ([more](../guides/apis.md#how-it-is-asked)). Only the
connection's own host gets it.

## Secrets

`"secret:NAME"` is looked up when it is needed, first in the environment variable NAME, then in `secrets.toml` in the
project's folder (keep that out of version control). It is never printed or stored.

## The environment

| variable | what it says |
|---|---|
| `PUMPHOUSE_ACTOR` | under which name you run and read; without it your user name |
| `PUMPHOUSE_TOKEN` | your token for a server, where a [client](../guides/client.md) connects to one |
| `XDG_CACHE_HOME` | where a client keeps answers; without it `~/.cache` |
| `XDG_CONFIG_HOME` | where a client looks for `pumphouse/tokens.toml`; without it `~/.config` |
| `APPDATA`, `LOCALAPPDATA` | the same places on Windows: for tokens, and for kept answers |
| any NAME of a secret | its value |

## Who may see what

The server lets in whoever holds a token: [guides/serve.md](../guides/serve.md).
"""


def pages() -> dict[str, str]:
    """Each page of this folder but `cli.md`, by file name."""
    return {
        "python.md": _page("import pumphouse as ph", _python_page()),
        "project.md": _page("A project that is open", _project_page()),
        "client.md": _page("pumphouse_client", _client_page()),
        "cleaning.md": _page("from pumphouse.cleaning import ...", _cleaning_page()),
        "checks.md": _page("from pumphouse.checks import ...", _checks_page()),
        "questions.md": _page("from pumphouse.questions import ...", _questions_page()),
        "headers.md": _page("Headers of .sql and .md files", _headers_page()),
        "settings.md": _page("pumphouse.toml", [SETTINGS]),
        "errors.md": _page("Errors", _errors_page()),
    }


def _page(title: str, parts: Iterable[str]) -> str:
    return (
        "\n\n".join(part.strip() for part in (f"# {title}", *parts, "Made by `docs/reference/make.py`.") if part) + "\n"
    )


def _python_page() -> Iterator[str]:
    yield "What a project's Python files declare with, and how a program or a notebook opens a project."
    for title, names in NAMES.items():
        yield f"## {title}"
        for name in names:
            value = getattr(pumphouse, name)
            if value in (Project, PumphouseError):
                page = "project.md" if value is Project else "errors.md"
                yield f"### `ph.{name}`"
                yield f"{_text(value).partition(chr(10))[0]} See [{page}]({page})."
            elif inspect.isclass(value):
                yield from _class(value, title=f"ph.{name}", level="###")
            else:
                yield from _function(value, name=f"ph.{name}", level="###")


def _project_page() -> Iterator[str]:
    yield (
        "`ph.open(folder)` gives a `Project`; its tables and queries come in any form: they are the"
        " [`Table`](client.md) that a client of a server has."
    )
    yield from _class(Project, title="Project")
    yield "## What the methods give back"
    for one in RETURNED:
        yield from _class(one, title=one.__name__, level="###")


def _client_page() -> Iterator[str]:
    yield "What `pip install pumphouse-client` brings. A [project that is open](project.md) has the same tables."
    yield from _function(connect, name="connect")
    for one in (
        Connection,
        Table,
        client_found.Found,
        client_found.Hit,
        client_found.Excerpt,
        client_found.Facet,
        Description,
        Column,
        Cache,
    ):
        yield from _class(one, title=one.__name__)
    yield "## What goes wrong"
    head = "| error | is a | what happened |\n|---|---|---|"
    raised = [one for one in vars(client_errors).values() if inspect.isclass(one) and issubclass(one, ClientError)]
    yield "\n".join([head, *(f"| `{one.__name__}` | `{one.__mro__[1].__name__}` | {_text(one)} |" for one in raised)])


def _cleaning_page() -> Iterator[str]:
    yield "The steps that clean a table. [guides/cleaning.md](../guides/cleaning.md) shows them at work."
    for name in cleaning.__all__:
        value = getattr(cleaning, name)
        if inspect.isclass(value):
            yield from _class(value, title=name)
        elif inspect.isfunction(value):
            yield from _function(value, name=name)
        else:
            yield f"## `{name}`"
            yield _text(type(value))


def _checks_page() -> Iterator[str]:
    yield ('Rules that a check may have in place of a condition in SQL: `ph.check("orders", unique("order_id"))`.')
    for name in checks.__all__:
        yield from _function(getattr(checks, name), name=name)


def _questions_page() -> Iterator[str]:
    yield "Questions of a survey that is written in Python. [guides/answers.md](../guides/answers.md) shows one."
    for name in questions.__all__:
        yield from _function(getattr(questions, name), name=name)


def _headers_page() -> Iterator[str]:
    yield (
        "A header is TOML in the file's first comment, after the word `pumphouse`: `/* pumphouse ... */` in SQL,"
        " `<!-- pumphouse ... -->` in Markdown."
    )
    for kind, keys in KEYS.items():
        title, said = HEADER_KINDS[kind]
        yield f"## {title}"
        yield said
        lines = ["| key | what it says | its value | for example |", "|---|---|---|---|"]
        for key, form in keys.items():
            meaning, example = HEADER_KEYS[key]
            lines.append(f"| `{key}` | {meaning} | {HEADER_FORMS[form]} | `{example}` |")
        yield "\n".join(lines)


def _errors_page() -> Iterator[str]:
    yield (inspect.getdoc(errors) or "").partition("\n\n")[0]
    yield "`except ph.PumphouseError` catches them all; the others are in `pumphouse.errors`."
    raised = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, PumphouseError)]
    head = "| error | is a | ends a command with | what happened |\n|---|---|---|---|"
    yield "\n".join(
        [
            head,
            *(
                f"| `{one.__name__}` | `{one.__mro__[1].__name__}` | {one.exit_code} | {_text(one)} |"
                for one in raised[1:]
            ),
        ]
    )
    for one in (PumphouseError, errors.Place, errors.Fault):
        yield from _class(one, title=one.__name__)


# -- from code to Markdown --------------------------------------------------------------------------------------------


def _function(function: Callable[..., Any], *, name: str, level: str = "##") -> Iterator[str]:
    yield f"{level} `{name}`"
    yield f"```text\n{signature(function, name=name)}\n```"
    yield _text(function)


def _class(one: type, *, title: str, level: str = "##") -> Iterator[str]:
    """The class with its attributes, properties and methods, without those that begin with an underscore."""
    yield f"{level} `{title}`"
    yield _text(one)
    yield "\n".join(_attributes(_tree(one).body))
    for name, member in vars(one).items():
        function = getattr(member, "fget", None) or getattr(member, "func", None) or member
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        if function is member:
            yield f"```text\n{signature(function, name=f'.{name}')}\n```"
            yield _text(function)
        else:
            yield f"**`.{name}`**: {_text(function)}"


def _attributes(body: list[ast.stmt]) -> Iterator[str]:
    """Annotated names of a class with the text below each."""
    for statement, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.AnnAssign) and not ast.unparse(statement.target).startswith("_"):
            said = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            default = f" = {ast.unparse(statement.value)}" if statement.value is not None else ""
            line = f"- `{ast.unparse(statement.target)}: {ast.unparse(statement.annotation)}{default}`"
            yield line + (f": {' '.join(str(said).split())}" if said else "")


def signature(function: Callable[..., Any], *, name: str) -> str:
    """The call as its source has it, without `self`; one parameter a line where it is long."""
    tree = _tree(function)
    parameters = [one for one in _parameters(tree.args) if one != "self"]
    if parameters[:1] == ["/"]:
        del parameters[0]
    returns = f" -> {ast.unparse(tree.returns)}" if tree.returns else ""
    line = f"{name}({', '.join(parameters)}){returns}"
    if len(line) > SIGNATURE_WIDTH_MAX:
        lines = "".join(f"    {one},\n" for one in parameters)
        line = f"{name}(\n{lines}){returns}"
    return line.replace("'", '"')


def _parameters(given: ast.arguments) -> Iterator[str]:
    positional = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
    for number, (one, default) in enumerate(zip(positional, defaults, strict=True), 1):
        yield _parameter(one, default)
        if number == len(given.posonlyargs):
            yield "/"
    if given.vararg:
        yield f"*{ast.unparse(given.vararg)}"
    elif given.kwonlyargs:
        yield "*"
    for one, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield _parameter(one, default)
    if given.kwarg:
        yield f"**{ast.unparse(given.kwarg)}"


def _parameter(one: ast.arg, default: ast.expr | None) -> str:
    if default is None:
        return ast.unparse(one)
    return f"{ast.unparse(one)}{' = ' if one.annotation else '='}{ast.unparse(default)}"


def _tree(value: Callable[..., Any] | type) -> Any:  # an ast.ClassDef or ast.FunctionDef
    return ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]


def _text(value: object) -> str:
    """A docstring in Markdown: its indented lines become a block of Python."""
    text = (inspect.getdoc(value) or "").replace("'''", '"""')
    return re.sub(
        r"\n\n((?:    [^\n]*\n|\n(?=    ))+)",
        lambda found: f"\n\n```python\n{textwrap.dedent(found[1])}```\n",
        text + "\n",
    ).strip()


if __name__ == "__main__":
    for file, page in pages().items():
        (FOLDER / file).write_text(page, encoding="utf-8")
