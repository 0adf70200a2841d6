"""EventBridge's schedule expressions: when they fire next, and what they say in plain words."""

from slowmatch.jobs.cron.schedule import Schedule, parse, understood
from slowmatch.jobs.cron.words import words

__all__ = ["Schedule", "parse", "understood", "words"]
