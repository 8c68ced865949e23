"""schema.sql is the schema that the migrations make."""

import re
import subprocess
from pathlib import Path

import psycopg

from local.stack.postgres import BIN
from tests.helpers.support import Postgres


def dump(url: str) -> str:
    """Return the schema of a database as SQL, without the lines that differ in each dump."""
    output = subprocess.run(
        [BIN / "pg_dump", "--schema-only", "--no-owner", "--no-privileges", "--exclude-table=migrations", url],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return re.sub(r"^\\(un)?restrict .*$", "", output, flags=re.MULTILINE)


def test_schema_sql_equals_the_migrations(postgres: Postgres, root: Path) -> None:
    postgres.create("from_schema_file")
    with psycopg.connect(postgres.url("from_schema_file"), autocommit=True) as conn:
        conn.execute((root / "layers/common/boxoffice/schema.sql").read_bytes())

    assert dump(postgres.url("from_schema_file")) == dump(postgres.url("template"))
