"""Programs in other languages, the same table in a real PostgreSQL, and what is read of both."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
NODE_PACKAGES = HERE / "node_modules"
PROGRAM_S = 120
JDBC, GO_PACKAGES = Path("/usr/share/java/postgresql.jar"), Path("/usr/share/gocode")


@dataclass(frozen=True)
class Language:
    """How a program of a language is run, and how one sees that the language is there."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...]
    made: tuple[str, ...] = ()
    """What makes the program first."""

    def run(self, sql: str, server: dict[str, str], built: Path) -> str:
        for program in self.needs:
            if not (shutil.which(program) or Path(program).exists()):
                pytest.skip(f"no {self.name} here: {program} is missing")
        places = {"programs": str(PROGRAMS), "built": str(built)}
        packages = {"GO111MODULE": "off", "GOPATH": str(GO_PACKAGES), "NODE_PATH": str(NODE_PACKAGES)}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment = {**inherited, **packages, "GOCACHE": str(built / "go"), **server}
        is_made = not self.made or Path(self.command[0].format(**places)).exists()
        for command, last in [*([] if is_made else [(self.made, ())]), (self.command, (sql,))]:
            words = [*(part.format(**places) for part in command), *last]
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PROGRAM_S)
            assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


_C = "-I/usr/include/postgresql -o {built}/c {programs}/read.c -lpq"
_GO = "-o {built}/go-read {programs}/read.go"
_JAVA = f"-Xshare:auto -XX:TieredStopAtLevel=1 -cp {JDBC} {{programs}}/Read.java"
LANGUAGES = {
    name: Language(name, (*command.split(), *last), tuple(map(str, needs)), tuple(made.split()))
    for name, command, last, needs, made in (
        ("python", f"{sys.executable} {{programs}}/read.py", (), (), ""),
        ("psql", "psql -X -P null=null -x", ("-c",), ("psql",), ""),
        ("c", "{built}/c", (), ("cc", "/usr/include/postgresql/libpq-fe.h"), f"cc {_C}"),
        ("node", "node {programs}/read.js", (), ("node", NODE_PACKAGES / "pg"), ""),
        ("java", f"java {_JAVA}", (), ("java", "javac", JDBC), ""),
        ("go", "{built}/go-read", (), ("go", GO_PACKAGES / "src/github.com/lib/pq"), f"go build {_GO}"),
        ("r", "Rscript --vanilla {programs}/read.R", (), ("Rscript", "/usr/lib/R/site-library/RPostgreSQL"), ""),
        ("perl", "perl {programs}/read.pl", (), ("perl", "/usr/share/doc/libdbd-pg-perl"), ""),
        ("ruby", "ruby {programs}/read.rb", (), ("ruby", "/usr/share/doc/ruby-pg"), ""),
        ("php", "php {programs}/read.php", (), ("php", "/usr/share/doc/php-pgsql"), ""),
        ("odbc", "{programs}/read-odbc", (), ("isql", "/usr/share/doc/odbc-postgresql"), ""),
    )
}  # fmt: skip
