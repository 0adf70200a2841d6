"""A section of samconfig.toml: what it has to say, and what of it would not arrive."""

from pathlib import Path

import pytest

from local.errors import StackError
from tests.sam import template
from tools.deploy import parameter_overrides, stack_name, stage

LONGEST = stack_name.length_limit(template.all_resources())


def write(config: Path, overrides: str, name: str = "slowmatch") -> Path:
    """A samconfig.toml with one stage; the overrides are TOML."""
    config.write_text(
        f'[prod.global.parameters]\nstack_name = "{name}"\nlanguage_extensions = true\n'
        f"[prod.deploy.parameters]\n"
        f"parameter_overrides = {overrides}\n"
    )
    return config


def test_a_stage_that_says_who_mails_to_whom_is_complete(config: Path) -> None:
    assert stage.read(config, "prod").given == {"MailSender": "a@b.org", "MailRecipients": "c@b.org"}


def test_a_stage_that_is_not_in_samconfig_is_refused(config: Path) -> None:
    with pytest.raises(StackError, match=r"samconfig\.toml has no section \[test\.deploy\.parameters\]"):
        stage.read(config, "test")


def test_a_stage_without_a_stack_s_name_is_refused(config: Path) -> None:
    config.write_text("[prod.deploy.parameters]\n")
    with pytest.raises(StackError, match="does not set stack_name for the stage prod"):
        stage.read(config, "prod")


@pytest.mark.parametrize("setting", ["", "language_extensions = false", 'language_extensions = "true"'])
def test_a_stage_without_language_extensions_is_refused(config: Path, setting: str) -> None:
    config.write_text(config.read_text().replace("language_extensions = true", setting))
    with pytest.raises(
        StackError, match=r"language_extensions = true for the stage prod.* to \[prod\.global\.parameters\]"
    ):
        stage.read(config, "prod")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ('["MailSender=a@b.org"]', "MailRecipients, which the stack needs, is missing"),
        ('["MailSender=a@b.org", "MailRecipients=you@example.com"]', "MailRecipients still has the example"),
        ('"MailSender=jobs@example.com MailRecipients=c@b.org"', "MailSender still has the example"),
        (
            '["MailSender=a@b.org", "MailRecipients=c@b.org", "MailSendr=x"]',
            "MailSendr, .*is not a parameter",
        ),
        (
            '["MailSender=a@b.org", "MailRecipients=c@b.org, d@b.org"]',
            "would set MailRecipients to 'c@b.org,'",
        ),
    ],
)
def test_parameters_that_cannot_be_are_refused(config: Path, overrides: str, words: str) -> None:
    with pytest.raises(StackError, match=words):
        stage.read(write(config, overrides), "prod")


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (['MailSenderName="My Company"'], {"MailSenderName": "My Company"}),
        (['MailSenderName="The \\"A\\" Team"'], {"MailSenderName": 'The "A" Team'}),
        (["MailSenderName=a\\b"], {"MailSenderName": "a\\b"}),
        (['OidcAudience=""'], {"OidcAudience": ""}),
        ('A=1 B="My Company" C=3', {"A": "1", "B": "My Company", "C": "3"}),
        ("", {}),
    ],
)
def test_overrides_are_read_as_the_sam_cli_passes_them_on(written: object, values: dict[str, str]) -> None:
    assert parameter_overrides.parse(written) == values


@pytest.mark.parametrize(
    ("written", "right"),
    [
        (["MailSenderName=My Company"], """'MailSenderName="My Company"'"""),
        ("A=1 MailSenderName=My Company C=3", """'MailSenderName="My Company"'"""),
        (["MailSenderName=O'Brien Ltd"], '''"MailSenderName=\\"O'Brien Ltd\\""'''),
        (['MailSenderName=The "A" Team'], r"""'MailSenderName="The \"A\" Team"'"""),
        (['MailSenderName="My Company'], """'MailSenderName="My Company"'"""),
        ("A=1 OidcAudience= C=3", """'OidcAudience=""'"""),
    ],
)
def test_a_value_that_would_be_cut_is_refused(written: object, right: str) -> None:
    with pytest.raises(StackError) as refused:
        parameter_overrides.parse(written)
    assert str(refused.value).endswith(f". Write {right}")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("A=1\nB=2", "a line break or a tab"),
        (["Mail_Sender=x"], "'Mail_Sender=x', which is not Name=value"),
        (["A=1", "A=2"], "gives A twice"),
        (["A=1", 5], "5, which is not a string"),
        ({"A": "1"}, "which is not a string"),
        (["A=C:\\"], "There is no way to write this value for the SAM CLI"),
    ],
)
def test_what_cannot_be_an_override_is_refused(written: object, words: str) -> None:
    with pytest.raises(StackError) as refused:
        parameter_overrides.parse(written)
    assert words in str(refused.value)


@pytest.mark.parametrize("name", ["s", "slowmatch", "slowmatch-prod-2", "s" * LONGEST.characters])
def test_a_name_that_every_resource_can_carry_is_taken(config: Path, name: str) -> None:
    assert (
        stage.read(write(config, '"MailSender=a@b.org MailRecipients=c@b.org"', name), "prod").stack_name
        == name
    )


@pytest.mark.parametrize(
    "name", ["Slowmatch", "slow_match", "slow--match", "slowmatch-", "2slow", "-slow", "slöw", ""]
)
def test_a_name_that_the_database_cannot_carry_is_refused(config: Path, name: str) -> None:
    with pytest.raises(
        StackError, match=r"lower-case letters, digits and single hyphens.*because the Aurora cluster"
    ):
        stage.read(write(config, "[]", name), "prod")


def test_a_name_that_is_too_long_is_refused_with_its_resource(config: Path) -> None:
    name = "s" * (LONGEST.characters + 1)
    with pytest.raises(
        StackError,
        match=rf"at most {LONGEST.characters} are allowed, because the {LONGEST.kind} {name}{LONGEST.ending} ",
    ):
        stage.read(write(config, "[]", name), "prod")


@pytest.mark.parametrize(
    ("kind", "key", "ending", "characters"),
    [
        ("AWS::Events::Rule", "Name", "-a-name-longer-than-a-job-can-have", 30),
        ("AWS::SQS::Queue", "QueueName", "-a-longer-name-of-a-job-without-a-schedule-dead", 33),
    ],
)
def test_the_longest_name_of_a_job_limits_the_stack_s(
    kind: str, key: str, ending: str, characters: int
) -> None:
    longer = {"Type": kind, "Properties": {key: {"Fn::Sub": "${AWS::StackName}" + ending}}}
    resources = template.all_resources() | {"Longer": longer}
    stack_name.check("s" * characters, resources)
    with pytest.raises(StackError, match=rf"at most {characters} .* the longest job name determines"):
        stack_name.check("s" * (characters + 1), resources)


def test_the_database_cluster_limits_the_name_too() -> None:
    cluster = template.nested()["DatabaseStack"]["Resources"]["Database"]
    assert stack_name.length_limit({"Database": cluster}) == (63, "AWS::RDS::DBCluster", "", 63)
