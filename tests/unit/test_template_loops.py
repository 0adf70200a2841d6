"""Lambda ends a chain of messages from a function to its own queue unless RecursiveLoop allows it."""

from tests.sam import template
from tests.sam.evaluated import Stack
from tests.sam.permissions import may

STACK = Stack()


def functions_that_send_to_their_own_queue() -> set[str]:
    return {
        function
        for function, queue in template.polled_queues().items()
        if may(STACK, function, "sqs:SendMessage", STACK.arn(queue))
    }


def test_functions_that_send_to_their_own_queue_may_loop_and_no_others() -> None:
    functions = STACK.of_type("AWS::Lambda::Function").items()
    looping = {name for name, function in functions if function.get("RecursiveLoop") == "Allow"}
    assert looping == functions_that_send_to_their_own_queue()


def test_jobs_and_the_notifier_send_to_their_own_queues() -> None:
    assert functions_that_send_to_their_own_queue() == set(template.polled_queues())
