"""What goes wrong while the stack works: each trouble in a thread of its own, random by a seed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.database import CRASH, FAST, Database
from tests.support.stack_process import Stack, kill, until

KILLED = [
    *["MarkerFunction"] * 7,
    *["JobsApiFunction", "DispatcherFunction", "RecordExpiryFunction"],
]
MODES = ("refuse", "drop", "stall", "accept")
NO_MAIL_GETS_THROUGH = ("drop", "stall")
DISPATCHER_PASS_SECONDS = 3.0
"""Stands for the dispatcher's five minutes."""


@dataclass
class Storm:
    stack: Stack
    database: Database
    seed: str
    counts: Counter[str] = field(default_factory=Counter)
    over: threading.Event = field(default_factory=threading.Event)
    mail: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def raging(self, stops: int, progress: Callable[[], float]) -> Iterator[None]:
        """`progress` goes from 0 to 1; PostgreSQL is stopped `stops` times on the way. Raises what a thread raised."""
        troubles = (self.kills, self.repeats_messages, self.spoils_mail, self.skips_the_dispatcher)
        with ThreadPoolExecutor() as pool:
            work = [pool.submit(trouble, random.Random(f"{self.seed} {trouble}")) for trouble in troubles]
            work.append(pool.submit(self.stops_the_database, stops, progress))
            try:
                yield
            finally:
                self.over.set()
            for each in work:
                each.result()

    def kills(self, chance: random.Random) -> None:
        while not self.over.wait(chance.uniform(0.1, 0.8)):
            self._kill(chance.choice(KILLED), chance)

    def repeats_messages(self, chance: random.Random) -> None:
        """Takes messages out of the queue, and puts them back in another order, later, twice, or not at all."""
        sqs = self.stack.sqs()
        url = sqs.get_queue_url(QueueName="slowmatch-marker")["QueueUrl"]
        while not self.over.wait(chance.uniform(0.1, 0.5)):
            taken = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
            chance.shuffle(taken)
            for message in taken:
                what = chance.choices(["reordered", "delayed", "duplicated", "lost"], [40, 25, 30, 5])[0]
                self.counts[f"messages {what}"] += 1
                for _ in range({"duplicated": 2, "lost": 0}.get(what, 1)):
                    later = chance.randint(1, 4) if what == "delayed" else 0
                    sqs.send_message(QueueUrl=url, MessageBody=message["Body"], DelaySeconds=later)
                with suppress(
                    sqs.exceptions.ReceiptHandleIsInvalid
                ):  # visible again meanwhile: one more duplicate
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def spoils_mail(self, chance: random.Random) -> None:
        """Lets the mail server fail in all its ways, and kills who sends while no mail can get through."""
        while not self.over.wait(chance.uniform(0.5, 2)):
            mode = chance.choice(MODES)
            self.counts[f"mail server: {mode}"] += 1
            with self.mail:
                self.mode(mode)
                if mode in NO_MAIL_GETS_THROUGH and chance.random() < 0.5:
                    self._until_sent_mails_are_noted()
                    self._kill("DailySummaryFunction", chance)
        self.mode("accept")

    def skips_the_dispatcher(self, chance: random.Random) -> None:
        while not self.over.wait(DISPATCHER_PASS_SECONDS):
            self.stack.dispatch()
            self.counts["dispatcher passes"] += 1
            if chance.random() < 0.3:
                skipped = chance.randint(2, 5)
                self.counts["dispatcher passes skipped"] += skipped
                self.over.wait(skipped * DISPATCHER_PASS_SECONDS)

    def stops_the_database(self, stops: int, progress: Callable[[], float]) -> None:
        for number in range(stops):
            while progress() < (number + 1) / (stops + 1):
                if self.over.wait(0.1):
                    return
            with self.mail:
                self.mode("drop")
                self._until_sent_mails_are_noted()
                self.database.stop((CRASH, FAST)[number % 2])
                time.sleep(2)
                self.database.start()
            self.counts["PostgreSQL stopped and started"] += 1

    def mode(self, mode: str) -> None:
        assert self.stack.call("PUT", "/outbox/mode", {"mode": mode})[0] == 200

    def _until_sent_mails_are_noted(self) -> None:
        """Between the server's answer and the row a mail can go out twice, as documented: that is not tried here."""
        noted = "SELECT count(*) FROM mail_outbox WHERE sent_at IS NOT NULL"
        until(lambda: self.database.value(noted) - len(self.stack.get("/outbox.json")), lambda gap: gap == 0)

    def _kill(self, function: str, chance: random.Random) -> None:
        pids = self.stack.processes(function)
        if pids:
            kill(chance.choice(pids))
            self.counts["processes killed"] += 1


def insist(action: Callable[[], tuple[int, Any]]) -> Any:
    """Ask again while the function that answers is being killed, as a client does."""
    return until(action, lambda answer: answer[0] < 300)[1]


def hold_the_dispatcher(stack: Stack) -> None:
    """From now on only the test starts it."""
    (rule,) = (rule for rule in stack.get("/local/state")["rules"] if "Dispatcher" in rule["name"])
    stack.aws("events").disable_rule(Name=rule["name"])


def all_dead_letters(stack: Stack) -> list[dict[str, Any]]:
    """What is in every dead-letter queue, taken out."""
    sqs, found = stack.sqs(), []
    for queue in stack.get("/local/state")["queues"]:
        while queue["name"].endswith("-dead"):
            messages = sqs.receive_message(QueueUrl=queue["url"], MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                break
            found += messages
    return found
