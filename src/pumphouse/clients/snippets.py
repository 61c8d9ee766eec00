"""The few lines with which a language or a tool reads a table. What is printed for a language is what its test runs.

A token is in no text: each takes it from the environment variable PUMPHOUSE_TOKEN, or asks a person for it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from pumphouse.clients.address import Address
from pumphouse.errors import ConfigError, UnknownName, did_you_mean

ROWS = 10
"""How many rows each shows."""
TOKEN = "PUMPHOUSE_TOKEN"  # noqa: S105  # the name of a variable
DOORS = {"http": "HTTP", "flight": "Flight SQL", "postgres": "PostgreSQL's protocol"}
"""The protocols, as people call them."""
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_RESERVED = frozenset(
    "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default"
    " deferrable desc describe distinct do else end except false fetch for foreign from grant group having in initially"
    " intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer pivot_wider"
    " placing primary qualify references returning select show some summarize symmetric table then to trailing true"
    " union unique unpivot using variadic when where window with".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """How one language or tool reads a table."""

    title: str
    door: str
    """The protocol: "http", "flight" or "postgres"."""
    text: Callable[[str, Address], str]


def lines(lang: str, table: str, address: Address) -> str:
    """The lines for a language or tool, with what has to be installed in a comment before.

    Raises UnknownName, and ConfigError where the server does not speak its protocol.
    """
    if lang not in SNIPPETS:
        raise UnknownName(
            f"there are no lines for '{lang}'", mend=did_you_mean(lang, SNIPPETS) or f"There are {', '.join(SNIPPETS)}."
        )
    door = SNIPPETS[lang].door
    if {"flight": address.flight, "postgres": address.postgres}.get(door, address.http) is None:
        raise ConfigError(
            f"the server at {address.url} does not speak {DOORS[door]}, which '{lang}' needs",
            mend=f"Start it without `--{door} off`, or take another language or tool.",
        )
    return SNIPPETS[lang].text(table, address).strip("\n") + "\n"


def _python(form: str, package: str) -> Callable[[str, Address], str]:
    def text(table: str, address: Address) -> str:
        verify = f", verify={_text(address.certificate)}" if address.certificate else ""
        return f"""
# pip install 'pumphouse-client{package}'; the token is in {TOKEN}
from pumphouse_client import connect
{table} = connect({_text(address.url)}{verify}).table({_text(table)})
print({table}.limit({ROWS}){form})
"""

    return text


def _duckdb(table: str, address: Address) -> str:
    verify = f", verify={_text(address.certificate)}" if address.certificate else ""
    return f"""
# pip install 'pumphouse-client[duckdb]'; the token is in {TOKEN}
import duckdb
from pumphouse_client import connect
connect({_text(address.url)}{verify}).table({_text(table)}).to_duckdb(duckdb.default_connection()).create({_text(table)})
print(duckdb.sql({_text(_select(table))}))
"""


def _adbc(table: str, address: Address) -> str:
    options = [f'"username": {_text(address.user)}', f'"password": os.environ["{TOKEN}"]']
    roots = ""
    if address.certificate:
        roots = f"\nroots = open({_text(address.certificate)}).read()"
        options.append('"adbc.flight.sql.client_option.tls_root_certs": roots')
    return f"""
# pip install adbc-driver-flightsql pyarrow; the token is in {TOKEN}
import os
from adbc_driver_flightsql import dbapi{roots}
with dbapi.connect({_text(address.flight_uri)}, db_kwargs={{{", ".join(options)}}}, autocommit=True) as shop:
    with shop.cursor() as cursor:
        print(cursor.execute({_text(_select(table))}).fetch_arrow_table())
"""


def _psycopg(table: str, address: Address) -> str:
    return f"""
# pip install 'psycopg[binary]'; the token is in {TOKEN}
import os, psycopg
with psycopg.connect({_text(address.conninfo)}, password=os.environ["{TOKEN}"]) as shop:
    print(shop.execute({_text(_select(table))}).fetchall())
"""


def _sqlalchemy(table: str, address: Address) -> str:
    return f"""
# pip install sqlalchemy 'psycopg[binary]'; the token is in {TOKEN}
import os, psycopg, sqlalchemy
engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect({_text(address.conninfo)}, password=os.environ["{TOKEN}"]))
with engine.connect() as shop:
    print(shop.execute(sqlalchemy.text({_text(_select(table))})).all())
"""


def _psql(table: str, address: Address) -> str:
    return f"""
# the token is in {TOKEN}
PGPASSWORD="${TOKEN}" psql {shlex.quote(address.conninfo)} -c {shlex.quote(_select(table))}
"""


def _curl(table: str, address: Address) -> str:
    roots = f" --cacert {shlex.quote(address.certificate)}" if address.certificate else ""
    return f"""
# the token is in {TOKEN}
curl --fail{roots} -H "Authorization: Bearer ${TOKEN}" {shlex.quote(_csv(table, address))}
"""


def _r(table: str, address: Address) -> str:
    return f"""
# the token is in {TOKEN}
address <- url({_text(_csv(table, address))}, headers = c(Authorization = paste("Bearer", Sys.getenv("{TOKEN}"))))
{table} <- read.csv(address)
print({table})
"""


def _r_dbi(table: str, address: Address) -> str:
    return f"""
# install.packages(c("DBI", "RPostgreSQL")); the token is in {TOKEN}
shop <- DBI::dbConnect(RPostgreSQL::PostgreSQL(), host = {_text(address.host)}, port = {address.postgres}, dbname = {_text(address.project)}, user = {_text(address.user)}, password = Sys.getenv("{TOKEN}"))
print(DBI::dbGetQuery(shop, {_text(_select(table))}))
invisible(DBI::dbDisconnect(shop))
"""


def _julia(table: str, address: Address) -> str:
    return f"""
# import Pkg; Pkg.add(["HTTP", "Arrow", "DataFrames"]); the token is in {TOKEN}
using HTTP, Arrow, DataFrames
headers = ["Authorization" => "Bearer $(ENV["{TOKEN}"])", "Accept" => "application/vnd.apache.arrow.stream"]
println(DataFrame(Arrow.Table(HTTP.get({_text(_rows(table, address))}, headers).body)))
"""


def _node(table: str, address: Address) -> str:
    return f"""
// npm install apache-arrow; the token is in {TOKEN}
import {{ tableFromIPC }} from "apache-arrow";
const headers = {{ Authorization: `Bearer ${{process.env.{TOKEN}}}`, Accept: "application/vnd.apache.arrow.stream" }};
console.log((await tableFromIPC(fetch({_text(_rows(table, address))}, {{ headers }}))).toString());
"""


def _node_pg(table: str, address: Address) -> str:
    tls = ", ssl: true" if address.tls else ""
    return f"""
// npm install pg; the token is in {TOKEN}
import pg from "pg";
const shop = new pg.Client({{ host: {_text(address.host)}, port: {address.postgres}, database: {_text(address.project)}, user: {_text(address.user)}, password: process.env.{TOKEN}{tls} }});
await shop.connect();
console.log((await shop.query({_text(_select(table))})).rows);
await shop.end();
"""


def _java(table: str, address: Address) -> str:
    tls = "?sslmode=require" if address.tls else ""
    return f"""
// java -cp postgresql.jar First.java, with the driver from jdbc.postgresql.org; the token is in {TOKEN}
import java.sql.DriverManager;
class First {{
    public static void main(String[] words) throws Exception {{
        var shop = DriverManager.getConnection({_text(_jdbc(address) + tls)}, {_text(address.user)}, System.getenv("{TOKEN}"));
        var rows = shop.createStatement().executeQuery({_text(_select(table))});
        while (rows.next()) System.out.println(rows.getString(1));
    }}
}}
"""


def _go(table: str, address: Address) -> str:
    return f"""
// go get github.com/lib/pq; the token is in {TOKEN}
package main

import (
	"database/sql"
	"fmt"
	"os"

	_ "github.com/lib/pq"
)

func main() {{
	shop, err := sql.Open("postgres", {_text(address.conninfo)}+" password="+os.Getenv("{TOKEN}"))
	if err != nil {{
		panic(err)
	}}
	rows, err := shop.Query({_text(_select(table))})
	if err != nil {{
		panic(err)
	}}
	columns, _ := rows.Columns()
	cells := make([]sql.NullString, len(columns))
	places := make([]any, len(columns))
	for at := range cells {{
		places[at] = &cells[at]
	}}
	for rows.Next() {{
		if err := rows.Scan(places...); err != nil {{
			panic(err)
		}}
		fmt.Println(cells)
	}}
	if err := rows.Err(); err != nil {{
		panic(err)
	}}
}}
"""


def _rust(table: str, address: Address) -> str:
    return f"""
// cargo add postgres; the token is in {TOKEN}
use postgres::{{Client, NoTls, SimpleQueryMessage}};
fn main() -> Result<(), Box<dyn std::error::Error>> {{
    let password = std::env::var("{TOKEN}")?;
    let mut shop = Client::connect(&format!("{{}} password={{password}}", {_text(address.conninfo)}), NoTls)?;
    for message in shop.simple_query({_text(_select(table))})? {{
        if let SimpleQueryMessage::Row(row) = message {{ println!("{{:?}}", row.get(0)); }}
    }}
    Ok(())
}}
"""


def _c(table: str, address: Address) -> str:
    return f"""
/* gcc first.c -I"$(pg_config --includedir)" -lpq; the token is in {TOKEN} */
#include <stdio.h>
#include <stdlib.h>
#include <libpq-fe.h>
int main(void) {{
    setenv("PGPASSWORD", getenv("{TOKEN}"), 1);
    PGconn *shop = PQconnectdb({_text(address.conninfo)});
    PGresult *rows = PQexec(shop, {_text(_select(table))});
    if (PQresultStatus(rows) != PGRES_TUPLES_OK) {{ fputs(PQerrorMessage(shop), stderr); return 1; }}
    PQprint(stdout, rows, &(PQprintOpt){{.header = 1, .align = 1, .fieldSep = "|"}});
    PQclear(rows); PQfinish(shop); return 0;
}}
"""


def _csharp(table: str, address: Address) -> str:
    where = f"Host={address.host};Port={address.postgres};Database={address.project};Username={address.user}"
    return f"""
// dotnet add package Npgsql; the token is in {TOKEN}
using Npgsql;
await using var shop = NpgsqlDataSource.Create({_text(where)} + ";Password=" + Environment.GetEnvironmentVariable("{TOKEN}"));
await using var rows = await shop.CreateCommand({_text(_select(table))}).ExecuteReaderAsync();
while (await rows.ReadAsync()) Console.WriteLine(rows.GetValue(0));
"""


def _odbc(table: str, address: Address) -> str:
    where = (
        f"Driver={{PostgreSQL Unicode}};Server={address.host};Port={address.postgres};Database={address.project};"
        f"UID={address.user};SSLmode={'require' if address.tls else 'disable'};PWD="
    )
    return f"""
# apt install unixodbc odbc-postgresql; the token is in {TOKEN}
echo {shlex.quote(_select(table))} | isql -b -k {shlex.quote(where)}"${TOKEN}"
"""


def _perl(table: str, address: Address) -> str:
    return f"""
# cpan DBD::Pg; the token is in {TOKEN}
use DBI;
my $shop = DBI->connect({_single("dbi:Pg:" + address.conninfo.replace(" ", ";"))}, {_single(address.user)}, $ENV{{{TOKEN}}}, {{ RaiseError => 1, pg_enable_utf8 => 0 }});
print join("|", map {{ $_ // "" }} @$_), "\\n" for @{{ $shop->selectall_arrayref({_single(_select(table))}) }};
"""


def _ruby(table: str, address: Address) -> str:
    return f"""
# gem install pg; the token is in {TOKEN}
require "pg"
shop = PG.connect({_single(address.conninfo + " password=")} + ENV.fetch("{TOKEN}"))
puts shop.exec({_single(_select(table))}).to_a
"""


def _php(table: str, address: Address) -> str:
    return f"""
<?php  // with the extension pdo_pgsql; the token is in {TOKEN}
$shop = new PDO({_single("pgsql:" + address.conninfo.replace(" ", ";").replace(f";user={address.user}", ""))}, {_single(address.user)}, getenv("{TOKEN}"));
print_r($shop->query({_single(_select(table))})->fetchAll(PDO::FETCH_ASSOC));
"""


def _excel(table: str, address: Address) -> str:
    return f"""
1. Data > Get Data > From Other Sources > From Web > Advanced.
2. Address: {address.url}/api/tables/{table}.csv
3. Header: Authorization, with the value: Bearer TOKEN
"""


def _powerbi(table: str, address: Address) -> str:
    return f"""
let
    Source = Web.Contents({_m_text(address.url)}, [RelativePath = {_m_text(f"api/tables/{table}.csv")}, Headers = [Authorization = "Bearer " & Token]]),
    Rows = Table.PromoteHeaders(Csv.Document(Source, [Encoding = 65001]))
in
    Rows   // Token is a parameter of the report
"""


def _tool(table: str, address: Address) -> str:
    return f"""
Kind of database: PostgreSQL
Host: {address.host}    Port: {address.postgres}    Database: {address.project}    SSL: {"on" if address.tls else "off"}
User: {address.user}    Password: a token, as `pumphouse token make` prints it
The table is public.{table}.
"""


SNIPPETS: dict[str, Snippet] = {
    "python": Snippet(title="Python", door="http", text=_python(".rows", "")),
    "polars": Snippet(title="Python, polars", door="http", text=_python(".to_polars()", "[polars]")),
    "pandas": Snippet(title="Python, pandas", door="http", text=_python(".to_pandas()", "[pandas]")),
    "arrow": Snippet(title="Python, Arrow", door="http", text=_python(".to_arrow()", "")),
    "duckdb": Snippet(title="Python, DuckDB", door="http", text=_duckdb),
    "adbc": Snippet(title="Python, ADBC over Flight SQL", door="flight", text=_adbc),
    "psycopg": Snippet(title="Python, psycopg 3", door="postgres", text=_psycopg),
    "sqlalchemy": Snippet(title="Python, SQLAlchemy", door="postgres", text=_sqlalchemy),
    "r": Snippet(title="R", door="http", text=_r),
    "r-dbi": Snippet(title="R, DBI", door="postgres", text=_r_dbi),
    "julia": Snippet(title="Julia", door="http", text=_julia),
    "node": Snippet(title="JavaScript in Node, Arrow", door="http", text=_node),
    "node-pg": Snippet(title="JavaScript in Node, pg", door="postgres", text=_node_pg),
    "typescript": Snippet(title="TypeScript, Arrow", door="http", text=_node),
    "java": Snippet(title="Java, JDBC", door="postgres", text=_java),
    "go": Snippet(title="Go, lib/pq", door="postgres", text=_go),
    "rust": Snippet(title="Rust, postgres", door="postgres", text=_rust),
    "c": Snippet(title="C, libpq", door="postgres", text=_c),
    "csharp": Snippet(title="C#, Npgsql", door="postgres", text=_csharp),
    "odbc": Snippet(title="ODBC, isql", door="postgres", text=_odbc),
    "perl": Snippet(title="Perl, DBD::Pg", door="postgres", text=_perl),
    "ruby": Snippet(title="Ruby, pg", door="postgres", text=_ruby),
    "php": Snippet(title="PHP, PDO", door="postgres", text=_php),
    "curl": Snippet(title="curl", door="http", text=_curl),
    "psql": Snippet(title="psql", door="postgres", text=_psql),
    "excel": Snippet(title="Excel, Power Query", door="http", text=_excel),
    "powerbi": Snippet(title="Power BI, in M", door="http", text=_powerbi),
    "metabase": Snippet(title="Metabase", door="postgres", text=_tool),
    "dbeaver": Snippet(title="DBeaver", door="postgres", text=_tool),
    "tableau": Snippet(title="Tableau", door="postgres", text=_tool),
}
"""Every language and tool."""


def _select(table: str) -> str:
    plain = _PLAIN.fullmatch(table) and table not in _RESERVED
    name = table if plain else '"' + table.replace('"', '""') + '"'
    return f"SELECT * FROM {name} LIMIT {ROWS}"


def _csv(table: str, address: Address) -> str:
    return f"{address.url}/api/tables/{table}.csv?limit={ROWS}&text=exact"


def _rows(table: str, address: Address) -> str:
    return f"{address.url}/api/tables/{table}/rows?limit={ROWS}"


def _jdbc(address: Address) -> str:
    return f"jdbc:postgresql://{address.host}:{address.postgres}/{address.project}"


def _text(value: str | None) -> str:
    """A literal as Python, JavaScript, Java, Go, C, C#, Rust, R and Julia have it."""
    return json.dumps(value or "", ensure_ascii=False)


def _single(value: str) -> str:
    """A literal as Perl, Ruby and PHP have it, in which nothing is replaced."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _m_text(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'
