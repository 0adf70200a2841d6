"""The log lines of an attempt that are kept in the database. CloudWatch has all of them."""

from collections import deque
from datetime import datetime

from slowmatch.text import clean

FIRST_LINES = 800
LAST_LINES = 200
LINE_CHARACTERS = 4_000

Line = dict[str, str]


class AttemptLog:
    """Keeps the first FIRST_LINES lines of an attempt as they come, and the last LAST_LINES until it ends.

    What lies between is left out, so that neither memory nor the database fills with the log of one attempt.
    """

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._last: deque[Line] = deque(maxlen=LAST_LINES)
        self._count = 0

    def add(self, at: datetime, level: str, message: str) -> None:
        self._count += 1
        line = _line(at.isoformat(), level, clean(message, LINE_CHARACTERS))
        if self._count <= FIRST_LINES:
            self._lines.append(line)
            return
        if self._count == FIRST_LINES + 1:
            self._lines.append(
                _line(
                    line["at"],
                    "INFO",
                    f"This attempt has logged {FIRST_LINES:,} lines. Of those that follow, the last {LAST_LINES:,}"
                    " are added when it ends. CloudWatch has the whole log.",
                )
            )
        self._last.append(line)

    def take(self, *, is_over: bool) -> list[Line]:
        """The lines to write now. Once the attempt `is_over`, its last lines are among them."""
        lines, self._lines = self._lines, []
        if is_over and self._last:
            left_out = self._count - FIRST_LINES - len(self._last)
            if left_out:
                lines.append(_line(self._last[0]["at"], "INFO", f"Lines left out here: {left_out:,}."))
            lines += self._last
            self._last.clear()
        return lines


def _line(at: str, level: str, message: str) -> Line:
    return {"at": at, "level": level, "message": message}
