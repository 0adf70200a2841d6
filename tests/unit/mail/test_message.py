import email
import email.policy
import re
from datetime import UTC, datetime

import pytest

from slowmatch.mail.errors import Refused
from slowmatch.mail.message import make_message_id
from tests.unit.mail.conftest import a_message

BAD_ADDRESSES = [
    "",
    "two@at@example.com",
    "a@b.com, c@d.com",
    "Name <name@example.com>",
    "name@example.com\r\nBcc: everyone@example.com",
    "name@example.com\n",
    "na me@example.com",
    "name@example..com",
    ".name@example.com",
    "jürgen@example.com",
    "name\0@example.com",
    "a" * 65 + "@example.com",
    "name@" + "a" * 64 + ".com",
]


def test_a_mail_has_a_plain_text_and_an_html_part() -> None:
    parsed = email.message_from_bytes(
        a_message(text="Grüße, 記録\n", html="<p>Grüße, 記録</p>\n").as_bytes(), policy=email.policy.default
    )
    assert parsed.get_content_type() == "multipart/alternative"
    text, html = parsed.iter_parts()
    assert (text.get_content_type(), text.get_content()) == ("text/plain", "Grüße, 記録\r\n")
    assert (html.get_content_type(), html.get_content()) == ("text/html", "<p>Grüße, 記録</p>\r\n")
    assert text.get_content_charset() == html.get_content_charset() == "utf-8"


def test_the_headers_say_that_a_machine_wrote_it_and_when() -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    message = a_message()
    headers = message.as_email()
    assert before <= headers["Date"].datetime <= datetime.now(UTC)
    assert headers["From"] == "Slowmatch <slowmatch@example.com>"
    assert headers["To"] == "one@example.com"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["X-Auto-Response-Suppress"] == "All"
    assert headers["Message-ID"] == headers["X-Slowmatch-Id"] == message.message_id


def test_replies_go_to_the_contact_if_there_is_one() -> None:
    assert a_message().as_email()["Reply-To"] is None
    assert a_message(reply_to="platform@example.com").as_email()["Reply-To"] == "platform@example.com"
    with pytest.raises(Refused, match=r"^MAIL_CONTACT contains 'the platform team'"):
        a_message(reply_to="the platform team")


def test_the_same_parts_make_the_same_message_id_and_others_another() -> None:
    sender = "slowmatch@example.com"
    first = make_message_id(sender, "daily-summary", "2025-03-04", "one@example.com")
    assert first == make_message_id(sender, "daily-summary", "2025-03-04", "one@example.com")
    assert first != make_message_id(sender, "daily-summary", "2025-03-04", "two@example.com")
    assert make_message_id(sender, "ab", "c") != make_message_id(sender, "a", "bc")
    assert re.fullmatch(r"<[0-9a-f]{40}@example\.com>", first)


def test_no_line_is_longer_than_smtp_allows() -> None:
    content = a_message(text="x" * 5000, html="ü" * 5000, subject="ö" * 500, sender_name="é" * 300).as_bytes()
    assert content.count(b"\n") == content.count(b"\r\n")
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert content.isascii()


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_what_is_no_plain_address_is_refused_naming_the_setting(address: str) -> None:
    with pytest.raises(Refused, match=r"^MAIL_SENDER contains "):
        a_message(sender=address)
    with pytest.raises(Refused, match=r"^MAIL_RECIPIENTS contains "):
        a_message(recipient=address)


@pytest.mark.parametrize(
    "address",
    ["first.last+tag@sub.example.com", "o'neil@example.com", "root@localhost", "x@xn--bcher-kva.ch"],
)
def test_a_plain_address_is_taken(address: str) -> None:
    assert a_message(recipient=address).as_email()["To"] == address


@pytest.mark.parametrize("character", ["\r", "\n", "\r\n", "\0", "\x0b", "\x85", "\u2028"])
def test_a_line_break_cannot_smuggle_a_header_in(character: str) -> None:
    smuggled = f"Hello{character}Bcc: everyone@example.com"
    with pytest.raises(Refused, match=r"the subject is .*line breaks"):
        a_message(subject=smuggled)
    with pytest.raises(Refused, match=r"MAIL_SENDER_NAME is .*line breaks"):
        a_message(sender_name=smuggled)
    with pytest.raises(Refused, match="the message id is"):
        a_message(message_id=f"<a@b>{character}Bcc: everyone@example.com")


def test_a_sender_name_with_quotes_commas_and_brackets_stays_a_name() -> None:
    name = 'Ops, "night" <ops@evil.example>'
    sender = a_message(sender_name=name).as_email()["From"].addresses[0]
    assert (sender.display_name, sender.addr_spec) == (name, "slowmatch@example.com")


@pytest.mark.parametrize("subject", ["", "  "])
def test_an_empty_subject_is_refused(subject: str) -> None:
    with pytest.raises(Refused, match="the subject is empty"):
        a_message(subject=subject)


@pytest.mark.parametrize("field", ["subject", "text", "html"])
def test_half_a_surrogate_pair_is_refused_before_anything_is_sent(field: str) -> None:
    with pytest.raises(Refused, match="not valid Unicode"):
        a_message(**{field: "half \ud83d a pair"}).as_bytes()
