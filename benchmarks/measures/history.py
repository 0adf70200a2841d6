"""Runs of four weeks with attempts and events: however many there are, the same mix of all kinds, in the same time.

What is drawn is one history; the smaller one is some of its runs, the larger one has each of them many times.
"""

from contextlib import closing
from typing import Any

from benchmarks.harness import Database, Stage
from benchmarks.measures.crowd import without_indexes
from local import seed_runs
from local.progress import Progress

TABLES = ["job_run", "job_attempt", "job_event"]

SOME_RUNS = """
    CREATE TEMPORARY TABLE drawn_job_run ON COMMIT DROP AS
    SELECT job_run.* FROM job_run JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM job_run) AS placed
    USING (id) WHERE mod(place, {share}) = 0 ORDER BY id
"""
THEIR_PARTS = """
    CREATE TEMPORARY TABLE drawn_{table} ON COMMIT DROP AS
    SELECT * FROM {table} WHERE run_id IN (SELECT id FROM drawn_job_run)
"""

COLUMNS = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = :table AND is_identity = 'NO' ORDER BY ordinal_position
"""
# A copy is so much later, also by its id, whose first twelve digits are its time in milliseconds. A tick has one run.
LATER = "copy * CAST(:step AS interval)"
MOMENT = f"date_part('epoch', uuid_extract_timestamp({{column}}) + {LATER})"
COPIED = {
    "timestamp with time zone": f"{{column}} + {LATER}",
    "uuid": f"""
        CAST(lpad(to_hex(CAST({MOMENT} * 1000 AS bigint)), 12, '0') || substr({{column}}::text, 14) AS uuid)""",
}
ONCE = "CASE WHEN copy = 0 THEN {column} END"
COPY = """
    INSERT INTO {table} ({columns})
    SELECT {copied} FROM drawn_{table} CROSS JOIN generate_series(0, CAST(:copies AS integer) - 1) AS copy
"""


def runs(stage: Stage, database: Database, count: int, drawn: int) -> None:
    """So many, made of a history of `drawn` runs; the larger of both numbers is a multiple of the other."""
    stage.progress(f"{count:,} runs are put in")
    with closing(database.connect()) as con:
        without_indexes(con, TABLES, lambda: _fill(con, count, drawn))
        assert con.run("SELECT count(*) FROM job_run") == [[count]]


def _fill(con: Any, count: int, drawn: int) -> None:
    seed_runs.add(con, drawn, Progress(drawn, "runs"))
    con.run("SET session_replication_role = replica")  # what refers to a run is copied with it
    con.run("BEGIN")  # with what empties the tables: PostgreSQL then writes no log of what fills them
    _copy(con, max(1, drawn // count), max(1, count // drawn))
    con.run("COMMIT")
    con.run("SET session_replication_role = DEFAULT")


def _copy(con: Any, share: int, copies: int) -> None:
    """Of so many runs one remains, and of those that remain there are so many."""
    con.run(SOME_RUNS.format(share=share))
    for table in TABLES[1:]:
        con.run(THEIR_PARTS.format(table=table))
    con.run(f"TRUNCATE {', '.join(TABLES)}, job_log")
    ((step,),) = con.run(
        "SELECT (max(created_at) - min(created_at)) / count(*) / :copies FROM drawn_job_run", copies=copies
    )
    for table in TABLES:
        columns = con.run(COLUMNS, table=table)
        copied = [_copied(name, kind) for name, kind in columns]
        statement = COPY.format(
            table=table, columns=", ".join(name for name, _ in columns), copied=", ".join(copied)
        )
        con.run(statement, copies=copies, step=step)


def _copied(column: str, kind: str) -> str:
    form = ONCE if column == "occurrence" else COPIED.get(kind, "{column}")
    return form.format(column=column)
