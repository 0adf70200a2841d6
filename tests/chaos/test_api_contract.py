"""Schemathesis on the OpenAPI document, as each role and without one: the API does what the document says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.contract import NO_TOKEN, PEOPLE, TOOL, across_roles, needed_roles, try_all
from tests.chaos.report import Figures
from tests.support.stack_process import Stack, running

SUBJECT = "The API's contract"
ROLES = [*PEOPLE, NO_TOKEN]
IN_SHORT = ("viewer", "admin", NO_TOKEN)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("contract"), AUTH="oidc") as stack:
        yield stack


def test_whoever_asks_is_answered_as_documented_and_nobody_across_roles(
    stack: Stack, tmp_path: Path, short: bool, figures: Figures
) -> None:
    """No 5xx, no undocumented status, no schema violation; 403 for what a role may not do, 401 without a token."""
    assert TOOL.exists(), f"{TOOL} is not there: `make chaos` makes it"
    phases, examples = ("fuzzing,stateful", 4) if short else ("examples,coverage,fuzzing,stateful", 30)
    for role in IN_SHORT if short else ROLES:
        folder = tmp_path / role.replace(" ", "-")
        folder.mkdir()
        tried = try_all(stack, role, folder, phases, examples)
        assert tried.passed, tried.said[-10_000:]
        operations = {answer.operation for answer in tried.answers}
        assert operations >= needed_roles().keys(), "every operation was tried"
        assert across_roles(role, tried.answers) == []
        assert not [answer for answer in tried.answers if answer.status >= 500 and "health" not in answer.url]
        figures.add(SUBJECT, f"requests, {role}", len(tried.answers))
        figures.add(SUBJECT, f"of these let in, {role}", sum(answer.status < 400 for answer in tried.answers))


def test_the_document_says_a_role_for_all_but_the_health_check() -> None:
    needed = needed_roles()
    assert [operation for operation, role in needed.items() if role is None] == ["GET /api/health"]
    assert needed["GET /api/runs"] == "viewer" and needed["DELETE /api/records/{id}"] == "admin"
