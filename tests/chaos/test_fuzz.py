"""Strange messages, events, cookies and tokens, many of each: no crash, and nobody is let in."""

from typing import Any

import pytest

from slowmatch.db import Connection
from tests.chaos.report import Figures
from tests.integration.fuzzing.fuzzer import make_fuzzer
from tests.support.issuer import Issuer

SUBJECT = "Strange input"


@pytest.mark.parametrize("kind", ["jobs", "system_functions", "requests", "forms"])
def test_a_strange_event_is_refused_in_words(
    con: Connection, lambda_context: Any, short: bool, figures: Figures, kind: str
) -> None:
    fuzzer = make_fuzzer(con, lambda_context, 60 if short else 1_000)
    getattr(fuzzer, kind)()
    for what, times in fuzzer.counts.items():
        figures.add(SUBJECT, what, times)


def test_a_tampered_cookie_or_token_lets_nobody_in(
    con: Connection, issuer: Issuer, lambda_context: Any, short: bool, figures: Figures
) -> None:
    fuzzer = make_fuzzer(con, lambda_context, 60 if short else 1_000)
    fuzzer.cookies()
    fuzzer.sign_ins()
    fuzzer.tokens(issuer)
    for what, times in fuzzer.counts.items():
        figures.add(SUBJECT, what, times)
