"""What people are told about runs, written by the very statement that it is about."""


def tell(ended: str) -> str:
    """A common table expression `told` for the runs in `ended` (id, job, attempt), by the statement's :state.

    A run that failed for good is told; so is the first success of its job after one. :now and :error are
    the statement's, too.
    """
    return f"""
        told AS (
            INSERT INTO notification (at, event, job, run_id, key, detail)
            SELECT CAST(:now AS timestamptz), 'failed', job, id, id || ' ' || attempt,
                   jsonb_build_object('error', CAST(:error AS text), 'attempt', attempt)
            FROM {ended} WHERE :state = 'failed'
            UNION ALL
            SELECT CAST(:now AS timestamptz), 'recovered', ended.job, ended.id, before.id::text,
                   jsonb_build_object('failed_run_id', before.run_id, 'failed_at', before.at)
            FROM {ended} AS ended, LATERAL (
                SELECT id, event, run_id, at FROM notification
                WHERE job = ended.job AND event IN ('failed', 'recovered')
                ORDER BY at DESC LIMIT 1
            ) AS before
            WHERE :state = 'succeeded' AND before.event = 'failed'
            ON CONFLICT DO NOTHING
            RETURNING id
        )
    """
