"""Reads template.yaml (SAM): the functions, routes, queues, rules, topics and secrets that run here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.environment import ACCOUNT, HOST, REGION, STACK_NAME
from local.template import files
from local.template.intrinsics import Resolver, as_text
from local.template.model import Function, Queue, QueueSource, Route, Rule, Secret, Target, Template, Topic
from local.template.yaml_tags import TemplateError

FUNCTION = "AWS::Serverless::Function"
Properties = Mapping[str, Any]
_QUEUE_ATTRIBUTES = (
    "DelaySeconds",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "VisibilityTimeout",
)
# The property with a resource's name, and the pattern of its ARN after arn:aws:
_KINDS = {
    "AWS::SQS::Queue": ("QueueName", "sqs:{}:"),
    "AWS::SNS::Topic": ("TopicName", "sns:{}:"),
    "AWS::Events::Rule": ("Name", "events:{}:rule/"),
    FUNCTION: ("FunctionName", "lambda:{}:function:"),
    "AWS::SecretsManager::Secret": ("Name", "secretsmanager:{}:secret:"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs:{}:log-group:"),
}


def read(path: Path, aws_port: int, parameters: Mapping[str, str] | None = None) -> Template:
    """Read the template. Raises TemplateError for one that cannot run here."""
    return _Reader(path.parent, files.load(path), aws_port, parameters or {}).read()


class _Reader:
    def __init__(
        self, folder: Path, document: dict[str, Any], aws_port: int, parameters: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._aws_port = aws_port
        self._resolver = Resolver(document, parameters, self._attribute)
        self._shared: dict[str, Any] = document.get("Globals") or {}
        self._resources: dict[str, dict[str, Any]] = {
            name: resource
            for name, resource in document["Resources"].items()
            if "Condition" not in resource or self._resolver.condition(resource["Condition"])
        }

    def read(self) -> Template:
        functions = tuple(self._function(name) for name in self._all(FUNCTION))
        rules = tuple(self._rule(name) for name in self._all("AWS::Events::Rule"))
        topics = self._all("AWS::SNS::Topic")
        secrets = self._all("AWS::SecretsManager::Secret")
        return Template(
            functions=functions,
            queues=tuple(self._queue(name) for name in self._all("AWS::SQS::Queue")),
            rules=(*rules, *(rule for function in functions for rule in self._schedules(function))),
            topics=tuple(Topic(name, self._name(name), self._arn(name)) for name in topics),
            secrets=tuple(Secret(name, self._name(name)) for name in secrets),
        )

    # names of resources

    def _all(self, kind: str) -> Iterator[str]:
        return (name for name, resource in self._resources.items() if resource.get("Type") == kind)

    def _kind(self, logical_id: str) -> str:
        return str(self._resources.get(logical_id, {}).get("Type", ""))

    def _property(self, logical_id: str, name: str, default: Any = None) -> Any:
        properties = self._resources[logical_id].get("Properties") or {}
        return self._resolver.member(properties, name, default)

    def _name(self, logical_id: str) -> str:
        if self._kind(logical_id) not in _KINDS:
            return logical_id
        own, _ = _KINDS[self._kind(logical_id)]
        return str(self._property(logical_id, own, f"{STACK_NAME}-{logical_id}"))

    def _arn(self, logical_id: str) -> str:
        _, prefix = _KINDS.get(self._kind(logical_id), ("", "local:{}:"))
        return f"arn:aws:{prefix.format(f'{REGION}:{ACCOUNT}')}{self._name(logical_id)}"

    def _attribute(self, logical_id: str, attribute: str | None) -> str:
        """The value of GetAtt, or with no `attribute` that of Ref."""
        kind = self._kind(logical_id)
        if kind == "AWS::SQS::Queue" and attribute in (None, "QueueUrl"):
            return f"http://{HOST}:{self._aws_port}/{ACCOUNT}/{self._name(logical_id)}"
        if attribute is None:
            by_arn = kind in ("AWS::SNS::Topic", "AWS::SecretsManager::Secret")
            return self._arn(logical_id) if by_arn else self._name(logical_id)
        return self._arn(logical_id) if attribute.endswith(("Arn", "Id")) else self._name(logical_id)

    # functions

    def _function(self, logical_id: str) -> Function:
        def setting(name: str, default: Any) -> Any:
            shared = self._resolver.member(self._shared.get("Function") or {}, name, default)
            return self._property(logical_id, name, shared)

        handler = str(setting("Handler", ""))
        code = (self._folder / str(setting("CodeUri", "."))).resolve()
        if "." not in handler:
            raise TemplateError(f"{logical_id} has no Handler")
        if not code.is_dir():
            raise TemplateError(f"{logical_id}: its CodeUri {code} is not a folder")
        started_by = self._property(logical_id, "Events", {})
        return Function(
            logical_id=logical_id,
            name=self._name(logical_id),
            arn=self._arn(logical_id),
            handler=handler,
            code=code,
            layers=self._layers(logical_id),
            timeout=float(setting("Timeout", 3)),
            memory=int(setting("MemorySize", 128)),
            reserved_concurrency=setting("ReservedConcurrentExecutions", None),
            retries=int((setting("EventInvokeConfig", None) or {}).get("MaximumRetryAttempts", 2)),
            environment=self._environment(logical_id),
            routes=tuple(_route(event) for event in _events_of(started_by, "HttpApi")),
            queues=tuple(_queue_source(event) for event in _events_of(started_by, "SQS")),
            topics=tuple(str(event["Topic"]) for event in _events_of(started_by, "SNS")),
        )

    def _layers(self, logical_id: str) -> tuple[Path, ...]:
        """The folders of the template's layers; a layer given by ARN is not on this machine."""
        shared = self._resolver.member(self._shared.get("Function") or {}, "Layers", [])
        wanted = {*shared, *self._property(logical_id, "Layers", [])}
        return tuple(
            (self._folder / str(self._property(layer, "ContentUri", "."))).resolve()
            for layer in self._all("AWS::Serverless::LayerVersion")
            if self._name(layer) in wanted
        )

    def _environment(self, logical_id: str) -> dict[str, str | None]:
        declared: dict[str, str | None] = {}
        own = self._resources[logical_id].get("Properties") or {}
        for owner in (self._shared.get("Function") or {}, own):
            variables = (owner.get("Environment") or {}).get("Variables") or {}
            for name in variables:
                value = self._resolver.member(variables, name, None)
                declared[name] = None if value is None else as_text(value)
        return declared

    def _schedules(self, function: Function) -> Iterator[Rule]:
        started_by = self._property(function.logical_id, "Events", {})
        for name, event in started_by.items():
            if event.get("Type") in ("Schedule", "ScheduleV2"):
                yield _schedule(function.logical_id + name, event.get("Properties") or {}, function.arn)

    # the other resources

    def _queue(self, logical_id: str) -> Queue:
        properties = self._resolver.resolve(self._resources[logical_id].get("Properties") or {})
        redrive = properties.get("RedrivePolicy") or {}
        return Queue(
            logical_id=logical_id,
            name=self._name(logical_id),
            url=self._attribute(logical_id, None),
            arn=self._arn(logical_id),
            attributes={name: as_text(properties[name]) for name in _QUEUE_ATTRIBUTES if name in properties},
            dead_letter_arn=redrive.get("deadLetterTargetArn"),
            max_receive_count=int(redrive.get("maxReceiveCount", 0)),
        )

    def _rule(self, logical_id: str) -> Rule:
        return Rule(
            logical_id=logical_id,
            name=self._name(logical_id),
            expression=self._property(logical_id, "ScheduleExpression"),
            enabled=self._property(logical_id, "State", "ENABLED") != "DISABLED",
            targets=tuple(_target(target) for target in self._property(logical_id, "Targets", [])),
        )


def _events_of(events: Mapping[str, Properties], kind: str) -> Iterator[Properties]:
    """The properties of the events of one type."""
    return (event.get("Properties") or {} for event in events.values() if event.get("Type") == kind)


def _route(event: Properties) -> Route:
    return Route(str(event.get("Method", "ANY")).upper(), str(event.get("Path", "$default")))


def _queue_source(event: Properties) -> QueueSource:
    return QueueSource(
        queue_arn=str(event["Queue"]),
        batch_size=int(event.get("BatchSize", 10)),
        window=float(event.get("MaximumBatchingWindowInSeconds", 0)),
        maximum_concurrency=(event.get("ScalingConfig") or {}).get("MaximumConcurrency"),
        reports_item_failures="ReportBatchItemFailures" in event.get("FunctionResponseTypes", []),
        enabled=as_text(event.get("Enabled", True)) == "true",
    )


def _schedule(name: str, event: Properties, function_arn: str) -> Rule:
    enabled = as_text(event.get("Enabled", True)) == "true" and event.get("State", "ENABLED") == "ENABLED"
    return Rule(
        logical_id=name,
        name=str(event.get("Name", f"{STACK_NAME}-{name}")),
        expression=str(event.get("Schedule") or event.get("ScheduleExpression")),
        enabled=enabled,
        targets=(Target(function_arn, event.get("Input"), None),),
    )


def _target(target: Properties) -> Target:
    transformer = target.get("InputTransformer")
    if transformer is None:
        return Target(str(target["Arn"]), target.get("Input"), None)
    paths = tuple((transformer.get("InputPathsMap") or {}).items())
    return Target(str(target["Arn"]), str(transformer["InputTemplate"]), paths)
