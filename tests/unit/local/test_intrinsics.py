"""CloudFormation's intrinsics, resolved as CloudFormation would."""

from typing import Any

import pytest

from local.intrinsics import Resolver
from local.yaml_tags import TemplateError

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Stage": {"Type": "String", "Default": "dev"}, "Names": {"Type": "CommaDelimitedList"}},
    "Mappings": {"Sizes": {"dev": {"memory": 256}}},
    "Conditions": {
        "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
        "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
        "Both": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
        "Either": {"Fn::Or": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
    },
    "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
}


@pytest.fixture
def resolver() -> Resolver:
    return Resolver(TEMPLATE, {"Names": "a, b"}, lambda name, attribute: f"{name}/{attribute}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "Queue"}, "Queue/None"),
        ({"Ref": "AWS::StackName"}, "slowmatch"),
        ({"Fn::GetAtt": "Queue.Arn"}, "Queue/Arn"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Queue/Arn"),
        ({"Fn::Sub": "${Stage}-${Queue.Arn}-${!Kept}"}, "dev-Queue/Arn-${Kept}"),
        ({"Fn::Sub": ["${One}-${Stage}", {"One": True}]}, "true-dev"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, 3]]}, "a-dev-3"),
        ({"Fn::If": ["IsDev", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Both", "yes", "no"]}, "no"),
        ({"Fn::If": ["Either", "yes", "no"]}, "yes"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "memory"]}, 256),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"kept": 1, "gone": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]}}, {"kept": 1}),
        ({"Condition": {"StringEquals": {}}}, {"Condition": {"StringEquals": {}}}),
    ],
)
def test_an_intrinsic_becomes_what_it_stands_for(resolver: Resolver, value: Any, expected: Any) -> None:
    assert resolver.resolve(value) == expected


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"Ref": "Nothing"}, "Nothing is neither"),
        ({"Fn::GetAtt": "Nothing.Arn"}, "Nothing is neither"),
        ({"Fn::If": ["Unknown", 1, 2]}, "condition Unknown"),
        ({"Fn::FindInMap": ["Sizes", "prod", "memory"]}, r"no prod\.memory"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, "Fn::Cidr is not supported"),
    ],
)
def test_what_cannot_be_resolved_is_named(resolver: Resolver, value: Any, said: str) -> None:
    with pytest.raises(TemplateError, match=said):
        resolver.resolve(value)


def test_a_property_that_is_absent_has_its_default(resolver: Resolver) -> None:
    assert resolver.member({}, "Timeout", 3) == 3
    assert resolver.member({"Timeout": {"Ref": "AWS::NoValue"}}, "Timeout", 3) == 3
    assert resolver.member({"Timeout": 9}, "Timeout", 3) == 9
