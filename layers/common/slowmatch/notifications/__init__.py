"""What people are told: a run failed for good or recovered, a tick was missed, dead letters, alarms.

    the statement that makes it happen --> notification (a row) --> SNS --> notifier
    CloudWatch alarm ------------------------------------------------^        |
                                                    one delivery row and one SQS message a destination
                                                                              |
                                           Slack, Teams or webhook <-- POST --+

Rows are the truth and messages only point to them: what was not published, routed or sent is found by
the dispatcher. A destination that has answered with success is not sent the same notification again.
Without an answer (a time-out, a crash) it is, under the same event id.
"""

from slowmatch.notifications.destinations import EVENTS, Destination, read
from slowmatch.notifications.topic import publish, publish_waiting

__all__ = ["EVENTS", "Destination", "publish", "publish_waiting", "read"]
