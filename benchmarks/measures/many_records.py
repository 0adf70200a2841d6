"""Databases with millions of records, and copies of them, so that every turn starts from the same state."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

from benchmarks.harness.bench import Bench, Database

KINDS = "Certificate Contract Domain Insurance Licence Passport Permit Subscription Visa Warranty".split()

# Of ten records one is due, one is stale, one is expired and kept, seven are active. Ids follow the time of creation,
# expiry dates are random, so due records are scattered over the whole table.
FILL = """
    INSERT INTO record (title, created_at, expiry_date, is_expired)
    SELECT (CAST(:kinds AS text[]))[1 + mod(number * 7, 10)] || ' no. ' || mod(draw, 10000)
               || CASE WHEN mod(number, CAST(:rows AS bigint) / 10) = 0 THEN ' 🔥' ELSE '' END,
           now() - interval '365 days' * (1 - number / CAST(:rows AS double precision)),
           now() + CASE mod(draw, 10)
               WHEN 0 THEN -chance * interval '28 days'
               WHEN 1 THEN interval '-31 days' - chance * interval '300 days'
               WHEN 2 THEN -chance * interval '28 days'
               ELSE interval '2 days' + chance * interval '600 days' END,
           mod(draw, 10) IN (1, 2)
    FROM (
        SELECT number, random() AS chance, CAST(random() * 1e6 AS integer) AS draw
        FROM generate_series(1, CAST(:rows AS bigint)) AS number
    ) AS drawn
"""
INDEXES = """
    SELECT index.relname, pg_get_indexdef(index.oid)
    FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
    WHERE indrelid = ANY(CAST(CAST(:tables AS text[]) AS regclass[])) AND NOT indisprimary AND NOT indisunique
    ORDER BY index.relname
"""


def records(bench: Bench, rows: int) -> Database:
    """A database with `rows` records, vacuumed."""
    bench.progress(f"{rows:,} records are inserted")
    database = bench.database()
    with closing(database.connect()) as con:
        without_indexes(con, ["record"], lambda: con.run(FILL, rows=rows, kinds=KINDS))
    return database


def without_indexes(con: Any, tables: list[str], fill: Callable[[], object]) -> None:
    """Fill tables and create their indexes afterwards, which takes a fifth of the time."""
    con.run("SET maintenance_work_mem = '1GB'")
    indexes = con.run(INDEXES, tables=tables)
    for name, _ in indexes:
        con.run(f"DROP INDEX {name}")
    fill()
    for _, definition in indexes:
        con.run(definition)
    con.run(f"VACUUM (ANALYZE, FREEZE) {', '.join(tables)}")
    con.run("CHECKPOINT")


def copied(template: Database, name: str) -> Database:
    """A copy with this name, which replaces an earlier one."""
    copy = replace(template, name=name)
    with closing(replace(template, name="postgres").connect()) as con:
        con.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        con.run(f"CREATE DATABASE {name} TEMPLATE {template.name} STRATEGY file_copy")
        con.run("CHECKPOINT")
    return copy
