"""Strange input is refused with a reason and opens nothing, wherever it enters; `make chaos` tries more of it."""

import pytest

from tests.integration.fuzzing.fuzzer import Fuzzer
from tests.support.issuer import Issuer


@pytest.mark.parametrize("kind", ["jobs", "system_functions", "requests", "forms"])
def test_a_strange_event_is_refused(fuzzer: Fuzzer, kind: str) -> None:
    getattr(fuzzer, kind)()
    assert fuzzer.counts.total() >= fuzzer.number


@pytest.mark.parametrize("kind", ["cookies", "sign_ins"])
def test_a_tampered_cookie_opens_nothing(fuzzer: Fuzzer, issuer: Issuer, kind: str) -> None:
    getattr(fuzzer, kind)()
    assert fuzzer.counts.total() >= fuzzer.number


def test_a_tampered_token_is_refused(fuzzer: Fuzzer, issuer: Issuer) -> None:
    fuzzer.tokens(issuer)
    assert fuzzer.counts.total() >= fuzzer.number
