"""Any number of runs with attempts and events, always with the same mix, spread over four weeks.

One history is generated. A smaller one is a selection of its runs. A larger one repeats each few hours of it many
times, in a correspondingly shorter time, so that neighbouring runs differ as before.
"""

from contextlib import closing
from typing import Any

from benchmarks.harness.bench import Bench, Database
from benchmarks.measures.many_records import without_indexes
from local.output import Progress
from local.seed import runs as seed_runs

TABLES = ["job_run", "job_attempt", "job_event"]

SPELL = 5_000
"""Runs of the generated history that are repeated together."""

DRAWN_RUNS = """
    CREATE TEMPORARY TABLE drawn_job_run ON COMMIT DROP AS
    SELECT job_run.*, place / {share} AS place
    FROM job_run JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM job_run) AS placed USING (id)
    WHERE mod(place, {share}) = 0 ORDER BY place
"""
THEIR_PARTS = """
    CREATE TEMPORARY TABLE drawn_{table} ON COMMIT DROP AS
    SELECT {table}.*, place FROM {table} JOIN (SELECT id AS run_id, place FROM drawn_job_run) AS run USING (run_id)
    ORDER BY place
"""

COLUMNS = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = :table AND is_identity = 'NO' ORDER BY ordinal_position
"""
# A copy is moved in time, and so is its id, whose first twelve digits are its time in milliseconds. Occurrences stay
# unique.
COPIED = {
    "timestamp with time zone": "{column} + moved",
    "uuid": """CAST(
        lpad(to_hex(CAST(date_part('epoch', uuid_extract_timestamp({column}) + moved) * 1000 AS bigint)), 12, '0')
        || substr({column}::text, 14) AS uuid)""",
}
ONCE = "CASE WHEN copy = 0 THEN {column} END"
COPY = """
    INSERT INTO {table} ({columns})
    SELECT {copied}
    FROM generate_series(0, CAST(:spells AS integer) * CAST(:copies AS integer) - 1) AS turn, LATERAL (
        SELECT *, mod(turn, CAST(:copies AS integer)) AS copy, CAST(:step AS interval) * (
            (mod(turn, CAST(:copies AS integer)) * {spell} + mod(place, {spell}))
            / CAST(:copies AS double precision) - mod(place, {spell})
        ) AS moved
        FROM drawn_{table}
        WHERE place / {spell} = turn / CAST(:copies AS integer)
        ORDER BY place OFFSET 0
    ) AS drawn
"""


def runs(bench: Bench, database: Database, count: int, drawn: int) -> None:
    """Insert `count` runs, made from a history of `drawn` runs. The larger number is a multiple of the other."""
    bench.progress(f"{count:,} runs are inserted")
    with closing(database.connect()) as con:
        without_indexes(con, TABLES, lambda: _fill(con, count, drawn))
        assert con.run("SELECT count(*) FROM job_run") == [[count]]


def _fill(con: Any, count: int, drawn: int) -> None:
    seed_runs.add(con, drawn, Progress(drawn, "runs"))
    con.run("SET session_replication_role = replica")  # foreign keys need no check: everything is copied
    con.run("BEGIN")  # in the transaction that truncates, so PostgreSQL writes no log for the rows
    _copy(con, max(1, drawn // count), max(1, count // drawn))
    con.run("COMMIT")
    con.run("SET session_replication_role = DEFAULT")


def _copy(con: Any, share: int, copies: int) -> None:
    """Keep one of `share` runs, and make `copies` of each."""
    con.run(DRAWN_RUNS.format(share=share))
    for table in TABLES[1:]:
        con.run(THEIR_PARTS.format(table=table))
    con.run(f"TRUNCATE {', '.join(TABLES)}, job_log CASCADE")
    ((number, step),) = con.run(
        "SELECT count(*), (max(created_at) - min(created_at)) / (count(*) - 1) FROM drawn_job_run"
    )
    for table in TABLES:
        con.run(f"CREATE INDEX ON drawn_{table} ((place / {SPELL}), place)")
        con.run(f"ANALYZE drawn_{table}")
        columns = con.run(COLUMNS, table=table)
        copied = [_copied(name, kind) for name, kind in columns]
        statement = COPY.format(
            table=table,
            columns=", ".join(name for name, _ in columns),
            copied=", ".join(copied),
            spell=SPELL,
        )
        con.run(statement, copies=copies, spells=-(-number // SPELL), step=step)


def _copied(column: str, kind: str) -> str:
    form = ONCE if column == "occurrence" else COPIED.get(kind, "{column}")
    return form.format(column=column)
