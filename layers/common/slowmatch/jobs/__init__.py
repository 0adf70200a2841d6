"""Background jobs. A job is a name and a handler; a run is one piece of work for it.

docs/architecture.md draws the states of a run. A person can delete a run that waits, is processing or has failed.
A handler learns that at its next checkpoint.

At every moment: a run is owned by at most one (worker, attempt); only the owner of the present attempt moves it out
of `processing`; a scheduled occurrence has at most one run; an exclusive job has at most one run in `processing`;
every transition has its event.
"""

# What every job.py imports from here comes first, because the catalog imports every job.py.
from slowmatch.jobs.definition import DefinitionError, Job, PayloadError
from slowmatch.jobs.fields import Addresses, Boolean, Choice, Date, Integer, Number, Secret, Text, Time

# isort: split
from slowmatch.db import on_connection
from slowmatch.jobs.catalog import JOBS, UnknownJob
from slowmatch.jobs.lifecycle.enqueue import KeyReused, PayloadsError, enqueue, enqueue_many
from slowmatch.jobs.retry import Permanent
from slowmatch.jobs.worker.context import Cancelled, Context, Continue
from slowmatch.jobs.worker.handler import serve, serve_bulk

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
    "KeyReused",
    "Number",
    "PayloadError",
    "PayloadsError",
    "Permanent",
    "Secret",
    "Text",
    "Time",
    "UnknownJob",
    "enqueue",
    "enqueue_many",
    "on_connection",
    "serve",
    "serve_bulk",
]
