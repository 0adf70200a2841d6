"""Migration files: how they are read, and that none holds up the version that is in use."""

from pathlib import Path

import pytest

from slowmatch.db.migration import Migration, MigrationError, migrations, normalized, split_statements
from tests.support.migration_rules import CONTRACT, SINCE, complaints


def file(sql: str) -> Migration:
    return Migration(9001, "next", sql)


def test_no_migration_holds_up_the_version_in_use() -> None:
    found = {str(each): complaints(each) for each in migrations() if each.version >= SINCE}
    assert [name for name, said in found.items() if said] == [], found


def test_only_the_careless_migration_of_make_chaos_breaks_the_rules() -> None:
    folder = Path(__file__).parents[1] / "chaos" / "upgrade"
    found = {path.stem: bool(complaints(file(path.read_text()))) for path in folder.glob("*.sql")}
    assert found == {"9001_expand": False, "9002_indexes": False, "9003_careless": True}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE tag (id integer); CREATE INDEX tag_id ON tag (id); INSERT INTO tag SELECT 1;",
        "ALTER TABLE record ADD COLUMN colour text;",
        "ALTER TABLE record ADD COLUMN colour text NOT NULL DEFAULT 'none', ADD COLUMN size numeric(10, 2);",
        "ALTER TABLE record ADD COLUMN seen timestamp with time zone DEFAULT now() NOT NULL;",
        "ALTER TABLE record ADD CONSTRAINT good CHECK (colour IN ('red', 'blue')) NOT VALID;",
        "ALTER TABLE record ADD CONSTRAINT record_once UNIQUE USING INDEX record_once;",
        "INSERT INTO roll_up (subject, counted_to) VALUES ('new', now());",
        "CREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE sql AS $$ SELECT 1; $$;",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS once ON record (title);",
        "DROP INDEX CONCURRENTLY IF EXISTS record_due;",
        "ALTER TABLE record VALIDATE CONSTRAINT good;",
        f"{CONTRACT}nothing reads it since 2.0\nALTER TABLE record DROP COLUMN colour;",
        f"{CONTRACT}nothing reads it since 2.0\nDROP TABLE record_hour;",
    ],
)
def test_what_takes_a_moment_is_allowed(sql: str) -> None:
    assert complaints(file(sql)) == []


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX record_colour ON record (colour);",
        "DROP INDEX record_due;",
        "ALTER TABLE record ADD COLUMN token uuid DEFAULT gen_random_uuid();",
        "ALTER TABLE record ADD COLUMN number bigserial;",
        "ALTER TABLE record ADD COLUMN colour text NOT NULL;",
        "ALTER TABLE record ADD COLUMN colour text CHECK (colour <> '');",
        "ALTER TABLE record ADD COLUMN words tsvector GENERATED ALWAYS AS (search_words(title)) STORED;",
        "ALTER TABLE record ADD COLUMN job text REFERENCES job;",
        "ALTER TABLE record ADD CONSTRAINT good CHECK (colour <> '');",
        "ALTER TABLE record ADD PRIMARY KEY (id);",
        "ALTER TABLE record ALTER COLUMN id TYPE numeric;",
        "ALTER TABLE record ALTER COLUMN title SET NOT NULL;",
        "ALTER TABLE record ADD COLUMN colour text, DROP COLUMN title;",
        "ALTER TABLE record RENAME COLUMN title TO name;",
        "DROP TABLE record_hour;",
        "UPDATE record SET is_expired = false;",
        "INSERT INTO record_hour SELECT now();",
        "LOCK TABLE record;",
        "VACUUM FULL record;",
        "CREATE INDEX CONCURRENTLY record_colour ON record (colour);",
        "ALTER TABLE record ADD COLUMN colour text; ALTER TABLE record VALIDATE CONSTRAINT good;",
        f"{CONTRACT}nothing reads it since 2.0\nALTER TABLE record ALTER COLUMN id TYPE numeric;",
    ],
)
def test_what_rewrites_scans_or_breaks_is_not(sql: str) -> None:
    assert complaints(file(sql)) != []


def test_statements_end_at_semicolons_outside_of_texts_and_comments() -> None:
    sql = """
        -- one; two
        SELECT ';', 'it''s; here' /* not; here */ FROM "a;b";
        CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS $body$ SELECT 1; SELECT ';'; $body$;
        ;
        -- nothing more;
    """
    assert [normalized(statement) for statement in split_statements(sql)] == [
        """SELECT ';', 'it''s; here' FROM "a;b\"""",
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS $body$ SELECT 1; SELECT ';'; $body$",
    ]


def test_a_file_of_indexes_runs_outside_a_transaction() -> None:
    assert file("CREATE INDEX CONCURRENTLY IF NOT EXISTS one ON record (title);").is_online
    assert not file("-- not CONCURRENTLY\nCREATE TABLE one (title text);").is_online


def test_nothing_that_cannot_be_repeated_runs_outside_a_transaction() -> None:
    mixed = file(
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS one ON record (title); INSERT INTO job VALUES ('a');"
    )
    with pytest.raises(MigrationError, match=r"another file: INSERT INTO job VALUES \('a'\)"):
        _ = mixed.is_online
