"""Puts this process's clock off before anything has read it: by two minutes ahead, as much behind, or not at all.

A machine whose clock is off shifts what a deadline is counted from too, so only the time of day is changed here.
"""

import datetime
import os
from typing import Any

OFF = datetime.timedelta(minutes=(0, 2, -2)[os.getpid() % 3])
_right = datetime.datetime


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, _right)


class _Shifted(_right, metaclass=_Kind):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Any:
        return _right.now(tz) + OFF

    @classmethod
    def utcnow(cls) -> Any:
        return _right.now(datetime.UTC).replace(tzinfo=None) + OFF


if OFF:
    datetime.datetime = _Shifted  # type: ignore[misc]
