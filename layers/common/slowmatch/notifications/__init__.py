"""Notifications: a run failed for good or recovered, a schedule was missed, dead letters, alarms.

    the statement that changes the run --> notification (a row) --> SNS --> notifier
    CloudWatch alarm -------------------------------------------------^        |
                                             one delivery (a row) and one SQS message per destination
                                                                               |
                                            Slack, Teams or webhook <-- POST --+

The rows are the source of truth, and messages only point to them: the dispatcher finds what was not published,
routed or delivered. A destination that has confirmed a notification does not receive it again. Without a response
(a time-out, a crash) it does, under the same event id.
"""
