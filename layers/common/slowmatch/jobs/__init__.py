"""Background jobs. A job is a name with a handler; a run is one piece of work for it.

                    +------------------------- retry: due_at = now + backoff --------------+
                    v                                                                      |
    created --> scheduled --due--> enqueued --claim--> processing --handler raised---------+
                    |                 ^ |                 |   |                            |
                    |    requeue      | |    yield        |   +-- handler returned --> succeeded
                    |   +-------------+ +<----------------+                                |
                    v   |                                 v        attempts exhausted      v
                  deleted <---- a person deletes ----  (told at its next checkpoint)    failed

What holds at every moment: a run is owned by at most one (worker, attempt); only the owner of the
present attempt can move it out of `processing`; a scheduled occurrence has at most one run; an
exclusive job has at most one run in `processing`; every transition has its event.
A person may delete a failed run too, which puts it out of sight without running it again.
"""

# First what a `job.py` imports from here: the catalog imports every one of them.
from slowmatch.jobs.definition import DefinitionError, Job, PayloadError
from slowmatch.jobs.fields import Addresses, Boolean, Choice, Date, Integer, Number, Secret, Text, Time

# isort: split
from slowmatch.db import on_connection
from slowmatch.jobs.catalog import JOBS, UnknownJob
from slowmatch.jobs.lifecycle.enqueue import enqueue
from slowmatch.jobs.retry import Permanent
from slowmatch.jobs.worker.context import Cancelled, Context, Continue
from slowmatch.jobs.worker.handler import serve

__all__ = [
    "JOBS",
    "Addresses",
    "Boolean",
    "Cancelled",
    "Choice",
    "Context",
    "Continue",
    "Date",
    "DefinitionError",
    "Integer",
    "Job",
    "Number",
    "PayloadError",
    "Permanent",
    "Secret",
    "Text",
    "Time",
    "UnknownJob",
    "enqueue",
    "on_connection",
    "serve",
]
