from typing import Any

import pytest

from local.template.intrinsics import Resolver
from local.template.yaml_tags import TemplateError

DOCUMENT: dict[str, Any] = {
    "Parameters": {
        "Colour": {"Type": "String", "Default": "red"},
        "Names": {"Type": "CommaDelimitedList", "Default": "a, b"},
        "Needed": {"Type": "String"},
    },
    "Mappings": {"Shades": {"red": {"dark": "maroon"}}},
    "Conditions": {
        "Red": {"Fn::Equals": [{"Ref": "Colour"}, "red"]},
        "Blue": {"Fn::Equals": [{"Ref": "Colour"}, "blue"]},
        "NotRed": {"Fn::Not": [{"Condition": "Red"}]},
        "Either": {"Fn::Or": [{"Condition": "Red"}, {"Condition": "Blue"}]},
        "Both": {"Fn::And": [{"Condition": "Red"}, {"Condition": "Blue"}]},
    },
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
}


def resolver(**parameters: str) -> Resolver:
    return Resolver(DOCUMENT, parameters, lambda name, attribute: f"<{name}.{attribute}>")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Colour"}, "red"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "Needed"}, ""),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Queue"}, "<Queue.None>"),
        ({"Fn::GetAtt": "Queue.Arn"}, "<Queue.Arn>"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "<Queue.Arn>"),
        ({"Fn::Sub": "${Colour}-${Queue.Arn}-${!Literal}"}, "red-<Queue.Arn>-${Literal}"),
        ({"Fn::Sub": ["${x}/${Colour}", {"x": {"Ref": "AWS::StackName"}}]}, "slowmatch/red"),
        ({"Fn::Sub": ["${One}-${Colour}", {"One": True}]}, "true-red"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Colour"}, 1]]}, "a-red-1"),
        ({"Fn::If": ["Red", "yes", "no"]}, "yes"),
        ({"Fn::If": ["NotRed", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::FindInMap": ["Shades", {"Ref": "Colour"}, "dark"]}, "maroon"),
        ({"Fn::Select": ["1", {"Fn::Split": ["@", "you@example.com"]}]}, "example.com"),
        ({"deep": [{"Ref": "Colour"}, {"kept": True}]}, {"deep": ["red", {"kept": True}]}),
    ],
)
def test_an_intrinsic_resolves(value: Any, expected: Any) -> None:
    assert resolver().resolve(value) == expected


def test_a_parameter_wins_over_its_default() -> None:
    assert resolver(Colour="blue").resolve({"Fn::If": ["Blue", {"Ref": "Colour"}, "?"]}) == "blue"


def test_what_is_no_value_is_absent() -> None:
    absent = {"Fn::If": ["Red", {"Ref": "AWS::NoValue"}, 1]}
    assert resolver().resolve({"a": absent, "b": [absent, 2]}) == {"b": [2]}
    assert resolver().member({"a": absent}, "a", "default") == "default"


def test_a_policy_may_have_a_member_called_condition() -> None:
    policy = {"Condition": {"StringEquals": {"a": "b"}}}
    assert resolver().resolve(policy) == policy


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"Ref": "Missing"}, "Missing"),
        ({"Fn::GetAtt": "Missing.Arn"}, "Missing"),
        ({"Fn::If": ["Missing", 1, 2]}, "Missing"),
        ({"Fn::FindInMap": ["Shades", "green", "dark"]}, "green"),
        ({"Fn::Transform": {"Name": "x"}}, "Fn::Transform"),
    ],
)
def test_what_cannot_be_resolved_is_named(value: Any, named: str) -> None:
    with pytest.raises(TemplateError, match=named):
        resolver().resolve(value)
