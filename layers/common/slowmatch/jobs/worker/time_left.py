"""How much is left of the time that Lambda gives an invocation."""

from collections.abc import Callable


class TimeLeft:
    """Made when the invocation begins. It `is_nearly_up` when a fifth of it is left, 30 seconds at most."""

    def __init__(self, remaining_ms: Callable[[], int]) -> None:
        self._remaining_ms = remaining_ms
        self._reserve_ms = min(30_000, remaining_ms() // 5)
        self._finish_ms = min(5_000, remaining_ms() // 10)

    @property
    def milliseconds(self) -> int:
        return self._remaining_ms()

    @property
    def is_nearly_up(self) -> bool:
        return self._remaining_ms() <= self._reserve_ms

    @property
    def seconds_for_work(self) -> float:
        """How long something may take now, at most, so that time is left to write the result."""
        return (self._remaining_ms() - self._finish_ms) / 1000
