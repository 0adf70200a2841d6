"""Claims of a token as a name and a role."""

from typing import Any

import pytest

from slowmatch.http.auth import roles
from slowmatch.http.auth.roles import Role
from slowmatch.settings import Settings
from slowmatch.telemetry import logger
from tests.conftest import SetVariable


@pytest.fixture
def groups_claim(set_variable: SetVariable, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(logger, "propagate", True)
    return lambda name: set_variable("OIDC_GROUPS_CLAIM", name)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"email": "ann@example.com", "preferred_username": "ann"}, "ann@example.com"),
        ({"email": "boss@example.com", "email_verified": False, "preferred_username": "ann"}, "ann"),
        ({"email": "boss@example.com", "email_verified": "false"}, "1"),
        ({"preferred_username": "ann", "name": "Ann"}, "ann"),
        ({"client_id": "robot"}, "robot"),
        ({"email": ["x"], "name": {}}, "1"),
        ({"email": "\u202e\u0000 \n", "name": "Ann\r\nadmin signed in"}, "Annadmin signed in"),
        ({"name": "x" * 500}, "x" * 200),
        ({}, "1"),
    ],
)
def test_a_name_is_the_first_that_there_is(environment: Settings, said: dict[str, Any], name: str) -> None:
    assert roles.identity_of_claims({"sub": "1"} | said).name == name


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["viewer"], Role.VIEWER),
        (["viewer", "admin", "operator"], Role.ADMIN),
        (["x", "operator"], Role.OPERATOR),
        ("viewer operator", Role.OPERATOR),
        ("viewer,admin", Role.ADMIN),
        ("administrator", None),
        (["admin "], None),
        ([["admin"]], None),
        ([1, None], None),
        (None, None),
    ],
)
def test_the_role_is_the_highest_of_the_groups(environment: Settings, groups: Any, role: Role | None) -> None:
    assert roles.identity_of_claims({"sub": "1", "cognito:groups": groups}).role == role


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("roles", {"roles": ["admin"]}),
        ("realm_access.roles", {"realm_access": {"roles": ["admin"]}}),
        ("https://slowmatch.example.com/roles", {"https://slowmatch.example.com/roles": ["admin"]}),
    ],
)
def test_the_claim_of_the_groups_is_a_setting(groups_claim: Any, claim: str, said: dict[str, Any]) -> None:
    groups_claim(claim)
    assert roles.identity_of_claims({"sub": "1", "cognito:groups": ["viewer"]} | said).role is Role.ADMIN
    assert roles.identity_of_claims({"sub": "1", "cognito:groups": ["admin"]}).role is None


@pytest.mark.parametrize(
    "said", [{"realm_access": "roles"}, {"realm_access": {"roles": 5}}, {"realm_access": []}]
)
def test_a_claim_of_another_form_is_no_group(groups_claim: Any, said: dict[str, Any]) -> None:
    groups_claim("realm_access.roles")
    assert roles.identity_of_claims({"sub": "1"} | said).role is None


# groups that cannot be read

LINKED = {
    "_claim_names": {"groups": "src1"},
    "_claim_sources": {"src1": {"endpoint": "https://graph.microsoft.com/v1.0/users/1/getMemberObjects"}},
}


@pytest.mark.parametrize("said", [LINKED, {"hasgroups": True}, {"hasgroups": "true"}], ids=str)
def test_a_link_in_place_of_the_groups_is_an_error(groups_claim: Any, said: dict[str, Any]) -> None:
    groups_claim("groups")
    with pytest.raises(roles.TooManyGroups, match=r"^the account ann is in more groups .* app roles"):
        roles.identity_of_claims({"sub": "1", "preferred_username": "ann"} | said)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("roles", LINKED | {"roles": ["admin"]}),
        ("roles", {"hasgroups": True, "roles": ["admin"]}),
        ("groups", LINKED | {"groups": ["admin"]}),
        ("groups", {"_claim_names": ["groups"], "groups": ["admin"]}),
    ],
    ids=str,
)
def test_an_unneeded_link_to_groups_does_no_harm(groups_claim: Any, claim: str, said: dict[str, Any]) -> None:
    groups_claim(claim)
    assert roles.identity_of_claims({"sub": "1"} | said).role is Role.ADMIN


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "missing"),
        ({"groups": None}, "missing"),
        ({"_claim_names": "groups"}, "missing"),
        ({"groups": {"admin": True}}, "not a list of strings"),
        ({"groups": [{"name": "admin"}]}, "not a list of strings"),
        ({"groups": ["viewer", 5]}, "not a list of strings"),
    ],
    ids=str,
)
def test_groups_that_cannot_be_read_are_logged(
    groups_claim: Any, caplog: pytest.LogCaptureFixture, said: dict[str, Any], reason: str
) -> None:
    groups_claim("groups")
    roles.identity_of_claims({"sub": "1"} | said)
    (record,) = (vars(each) for each in caplog.records)
    assert reason in record["reason"] and record["claim"] == "groups" and record["subject"] == "1"
    assert record["token_has"] == sorted({"sub", *said})


@pytest.mark.parametrize("groups", [[], ["tennis"], "", "viewer"], ids=str)
def test_good_groups_are_not_logged(groups_claim: Any, caplog: pytest.LogCaptureFixture, groups: Any) -> None:
    groups_claim("groups")
    roles.identity_of_claims({"sub": "1", "groups": groups})
    assert caplog.records == []
