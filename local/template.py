"""Reads template.yaml (SAM): the functions, routes, queues, rules, topics and secrets that run here."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from local.environment import ACCOUNT, HOST, REGION, STACK_NAME
from local.intrinsics import Resolver, TemplateError
from local.resources import Function, Queue, QueueSource, Route, Rule, Secret, Target, Template, Topic

_NAME_PROPERTY = {
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Events::Rule": "Name",
    "AWS::Serverless::Function": "FunctionName",
    "AWS::SecretsManager::Secret": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
}
_ARN_PREFIX = {
    "AWS::SQS::Queue": "sqs:{}:",
    "AWS::SNS::Topic": "sns:{}:",
    "AWS::Events::Rule": "events:{}:rule/",
    "AWS::Serverless::Function": "lambda:{}:function:",
    "AWS::SecretsManager::Secret": "secretsmanager:{}:secret:",
    "AWS::Logs::LogGroup": "logs:{}:log-group:",
}


def read(path: Path, aws_port: int, parameters: Mapping[str, str] | None = None) -> Template:
    """Raises TemplateError, naming what is wrong, for a template that cannot run here."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (OSError, yaml.YAMLError) as error:
        raise TemplateError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path.name} has no Resources")
    return _Reader(path.parent, document, aws_port, parameters or {}).read()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags: `!Ref x` reads as {"Ref": x}."""


def _short_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_tag)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: loader.construct_scalar(node))


class _Reader:
    def __init__(
        self, folder: Path, document: dict[str, Any], aws_port: int, parameters: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._aws_port = aws_port
        self._globals = document.get("Globals") or {}
        self._resolver = Resolver(document, parameters, self._attribute)
        self._resources: dict[str, dict[str, Any]] = {
            name: resource
            for name, resource in document["Resources"].items()
            if "Condition" not in resource or self._resolver.condition(resource["Condition"])
        }

    def read(self) -> Template:
        return Template(
            functions=tuple(self._function(name) for name in self._all("AWS::Serverless::Function")),
            queues=tuple(self._queue(name) for name in self._all("AWS::SQS::Queue")),
            rules=tuple(self._rule(name) for name in self._all("AWS::Events::Rule"))
            + tuple(self._schedules()),
            topics=tuple(
                Topic(name, self._name(name), self._arn(name)) for name in self._all("AWS::SNS::Topic")
            ),
            secrets=tuple(
                Secret(name, self._name(name)) for name in self._all("AWS::SecretsManager::Secret")
            ),
        )

    def _all(self, kind: str) -> Iterator[str]:
        return (name for name, resource in self._resources.items() if resource.get("Type") == kind)

    def _property(self, logical_id: str, name: str, default: Any = None) -> Any:
        properties = self._resources[logical_id].get("Properties") or {}
        # A mapping whose only member is the wanted one resolves to {} when that is AWS::NoValue.
        return (
            self._resolver.resolve({name: properties[name], "": ""}).get(name, default)
            if name in properties
            else default
        )

    def _kind(self, logical_id: str) -> str:
        return str(self._resources.get(logical_id, {}).get("Type", ""))

    def _name(self, logical_id: str) -> str:
        name = _NAME_PROPERTY.get(self._kind(logical_id), "")
        return str(self._property(logical_id, name, f"{STACK_NAME}-{logical_id}")) if name else logical_id

    def _arn(self, logical_id: str) -> str:
        prefix = _ARN_PREFIX.get(self._kind(logical_id), "local:{}:").format(REGION + ":" + ACCOUNT)
        return f"arn:aws:{prefix}{self._name(logical_id)}"

    def _attribute(self, logical_id: str, attribute: str | None) -> str:
        """What Ref (`attribute` None) and GetAtt give for a resource."""
        kind = self._kind(logical_id)
        if kind == "AWS::SQS::Queue" and attribute in (None, "QueueUrl"):
            return f"http://{HOST}:{self._aws_port}/{ACCOUNT}/{self._name(logical_id)}"
        if attribute is None and kind in ("AWS::SNS::Topic", "AWS::SecretsManager::Secret"):
            return self._arn(logical_id)
        if attribute is not None and attribute.endswith(("Arn", "Id")):
            return self._arn(logical_id)
        return self._name(logical_id)

    # functions and what starts them

    def _function(self, logical_id: str) -> Function:
        def setting(name: str, default: Any) -> Any:
            shared = (self._globals.get("Function") or {}).get(name, default)
            return self._property(logical_id, name, self._resolver.resolve(shared))

        events = self._property(logical_id, "Events", {})
        handler = str(setting("Handler", ""))
        if "." not in handler:
            raise TemplateError(f"{logical_id} has no Handler")
        code = self._folder / str(setting("CodeUri", "."))
        if not code.is_dir():
            raise TemplateError(f"{logical_id}: CodeUri {code} is not a folder")
        return Function(
            logical_id=logical_id,
            name=self._name(logical_id),
            arn=self._arn(logical_id),
            handler=handler,
            code=code.resolve(),
            layers=self._layers(logical_id),
            timeout=float(setting("Timeout", 3)),
            memory=int(setting("MemorySize", 128)),
            reserved_concurrency=setting("ReservedConcurrentExecutions", None),
            retries=int((setting("EventInvokeConfig", None) or {}).get("MaximumRetryAttempts", 2)),
            environment=self._environment(logical_id),
            routes=tuple(self._route(event) for event in _of_type(events, "HttpApi")),
            queues=tuple(_queue_source(event) for event in _of_type(events, "SQS")),
            topics=tuple(str(event["Topic"]) for event in _of_type(events, "SNS")),
        )

    def _layers(self, logical_id: str) -> tuple[Path, ...]:
        """Folders of the template's own layers; one given by ARN is not on this machine."""
        shared = self._resolver.resolve((self._globals.get("Function") or {}).get("Layers", []))
        wanted = {*shared, *self._property(logical_id, "Layers", [])}
        return tuple(
            (self._folder / str(self._property(layer, "ContentUri", "."))).resolve()
            for layer in self._all("AWS::Serverless::LayerVersion")
            if self._name(layer) in wanted
        )

    def _environment(self, logical_id: str) -> dict[str, str | None]:
        declared: dict[str, str | None] = {}
        own = (self._resources[logical_id].get("Properties") or {}).get("Environment") or {}
        for environment in ((self._globals.get("Function") or {}).get("Environment") or {}, own):
            variables = environment.get("Variables") or {}
            resolved = self._resolver.resolve(variables | {"": ""})
            declared |= {name: _text(resolved[name]) if name in resolved else None for name in variables}
        return declared

    def _route(self, event: Mapping[str, Any]) -> Route:
        authorizer = (event.get("Auth") or {}).get("Authorizer", self._default_authorizer(event))
        path = str(event.get("Path", "$default"))
        return Route(str(event.get("Method", "ANY")).upper(), path, iam=authorizer == "AWS_IAM")

    def _default_authorizer(self, event: Mapping[str, Any]) -> Any:
        auth = (self._globals.get("HttpApi") or {}).get("Auth")
        for api in self._all("AWS::Serverless::HttpApi"):
            if event.get("ApiId") in (None, self._name(api)):
                auth = self._property(api, "Auth", auth)
        return (self._resolver.resolve(auth) or {}).get("DefaultAuthorizer") if auth else None

    def _schedules(self) -> Iterator[Rule]:
        for logical_id in self._all("AWS::Serverless::Function"):
            for name, event in self._property(logical_id, "Events", {}).items():
                if event.get("Type") in ("Schedule", "ScheduleV2"):
                    yield _schedule(
                        f"{logical_id}{name}", event.get("Properties") or {}, self._arn(logical_id)
                    )

    # the other resources

    def _queue(self, logical_id: str) -> Queue:
        properties = self._resolver.resolve(self._resources[logical_id].get("Properties") or {})
        attributes = {
            name: _text(properties[name])
            for name in (
                "DelaySeconds",
                "MaximumMessageSize",
                "MessageRetentionPeriod",
                "ReceiveMessageWaitTimeSeconds",
                "VisibilityTimeout",
            )
            if name in properties
        }
        redrive = properties.get("RedrivePolicy") or {}
        return Queue(
            logical_id=logical_id,
            name=self._name(logical_id),
            url=self._attribute(logical_id, None),
            arn=self._arn(logical_id),
            attributes=attributes,
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


def _of_type(events: Mapping[str, Any], kind: str) -> Iterator[Mapping[str, Any]]:
    return (event.get("Properties") or {} for event in events.values() if event.get("Type") == kind)


def _queue_source(event: Mapping[str, Any]) -> QueueSource:
    return QueueSource(
        queue_arn=str(event["Queue"]),
        batch_size=int(event.get("BatchSize", 10)),
        window=float(event.get("MaximumBatchingWindowInSeconds", 0)),
        maximum_concurrency=(event.get("ScalingConfig") or {}).get("MaximumConcurrency"),
        reports_item_failures="ReportBatchItemFailures" in event.get("FunctionResponseTypes", []),
        enabled=_text(event.get("Enabled", True)) == "true",
    )


def _schedule(name: str, event: Mapping[str, Any], function_arn: str) -> Rule:
    enabled = _text(event.get("Enabled", True)) == "true" and event.get("State", "ENABLED") == "ENABLED"
    return Rule(
        logical_id=name,
        name=str(event.get("Name", f"{STACK_NAME}-{name}")),
        expression=str(event.get("Schedule") or event.get("ScheduleExpression")),
        enabled=enabled,
        targets=(Target(function_arn, event.get("Input"), None),),
    )


def _target(target: Mapping[str, Any]) -> Target:
    transformer = target.get("InputTransformer")
    if transformer is None:
        return Target(str(target["Arn"]), target.get("Input"), None)
    paths = tuple((transformer.get("InputPathsMap") or {}).items())
    return Target(str(target["Arn"]), str(transformer["InputTemplate"]), paths)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
