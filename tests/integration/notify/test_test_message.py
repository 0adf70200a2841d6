"""A test message can be told from a real one, and from another test."""

from tests.integration.notify.conftest import NotifierHarness

KEY = "whsec_" + "A" * 32


def test_each_test_message_has_an_id_of_its_own_and_says_test(notifier: NotifierHarness) -> None:
    notifier.set_destinations(notifier.webhook(key=KEY))
    for _ in range(2):
        assert notifier.invoke({"payload": {"test": "hook"}})["taken"]
    first, second = notifier.receiver.posts
    assert first.json["test"] is True and second.json["test"] is True
    assert first.json["id"] == first.headers["webhook-id"] != second.headers["webhook-id"]


def test_a_real_message_does_not_say_test(notifier: NotifierHarness) -> None:
    notifier.run("the disk is full")
    notifier.process_all()
    (post,) = notifier.receiver.posts
    assert "test" not in post.json
