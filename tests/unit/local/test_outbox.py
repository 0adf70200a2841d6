import html
from pathlib import Path

from local.services.outbox import Outbox
from local.ui import pages

PLAIN = b"Subject: one\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
PAGE = b"Subject: <b>two</b>\r\nContent-Type: text/html\r\n\r\n<p>hello</p>\r\n"


def test_the_newest_message_comes_first(outbox_folder: Path) -> None:
    outbox = Outbox(outbox_folder)
    for content in (PLAIN, PAGE):
        outbox.add("a@example.com", ["b@example.com", "c@example.com"], content)
    newest, oldest = outbox.all()
    assert (newest.subject, oldest.subject) == ("<b>two</b>", "one")
    assert newest.received_at >= oldest.received_at
    assert oldest.recipients == ("b@example.com", "c@example.com")
    found = outbox.get(oldest.id)
    assert found is not None
    assert found.subject == "one"


def test_a_message_is_plain_data_for_programs(outbox_folder: Path) -> None:
    outbox = Outbox(outbox_folder)
    identifier = outbox.add("a@example.com", ["b@example.com"], PLAIN)
    document = outbox.all()[0].as_json()
    assert document["received_at"].endswith("Z")
    del document["received_at"]
    assert document == {
        "id": identifier,
        "from": "a@example.com",
        "to": ["b@example.com"],
        "subject": "one",
        "text": "hello\n",
        "html": None,
    }


def test_messages_can_be_removed(outbox_folder: Path) -> None:
    outbox = Outbox(outbox_folder)
    outbox.add("a@example.com", ["b@example.com"], PLAIN)
    assert outbox.clear() == 1
    assert outbox.all() == []


def test_no_name_reaches_outside_the_folder(outbox_folder: Path) -> None:
    (outbox_folder.parent / "secret.eml").write_bytes(PLAIN)
    assert Outbox(outbox_folder).get("../secret") is None


def test_what_a_mail_says_is_never_markup_of_the_page(outbox_folder: Path) -> None:
    outbox = Outbox(outbox_folder)
    outbox.add("<i>@example.com", ["<u>@example.com"], PAGE)
    mails = outbox.all()
    for page in (pages.outbox(mails, "accept", "<host>"), pages.mail(mails[0])):
        assert "&lt;b&gt;two" in page
        assert not any(markup in page for markup in ("<b>", "<i>", "<u>", "<host>"))


def test_an_empty_outbox_says_how_to_use_it() -> None:
    page = html.unescape(pages.outbox([], "accept", "127.0.0.1:8080"))
    assert (
        "http://127.0.0.1:8080/api/jobs/daily-summary/runs -H 'Content-Type: application/json' -d '{}'"
        in page
    )
    assert """http://127.0.0.1:8080/outbox/mode -d '{"mode": "refuse"}'""" in page
    assert '{"mode": "accept"}' in pages.outbox([], "drop", "host").replace("&quot;", '"')
