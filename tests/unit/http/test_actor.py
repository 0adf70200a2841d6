"""Who is asking."""

from typing import Any

import pytest

from slowmatch.http.actor import actor


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:iam::000000000000:user/local", "local"),
        ("arn:aws:sts::123456789012:assumed-role/Operators/anna@example.com", "anna@example.com"),
        ("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:root"),
        ("arn:aws:iam::123456789012:user/", "arn:aws:iam::123456789012:user/"),
    ],
)
def test_the_actor_is_the_name_at_the_end_of_the_arn(arn: str, name: str) -> None:
    assert actor({"requestContext": {"authorizer": {"iam": {"userArn": arn}}}}) == name


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"requestContext": None},
        {"requestContext": {"authorizer": {}}},
        {"requestContext": {"authorizer": {"iam": None}}},
        {"requestContext": {"authorizer": {"iam": {"userArn": ""}}}},
        {"requestContext": {"authorizer": {"iam": {"userArn": 5}}}},
        {"requestContext": {"authorizer": {"jwt": {"claims": {}}}}},
    ],
)
def test_without_an_arn_the_actor_is_anonymous(event: dict[str, Any]) -> None:
    assert actor(event) == "anonymous"
