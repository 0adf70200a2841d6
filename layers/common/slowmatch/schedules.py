"""Schedules that code makes at run time, in the caller's own transaction.

`put` makes or changes one, and `remove` deletes it. Both do nothing if that has been done before. A change is in force
after the dispatcher's next pass, within five minutes.
"""

from slowmatch.jobs.schedules.model import ScheduleConflict
from slowmatch.jobs.schedules.store import put, remove
from slowmatch.jobs.schedules.timing import ScheduleError

__all__ = ["ScheduleConflict", "ScheduleError", "put", "remove"]
