"""Rounds taken in turn, so that whatever slows this machine down slows every contestant down."""

from collections.abc import Callable, Mapping


def in_turns(rounds: int, contestants: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """A B C A B C ...: the figures of each, in order, without those of a first round that only warms up."""
    taken: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, play in contestants.items():
            figure = play()
            if turn > 0:
                taken[name].append(figure)
    return taken
