"""Fn::ForEach, expanded as CloudFormation's transform does it."""

from typing import Any

import pytest

from local.template.loops import expand
from local.template.yaml_tags import TemplateError

MAPPINGS = {"Job": {"Report": {"Name": "report", "Timeout": 60}, "Sweep": {"Name": "sweep"}}}


def expanded(body: dict[str, Any]) -> dict[str, Any]:
    template = {
        "Mappings": MAPPINGS,
        "Resources": {"Topic": {"Type": "T"}, "Fn::ForEach::Jobs": ["Job", ["Report", "Sweep"], body]},
    }
    resources: dict[str, Any] = expand(template)["Resources"]
    return resources


def test_body_is_repeated_under_names_of_its_own() -> None:
    assert list(expanded({"${Job}Queue": {"Type": "Q"}})) == ["Topic", "ReportQueue", "SweepQueue"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"Ref": "Job"}, "Report"),
        ({"Ref": {"Fn::Sub": "${Job}Logs"}}, {"Ref": "ReportLogs"}),
        ({"Fn::GetAtt": [{"Fn::Sub": "${Job}Queue"}, "Arn"]}, {"Fn::GetAtt": ["ReportQueue", "Arn"]}),
        ({"Fn::Sub": "${AWS::StackName}-${Job}"}, {"Fn::Sub": "${AWS::StackName}-Report"}),
        ({"Fn::FindInMap": ["Job", {"Ref": "Job"}, "Name"]}, "report"),
        ({"Fn::FindInMap": ["Job", {"Ref": "Job"}, "Timeout", {"DefaultValue": 180}]}, 60),
        ({"Fn::FindInMap": ["Job", {"Ref": "Job"}, "Memory", {"DefaultValue": 512}]}, 512),
        ({"Ref": "Topic"}, {"Ref": "Topic"}),
        ([{"Ref": "Job"}, 3], ["Report", 3]),
    ],
)
def test_what_depends_on_the_variable_is_resolved(written: Any, meant: Any) -> None:
    assert expanded({"${Job}Queue": written})["ReportQueue"] == meant


@pytest.mark.parametrize("loop", [[], ["Job", "Report", {}], ["Job", ["Report"]], {"Job": ["Report"]}])
def test_loop_of_another_shape_is_refused(loop: Any) -> None:
    with pytest.raises(TemplateError, match="Fn::ForEach::Jobs must be a list of a variable"):
        expand({"Resources": {"Fn::ForEach::Jobs": loop}})


def test_row_without_the_key_is_refused_by_name() -> None:
    with pytest.raises(TemplateError, match=r"mapping Job has no Sweep\.Timeout"):
        expanded({"${Job}Queue": {"Fn::FindInMap": ["Job", {"Ref": "Job"}, "Timeout"]}})
