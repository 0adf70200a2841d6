"""What template.yaml promises about notifications."""

from slowmatch.notifications.delivery import LEASE
from slowmatch.notifications.sender import TIMEOUT_SECONDS
from tests.sam import template
from tests.sam.template import of_type


def test_of_all_services_only_alarms_may_use_the_topic_s_key() -> None:
    (key,) = of_type("AWS::KMS::Key").values()
    allowed = [each for each in key["KeyPolicy"]["Statement"] if "Service" in each["Principal"]]
    assert [each["Principal"] for each in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    assert set(allowed[0]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_of_all_services_only_this_account_s_alarms_may_publish() -> None:
    (policy,) = of_type("AWS::SNS::TopicPolicy").values()
    allowed = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    assert [each["Principal"] for each in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    assert allowed[0]["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_post_is_over_long_before_its_function_and_its_claim() -> None:
    assert 2 * TIMEOUT_SECONDS < template.timeout("NotifierFunction") < LEASE.total_seconds()


def test_a_link_leads_to_the_console_of_the_same_stack() -> None:
    variables = template.functions()["NotifierFunction"]["Environment"]["Variables"]
    _, chosen, own = variables["CONSOLE_URL"]["Fn::If"]
    assert chosen == {"Ref": "ConsoleUrl"}
    assert own == {"Fn::Sub": "https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
