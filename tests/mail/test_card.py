"""Microsoft's renderer shows the card for Teams as it is meant, and complains about nothing."""

import json
from dataclasses import replace
from typing import Any

import pytest

from slowmatch.notifications.destinations import EVENTS, Destination
from slowmatch.notifications.formats import format_for
from slowmatch.notifications.message import LINK_LABELS, MessageContent
from tests.mail.conftest import ask
from tests.unit.notify.test_message import AT, content

EVIL = "*bold* [link](https://evil.example.com) <b>x</b> {{DATE(2026-01-01)}} <at>all</at>"
CONTENTS = {
    **{event: content(event) for event in EVENTS},
    "without a link": content("failed", console=None),
    "Markdown": replace(content("failed"), title=EVIL, text=EVIL),
    "blank": replace(content("failed"), text=" \u200b"),
    "long": replace(content("failed"), text="🔥" * 20_000),
}


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[str, Any]]:
    to = Destination("team", "teams", "https://teams.example.com")
    messages = [json.loads(format_for(to, each, AT)[0]) for each in CONTENTS.values()]
    cards = [message["attachments"][0]["content"] for message in messages]
    return dict(zip(CONTENTS, ask("render_card.cjs", cards), strict=True))


@pytest.mark.parametrize(("name", "said"), CONTENTS.items(), ids=list(CONTENTS))
def test_a_card_shows_what_the_message_says(
    name: str, said: MessageContent, rendered: dict[str, dict[str, Any]]
) -> None:
    shown = rendered[name]
    assert shown["complaints"] == []
    assert shown["links"] == 0
    assert shown["buttons"] == [LINK_LABELS[page] for page in said.links]
    assert shown["addresses"] == list(said.links.values())
    title, *text, footer = shown["texts"]
    assert title == said.title and footer == "slowmatch · 2026-11-24 07:00 UTC"
    if name == "long":
        assert text[0].endswith("🔥…")
    else:
        assert text == ([] if name == "blank" else [said.text])
