"""The mutants: of a run's life, the dispatcher, notifications, HTTP, records and mail."""

from tests.mutants.mutant import Mutant

_JOBS = "layers/common/slowmatch/jobs"
_NOTIFICATIONS = "layers/common/slowmatch/notifications"
_HTTP = "layers/common/slowmatch/http"
_RECORDS = "layers/common/slowmatch/records"
_MAIL = "layers/common/slowmatch/mail"
_TESTS_OF_JOBS = "tests/integration/jobs"
_TESTS_OF_ACCESS = "tests/integration/access"

LIFECYCLE = [
    Mutant(
        "Of several messages for one attempt, one claims the run.",
        f"{_JOBS}/lifecycle/claim.py",
        "AND attempt = :attempt::integer - 1\n",
        "AND attempt >= :attempt::integer - 1\n",
        f"{_TESTS_OF_JOBS}/test_runs.py",
    ),
    Mutant(
        "A run is not claimed before it is due.",
        f"{_JOBS}/lifecycle/claim.py",
        "AND due_at <= :due_by::timestamptz\n",
        "AND due_at IS NOT NULL\n",
        f"{_TESTS_OF_JOBS}/test_batches.py",
    ),
    Mutant(
        "A run is claimed only by the function of its own job.",
        f"{_JOBS}/lifecycle/claim.py",
        "job = :job\n              AND attempt",
        "true\n              AND attempt",
        f"{_TESTS_OF_JOBS}/test_batches.py",
    ),
    Mutant(
        "A requeued run starts afresh: its start is that of its first attempt since.",
        f"{_JOBS}/lifecycle/actions.py",
        "            started_at = NULL,\n",
        "",
        f"{_TESTS_OF_JOBS}/test_changes.py",
    ),
    Mutant(
        "A worker whose lease was taken over writes no result.",
        f"{_JOBS}/lifecycle/reports.py",
        "(attempt = :attempt AND lease_until = :lease_until::timestamptz) IS TRUE",
        "(:attempt = :attempt AND :lease_until::timestamptz IS NOT NULL) IS TRUE",
        f"{_TESTS_OF_JOBS}/test_runs.py",
    ),
    Mutant(
        "A failed attempt is retried until the last one is used up.",
        f"{_JOBS}/retry.py",
        "failures >= max_attempts",
        "failures >= max_attempts - 1",
        "tests/unit/jobs/test_retry.py",
    ),
    Mutant(
        "The delays before retries are Hangfire's.",
        f"{_JOBS}/retry.py",
        "(retry - 1) ** 4 + 15",
        "retry**4 + 15",
        "tests/unit/jobs/test_retry.py",
    ),
    Mutant(
        "A permanent error is not retried.",
        f"{_JOBS}/retry.py",
        "if isinstance(error, Permanent):",
        "if isinstance(error, KeyError):",
        f"{_TESTS_OF_JOBS}/test_by_hand.py",
    ),
    Mutant(
        "The first success after a failure is a recovery, not each success.",
        f"{_JOBS}/lifecycle/finish.py",
        "WHERE :state = 'succeeded' AND last.event = 'failed'",
        "WHERE :state = 'succeeded'",
        "tests/integration/notify/test_events.py",
    ),
    Mutant(
        "A result that was written before the connection broke is not written again as a failure.",
        f"{_JOBS}/lifecycle/finish.py",
        "    except Unavailable:\n        time.sleep",
        "    except KeyError:\n        time.sleep",
        f"{_TESTS_OF_JOBS}/test_batches.py",
    ),
    Mutant(
        "A run that finishes lets the one that has waited longest begin.",
        f"{_JOBS}/lifecycle/promotion.py",
        "ORDER BY due_at\n            LIMIT 1",
        "ORDER BY due_at DESC\n            LIMIT 1",
        f"{_TESTS_OF_JOBS}/test_turns.py",
    ),
    Mutant(
        "No run of an exclusive job is promoted while another one is processing.",
        f"{_JOBS}/lifecycle/promotion.py",
        "WHERE NOT EXISTS (SELECT FROM job_run WHERE job = name AND state = 'processing' AND exclusive)",
        "WHERE name <> ''",
        f"{_TESTS_OF_JOBS}/test_turns.py",
    ),
    Mutant(
        "A job that always continues makes no endless chain of messages.",
        f"{_JOBS}/lifecycle/finish.py",
        "leased.attempt % MAX_ATTEMPTS_IN_A_ROW == 0",
        "leased.attempt % (2 * MAX_ATTEMPTS_IN_A_ROW) == 0",
        f"{_TESTS_OF_JOBS}/test_chains.py",
    ),
    Mutant(
        "Deleting a run that is processing closes its attempt.",
        f"{_JOBS}/lifecycle/actions.py",
        'if was == "processing"], now)',
        'if was == "deleted"], now)',
        f"{_TESTS_OF_JOBS}/test_runs.py {_TESTS_OF_JOBS}/test_at_once.py",
    ),
    Mutant(
        "A run that is processing is not requeued: two workers would have it.",
        f"{_JOBS}/lifecycle/actions.py",
        'FINAL = ("succeeded", "failed", "deleted")',
        'FINAL = ("succeeded", "failed", "deleted", "processing")',
        f"{_TESTS_OF_JOBS}/test_changes.py",
    ),
    Mutant(
        "An idempotency key that is used for another request is refused.",
        f"{_JOBS}/lifecycle/enqueue.py",
        "if first != digest:",
        "if first is None:",
        f"{_TESTS_OF_JOBS}/test_enqueue.py {_TESTS_OF_JOBS}/test_api.py",
    ),
    Mutant(
        "The message is sent after the commit, so that a run that is rolled back has none.",
        f"{_JOBS}/lifecycle/enqueue.py",
        "con.after_commit(lambda: messages.send(con, [message]))",
        "messages.send(con, [message])",
        f"{_TESTS_OF_JOBS}/test_enqueue.py {_TESTS_OF_JOBS}/test_other_connection.py",
    ),
    Mutant(
        "What SQS does not accept is sent by the dispatcher.",
        f"{_JOBS}/lifecycle/messages.py",
        "con.query(FORGET_MESSAGES, ids=unsent)",
        "con.query(FORGET_MESSAGES, ids=[])",
        f"{_TESTS_OF_JOBS}/test_sending.py",
    ),
    Mutant(
        "A paused job's occurrences start no run.",
        f"{_JOBS}/worker/invocation.py",
        "if pause is not None:",
        'if pause == "":',
        f"{_TESTS_OF_JOBS}/test_runs.py",
    ),
    Mutant(
        "A checkpoint stops the handler of a run that was deleted.",
        f"{_JOBS}/worker/context.py",
        "if not self.flush():",
        "if self.flush() is None:",
        f"{_TESTS_OF_JOBS}/test_runs.py {_TESTS_OF_JOBS}/test_batches.py",
    ),
    Mutant(
        "A handler has time left to write its result.",
        f"{_JOBS}/worker/context.py",
        "return self._remaining_ms() <= self._reserve_ms",
        "return self._remaining_ms() <= 0",
        f"{_TESTS_OF_JOBS}/test_runs.py {_TESTS_OF_JOBS}/test_chains.py",
    ),
]

DISPATCHER = [
    Mutant(
        "A run whose worker disappeared is rescued.",
        f"{_JOBS}/dispatcher/rescuer.py",
        "WHERE state = 'processing' AND lease_until < :over::timestamptz",
        "WHERE state = 'enqueued' AND lease_until < :over::timestamptz",
        f"{_TESTS_OF_JOBS}/test_dispatcher.py",
    ),
    Mutant(
        "A lost attempt counts as a failure, so that a run that kills its workers ends.",
        f"{_JOBS}/dispatcher/rescuer.py",
        "failures=lost.failures + 1",
        "failures=lost.failures",
        f"{_TESTS_OF_JOBS}/test_dispatcher.py",
    ),
    Mutant(
        "A message that was lost is sent again.",
        f"{_JOBS}/dispatcher/redelivery.py",
        "AND (message_at IS NULL OR message_at <= :overdue::timestamptz)",
        "AND message_at IS NULL",
        f"{_TESTS_OF_JOBS}/test_dispatcher.py",
    ),
    Mutant(
        "The queue of one job that is broken does not hold up the others.",
        f"{_JOBS}/dispatcher/redelivery.py",
        "if found[job] == each and job not in rejected]",
        "if found[job] == each and not rejected]",
        f"{_TESTS_OF_JOBS}/test_sending.py",
    ),
    Mutant(
        "An occurrence that has its run was not missed.",
        f"{_JOBS}/dispatcher/schedules.py",
        "WHERE NOT EXISTS (SELECT FROM job_run WHERE job = :job::text AND occurrence = due.at)",
        "WHERE :job::text <> ''",
        f"{_TESTS_OF_JOBS}/test_schedules.py",
    ),
    Mutant(
        "While a schedule was being changed, only what both schedules have was due.",
        f"{_JOBS}/dispatcher/schedules.py",
        "{*state.occurrences(start, end)} & {*following.occurrences(start, end)}",
        "{*state.occurrences(start, end)} | {*following.occurrences(start, end)}",
        "tests/unit/jobs/test_schedule_history.py",
    ),
    Mutant(
        "Failed runs are kept longer than the others.",
        f"{_JOBS}/dispatcher/retention.py",
        "state IN ('succeeded', 'deleted') OR",
        "state IN ('succeeded', 'deleted', 'failed') OR",
        f"{_TESTS_OF_JOBS}/test_dispatcher.py",
    ),
    Mutant(
        "The hourly figures count a retry when a failed attempt is scheduled again.",
        f"{_JOBS}/dispatcher/rollup.py",
        "WHERE from_state = 'processing' AND to_state = 'scheduled'",
        "WHERE to_state = 'scheduled'",
        f"{_TESTS_OF_JOBS}/test_figures.py",
    ),
    Mutant(
        "Dead letters are reported when there are more than before.",
        f"{_JOBS}/dispatcher/dead_letters.py",
        "FROM changed WHERE before < :dead::integer",
        "FROM changed",
        f"{_TESTS_OF_JOBS}/test_duties.py tests/integration/notify/test_events.py",
    ),
]

NOTIFICATIONS = [
    Mutant(
        "A destination that fails rests, each time longer.",
        f"{_NOTIFICATIONS}/delivery.py",
        "timedelta(seconds=10 * 2 ** min(failures - 1, 10))",
        "timedelta(seconds=10)",
        "tests/unit/notify/test_sender.py",
    ),
    Mutant(
        "A destination that asks for a longer rest gets it.",
        f"{_NOTIFICATIONS}/delivery.py",
        "max(backoff(failures), min(response.retry_after, MAX_RETRY_AFTER))",
        "backoff(failures)",
        "tests/integration/notify/test_delivery.py",
    ),
    Mutant(
        "An address that is gone gets nothing more.",
        f"{_NOTIFICATIONS}/delivery.py",
        "switched_off_at=now if response.is_gone else None",
        "switched_off_at=None",
        "tests/integration/notify/test_delivery.py tests/integration/notify/test_notify.py",
    ),
    Mutant(
        "A notification is routed once, however often SNS delivers it.",
        f"{_NOTIFICATIONS}/routing.py",
        "WHERE id = :id::uuid AND routed_at IS NULL",
        "WHERE id = :id::uuid",
        "tests/integration/notify/test_notify.py tests/integration/notify/test_delivery.py",
    ),
    Mutant(
        "Repetitions within an hour become one digest.",
        f"{_NOTIFICATIONS}/routing.py",
        "hour.count >= :digest_after::integer",
        "hour.count > :digest_after::integer",
        "tests/integration/notify/test_notify.py tests/integration/notify/test_delivery.py",
    ),
    Mutant(
        "The message of a receiver reveals no part of its secret address.",
        f"{_NOTIFICATIONS}/sender.py",
        'text = text.replace(secret, "...")',
        "text = text.strip()",
        "tests/unit/notify/test_sender.py",
    ),
    Mutant(
        "A webhook's signature covers the time, so that it cannot be repeated later.",
        f"{_NOTIFICATIONS}/formats.py",
        'timestamp.encode() + b"." + body',
        "body",
        "tests/unit/notify/test_message.py tests/unit/notify/test_sender.py",
    ),
]

HTTP = [
    Mutant(
        "A route that nobody thought about is closed to operators.",
        f"{_HTTP}/auth/authentication.py",
        "Role.VIEWER if reads else Role.ADMIN",
        "Role.VIEWER if reads else Role.OPERATOR",
        f"{_TESTS_OF_ACCESS}/test_roles.py",
    ),
    Mutant(
        "A page of another site cannot make a browser change something.",
        f"{_HTTP}/auth/csrf.py",
        "if origin and origin.lower() != site_origin(event).lower():",
        "if origin and not site_origin(event):",
        "tests/unit/http/test_csrf.py",
    ),
    Mutant(
        "An ID token of the console is no credential for the API.",
        f"{_HTTP}/auth/tokens.py",
        "if client_id in audiences:",
        "if client_id is None:",
        f"{_TESTS_OF_ACCESS}/test_tokens.py",
    ),
    Mutant(
        "An email address that is not verified names nobody.",
        f"{_HTTP}/auth/roles.py",
        'claims.get("email_verified") in (False, "false")',
        'claims.get("email_verified") == "no"',
        "tests/unit/http/test_roles.py",
    ),
    Mutant(
        "AUTH=local lets in nobody for whom a proxy reports another sender.",
        f"{_HTTP}/auth/authentication.py",
        'and not given.get("forwarded")',
        "",
        f"{_TESTS_OF_ACCESS}/test_local.py",
    ),
    Mutant(
        "A timestamp without an offset is refused instead of guessed.",
        f"{_HTTP}/validation.py",
        'if form["offset"] is None:',
        'if form["offset"] == "?":',
        "tests/unit/http/test_timestamps.py",
    ),
    Mutant(
        "A body without Content-Type is refused: another site could have sent it.",
        f"{_HTTP}/request.py",
        "strip().lower() != MEDIA_TYPE:",
        "strip().lower() not in (MEDIA_TYPE, ''):",
        "tests/integration/records/test_api.py",
    ),
    Mutant(
        "A cursor belongs to the list that made it.",
        f"{_HTTP}/pagination.py",
        "if found != order or len(keys) != len(readers):",
        "if len(keys) != len(readers):",
        "tests/unit/http/test_pagination.py",
    ),
]

RECORDS = [
    Mutant(
        "A record whose date is this very moment expires now.",
        f"{_RECORDS}/expiry.py",
        "AND expiry_date <= :until\n",
        "AND expiry_date < :until\n",
        "tests/integration/records/test_expiry.py",
    ),
    Mutant(
        "An expired record whose date moves into the future is active again.",
        f"{_RECORDS}/queries.py",
        "is_expired = is_expired AND COALESCE(:expiry_date::timestamptz, expiry_date) <= :now",
        "is_expired = is_expired",
        "tests/integration/records/test_queries.py",
    ),
    Mutant(
        "Cleaning up deletes only records that were marked as expired.",
        f"{_RECORDS}/expiry.py",
        '_CHANGE_BATCH.format(condition="is_expired", change="DELETE FROM record"',
        '_CHANGE_BATCH.format(condition="true", change="DELETE FROM record"',
        "tests/integration/records/test_expiry.py",
    ),
]

MAIL = [
    Mutant(
        "A mail that was sent is not sent again by a retry.",
        f"{_MAIL}/sent_log.py",
        "        WHERE mail.sent_at IS NULL\n",
        "",
        "tests/integration/summary/test_sent_log.py",
    ),
    Mutant(
        "A refusal of the server for the time being is tried again, one for good is not.",
        f"{_MAIL}/smtp.py",
        "if 400 <= code < 500:",
        "if 500 <= code < 600:",
        "tests/unit/mail/test_smtp.py",
    ),
    Mutant(
        "A mail is sent without TLS only to this machine.",
        f"{_MAIL}/smtp.py",
        'if self.security == "none" and not is_loopback(self.host):',
        'if self.security == "none" and not self.host:',
        "tests/unit/mail/test_smtp.py tests/unit/mail/test_transport.py",
    ),
]

MUTANTS = [*LIFECYCLE, *DISPATCHER, *NOTIFICATIONS, *HTTP, *RECORDS, *MAIL]
