"""What is strange is refused in words and opens nothing, wherever it comes in; `make chaos` tries more of it."""

import pytest

from tests.integration.strange.trials import Trials
from tests.issuer import Issuer


@pytest.mark.parametrize("kind", ["jobs", "upkeep", "requests", "forms"])
def test_a_strange_event_is_refused_in_words(trials: Trials, kind: str) -> None:
    getattr(trials, kind)()
    assert trials.counts.total() >= trials.number


@pytest.mark.parametrize("kind", ["cookies", "sign_ins"])
def test_a_cookie_that_is_not_quite_ours_opens_nothing(trials: Trials, issuer: Issuer, kind: str) -> None:
    getattr(trials, kind)()
    assert trials.counts.total() >= trials.number


def test_a_token_that_is_not_quite_right_is_refused(trials: Trials, issuer: Issuer) -> None:
    trials.tokens(issuer)
    assert trials.counts.total() >= trials.number
