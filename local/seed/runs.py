"""Synthetic runs of a busy month, for a full dashboard and for measurements."""

import pg8000.native

from local.output import Progress

CHUNK_RUNS = 50_000
DAYS = 28
"""Shorter than the retention, so that the dispatcher does not purge the new runs."""

# One run a minute is an occurrence of its job's schedule, the others were triggered. `luck` has cumulated chances.
DRAW = """
    INSERT INTO drawn (
        id, job, state, trigger, actor, occurrence, attempts, payload, created_at, started_at, took, error
    )
    SELECT uuidv7(at - now()), job,
           CASE WHEN luck < 0.98 THEN 'succeeded' WHEN luck < 0.995 THEN 'failed' WHEN luck < 0.998 THEN 'deleted'
                ELSE 'scheduled' END,
           CASE WHEN is_scheduled THEN 'schedule' WHEN hand < 0.01 THEN 'console' WHEN hand < 0.3 THEN 'direct'
                ELSE 'api' END,
           CASE WHEN is_scheduled THEN 'schedule' WHEN hand < 0.01 THEN people[1 + mod(number, cardinality(people))]
                WHEN hand < 0.3 THEN 'direct invocation' ELSE 'importer' END,
           CASE WHEN is_scheduled THEN date_trunc('minute', at) END,
           CASE WHEN luck < 0.96 THEN 1 WHEN luck < 0.995 THEN 2 WHEN luck < 0.999 THEN 0 ELSE 1 END,
           CASE WHEN is_scheduled OR hand < 0.7 OR field IS NULL THEN '{}'
                ELSE jsonb_build_object(field, (1 + mod(number, 9)) * 1000) END,
           at, at + random() * interval '0.4 seconds',
           exp(random_normal(size, 0.7)) * interval '1 second',
           errors[(1 + floor(pow(random(), 2) * cardinality(errors)))::integer]
    FROM (
        SELECT number, random() AS luck, random() AS hand,
               :people::text[] AS people, :errors::text[] AS errors,
               (:jobs::text[])[1 + mod(number, cardinality(:jobs::text[]))] AS job,
               (:fields::text[])[1 + mod(number, cardinality(:jobs::text[]))] AS field,
               mod(number, 3) - 2 AS size,
               floor(number * step / 60) <> floor((number - 1) * step / 60) AS is_scheduled,
               date_trunc('day', now()) - interval '28 days' + number * step * interval '1 second' AS at
        FROM generate_series(:first::integer, :last::integer) AS number,
             (SELECT extract(epoch FROM now() - date_trunc('day', now()) + interval '28 days' - interval '5 minutes')
                     / :total::double precision AS step) AS span
    ) AS chance
"""

DRAWN = """
    CREATE TEMPORARY TABLE drawn (
        id uuid, job text, state text, trigger text, actor text, occurrence timestamptz, attempts integer,
        payload jsonb, created_at timestamptz, started_at timestamptz, took interval, error text
    );
    CREATE TEMPORARY TABLE drawn_attempt (
        run_id uuid, number integer, started_at timestamptz, finished_at timestamptz, error text, is_last boolean
    )
"""

REMOVE_KNOWN_OCCURRENCES = """
    UPDATE drawn SET occurrence = NULL, trigger = 'direct', actor = 'direct invocation'
    WHERE EXISTS (SELECT FROM job_run WHERE job_run.job = drawn.job AND job_run.occurrence = drawn.occurrence)
"""

DRAW_ATTEMPTS = """
    INSERT INTO drawn_attempt
    SELECT id, number, drawn.started_at + (number - 1) * (took + interval '25 seconds'),
           drawn.started_at + (number - 1) * (took + interval '25 seconds') + took,
           CASE WHEN number < attempts OR state <> 'succeeded' THEN error END, number = attempts
    FROM drawn, generate_series(1, attempts) AS number
"""

RUNS = """
    INSERT INTO job_run (id, job, state, exclusive, payload, trigger, triggered_by, occurrence, attempt, failures,
                         max_attempts, due_at, created_at, started_at, finished_at, result, error)
    SELECT id, job, state, true, payload, trigger, actor, occurrence, attempts,
           CASE WHEN state = 'succeeded' THEN attempts - 1 ELSE attempts END, 11,
           CASE WHEN state = 'scheduled' THEN now() + random() * interval '30 days' ELSE drawn.created_at END,
           drawn.created_at, first_attempt.started_at,
           CASE WHEN state = 'deleted' THEN drawn.created_at + interval '9 seconds'
                WHEN state <> 'scheduled' THEN
                    drawn.started_at + (attempts - 1) * (took + interval '25 seconds') + took END,
           CASE WHEN state = 'succeeded' THEN jsonb_build_object('done', (random() * 1000)::integer) END,
           CASE WHEN state = 'failed' OR (state = 'scheduled' AND attempts > 0) THEN error END
    FROM drawn LEFT JOIN (SELECT run_id, started_at FROM drawn_attempt WHERE number = 1) AS first_attempt ON run_id = id
    ORDER BY id
"""

ATTEMPTS = """
    INSERT INTO job_attempt (run_id, number, worker, request_id, started_at, finished_at, outcome,
                             error_type, error_message, traceback)
    SELECT run_id, number, 'seed/' || mod(number + extract(minute FROM started_at)::integer, 7), run_id::text,
           started_at, finished_at,
           CASE WHEN error IS NULL THEN 'succeeded' WHEN error LIKE 'Lost:%' THEN 'lost' ELSE 'failed' END,
           split_part(error, ':', 1), split_part(error, ': ', 2),
           CASE WHEN error NOT LIKE 'Lost:%' THEN
               E'Traceback (most recent call last):\n  File "app.py", line 12, in handler\n' || error END
    FROM drawn_attempt ORDER BY drawn_attempt.run_id, number
"""

EVENTS = """
    INSERT INTO job_event (run_id, at, from_state, to_state, reason, actor)
    SELECT id, at, from_state, to_state, reason, actor FROM (
        SELECT id, created_at AS at, NULL AS from_state,
               CASE WHEN state = 'scheduled' THEN 'scheduled' ELSE 'enqueued' END AS to_state,
               'created by ' || trigger AS reason, actor
        FROM drawn WHERE trigger IN ('api', 'console') OR attempts = 0
        UNION ALL
        SELECT id, drawn_attempt.started_at,
               CASE WHEN number > 1 THEN 'scheduled' WHEN trigger IN ('api', 'console') THEN 'enqueued' END,
               'processing',
               CASE WHEN trigger IN ('api', 'console') OR number > 1 THEN 'attempt ' || number
                    ELSE 'started by ' || trigger END, 'worker'
        FROM drawn JOIN drawn_attempt ON run_id = id
        UNION ALL
        SELECT id, drawn_attempt.finished_at, 'processing',
               CASE WHEN is_last THEN state ELSE 'scheduled' END,
               CASE WHEN drawn_attempt.error IS NULL THEN 'the handler returned'
                    WHEN is_last AND state = 'failed' THEN 'permanent error: ' || drawn_attempt.error
                    ELSE 'retry ' || number || ' of 10 in 25 s: ' || drawn_attempt.error END, 'worker'
        FROM drawn JOIN drawn_attempt ON run_id = id
        UNION ALL
        SELECT id, created_at + interval '9 seconds', 'enqueued', 'deleted', 'delete', 'ann'
        FROM drawn WHERE state = 'deleted'
    ) AS happened
    ORDER BY at
"""

PEOPLE = ["ann", "bob", "cid"]
ERRORS = [
    "Unavailable: the connection to the database was lost",
    "TimeoutError: the server did not answer within 10 s",
    "MailRefused: 550 no such mailbox",
    "Lost: the worker disappeared: it was killed, timed out or crashed",
    "ValueError: the template has no subject",
]


def add(connection: pg8000.native.Connection, runs: int, progress: Progress) -> None:
    """Add runs of the last four weeks with attempts, events and hourly figures."""
    from slowmatch.jobs import JOBS, Integer
    from slowmatch.jobs.dispatcher import rollup

    # Jobs with a form are started by people, and rarely.
    jobs = [job for job in JOBS.values() if not job.form]
    fields = [
        next((name for name, field in job.payload.items() if isinstance(field, Integer)), None)
        for job in jobs
    ]
    # The rows refer only to each other, so foreign keys need no check.
    connection.run("SET session_replication_role = replica")
    connection.run("SET gin_pending_list_limit = '64MB'")
    connection.run(DRAWN)
    draw = connection.prepare(DRAW)
    for first in range(0, runs, CHUNK_RUNS):
        last = min(first + CHUNK_RUNS, runs)
        connection.run("BEGIN")
        connection.run("TRUNCATE drawn, drawn_attempt")
        draw.run(
            first=first + 1,
            last=last,
            total=runs,
            jobs=[job.name for job in jobs],
            fields=fields,
            people=PEOPLE,
            errors=ERRORS,
        )
        for statement in (REMOVE_KNOWN_OCCURRENCES, DRAW_ATTEMPTS, RUNS, ATTEMPTS, EVENTS):
            connection.run(statement)
        connection.run("COMMIT")
        progress.update(last)
    connection.run("DROP TABLE drawn, drawn_attempt")
    connection.run("SET session_replication_role = DEFAULT")
    for table in ("job_run", "job_attempt", "job_event"):
        connection.run(f"VACUUM (ANALYZE) {table}")
    start = connection.run("SELECT min(created_at), now() FROM job_run")[0]
    for statement in (rollup.HOURS, rollup.ERRORS):
        connection.run(statement, start=start[0].replace(minute=0, second=0, microsecond=0), now=start[1])
    connection.run(rollup.MARK, now=start[1])
    connection.run("VACUUM (ANALYZE) job_hour, job_hour_error")
