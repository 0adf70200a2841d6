import re
from datetime import UTC, date, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path

import pytest

from daily_summary.render import render
from slowmatch.mail.errors import Refused
from slowmatch.mail.templates import Rendered
from slowmatch.records.statistics import DayCount, Summary
from slowmatch.settings import Settings

END = datetime(2025, 3, 4, 6, 0, tzinfo=UTC)
DAY = date(2025, 3, 4)
VOID = {"meta", "br"}
ENVIRONMENT = {
    "DB_HOST": "db.example.com",
    "DB_SECRET_ARN": "db",
    "STACK_NAME": "slowmatch-prod",
    "QUEUE_URL_PREFIX": "https://sqs.example.com/slowmatch-prod-",
}
CONSOLE = "https://jobs.example.com"
CONTACT = "platform@example.com"


def a_mail(
    total: int = 1_284_032,
    created: int = 4_210,
    expired: int = 318,
    *,
    end: datetime = END,
    folder: Path | None = None,
    days: int = 14,
    **variables: str,
) -> Rendered:
    """A summary with figures of so many days, in an environment with these variables."""
    settings = Settings.from_env(ENVIRONMENT | {"MAIL_TEMPLATES_DIR": str(folder or "")} | variables)
    earlier = [DayCount(DAY - timedelta(days=ago), 100 * ago, ago) for ago in range(days - 1, 0, -1)]
    counts = [*earlier, DayCount(DAY, created, expired)]
    return render(Summary(total, created, expired), counts, DAY, end, settings)


def overridden(folder: Path, **templates: str) -> Rendered:
    for name, source in templates.items():
        suffix = ".html" if name == "html" else ".txt"
        (folder / f"{'subject' if name == 'subject' else 'summary'}{suffix}").write_text(source)
    return a_mail(folder=folder)


class Page(HTMLParser):
    """The text that is shown, and which elements were opened and not closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"


def test_the_subject_says_which_stack_and_what_happened() -> None:
    said = "slowmatch-prod: 4,210 records created, 318 expired (Tuesday, 4 March 2025)"
    assert a_mail().subject == said
    assert a_mail(1, 1, 0).subject.startswith("slowmatch-prod: 1 record created, 0 expired")


def test_the_text_has_its_numbers_in_one_column() -> None:
    text = a_mail().text
    assert text.splitlines()[:6] == [
        "DAILY SUMMARY OF slowmatch-prod",
        "Tuesday, 4 March 2025",
        "",
        "  Records in total               1,284,032",
        "  Created in the last 24 hours       4,210",
        "  Expired in the last 24 hours         318",
    ]
    assert "from 3 March 2025, 06:00 UTC\nto           4 March 2025, 06:00 UTC." in text
    assert max(map(len, text.splitlines())) <= 72


def test_the_page_shows_the_three_numbers_and_the_window() -> None:
    page = Page(a_mail().html)
    assert "1,284,032 records in total" in page.text
    assert "4,210 created in the last 24 hours" in page.text
    assert "318 expired in the last 24 hours" in page.text
    assert "from 3 March 2025, 06:00 UTC to 4 March 2025, 06:00 UTC" in page.text


@pytest.mark.parametrize(
    "mail", [a_mail(), a_mail(CONSOLE_URL=CONSOLE, MAIL_CONTACT=CONTACT)], ids=["bare", "full"]
)
def test_the_page_closes_what_it_opens_and_loads_nothing(mail: Rendered) -> None:
    html = mail.html
    assert Page(html).open == []
    assert not re.search(r"url\(|<img|<link|<script|@import| src=", html)


def test_the_last_days_are_a_table_that_reads_without_images() -> None:
    mail = a_mail()
    rows = [line.split() for line in mail.text.splitlines() if re.match(r"  (Wed|Tue) \d", line)]
    assert rows[0] == ["Wed", "19", "Feb", "1,300", "13"] and rows[-1] == ["Tue", "4", "Mar", "4,210", "318"]
    page = Page(mail.html).text
    assert "The last 14 days 24 hours to Created Expired Wed 19 Feb 1,300 13 Thu 20 Feb 1,200 12" in page
    assert mail.html.count("<th ") == 3 + 14
    assert 'aria-hidden="true" width="30%"' in mail.html  # 1,300 of 4,210


def test_a_first_day_has_no_table() -> None:
    mail = a_mail(days=1)
    assert "The last" not in mail.text and "<caption" not in mail.html
    assert "The last 2 days" in a_mail(0, 0, 0, days=2).text


@pytest.mark.parametrize("part", ["text", "html"])
def test_a_mail_leads_to_the_console_if_its_address_is_known(part: str) -> None:
    for path in ("/records", "/records?status=expired", "/dashboard"):
        assert re.search(rf"{re.escape(CONSOLE + path)}[\"\n]", getattr(a_mail(CONSOLE_URL=CONSOLE), part))
    assert "http" not in getattr(a_mail(), part) and "Open" not in getattr(a_mail(), part)


@pytest.mark.parametrize("part", ["text", "html"])
def test_a_mail_names_whom_to_ask_and_no_setting(part: str) -> None:
    named, unnamed = getattr(a_mail(MAIL_CONTACT=CONTACT), part), getattr(a_mail(), part)
    assert CONTACT in named and "ask whoever" not in named
    assert "ask whoever runs slowmatch-prod" in unnamed
    assert not re.search("[A-Z]+_[A-Z]+", named + unnamed)


def test_the_page_begins_with_the_line_that_inboxes_show() -> None:
    body = re.sub(r"^[^>]*>", "", a_mail().html.partition("<body")[2], count=1)
    shown = re.sub(r"<[^>]*>", "", body).strip()
    assert shown.startswith("4,210 created, 318 expired, 1,284,032 in total.")


@pytest.mark.parametrize("part", ["text", "html"])
def test_an_empty_table_is_explained(part: str) -> None:
    assert "New ones will be counted here." in getattr(a_mail(0, 0, 0), part)
    assert "New ones will be counted here." not in getattr(a_mail(1, 0, 0), part)


def test_one_record_is_not_called_records() -> None:
    assert "1 record in total" in Page(a_mail(1, 0, 0).html).text


def test_billions_still_stand_in_one_column() -> None:
    lines = a_mail(12_345_678_901, 1, 23_456).text.splitlines()[3:6]
    assert len({len(line) for line in lines}) == 1


def test_times_are_given_in_utc_whatever_offset_they_carry() -> None:
    there = timezone(timedelta(hours=-7))
    rendered = a_mail(end=END.astimezone(there))
    assert "4 March 2025, 06:00 UTC" in rendered.text
    assert "4 March 2025, 06:00 UTC" in rendered.html


def test_a_template_in_the_operators_folder_wins_and_the_others_stay(tmp_path: Path) -> None:
    rendered = overridden(tmp_path, html="<p>{{ total | number }} of ours</p>")
    assert rendered.html == "<p>1,284,032 of ours</p>"
    assert (rendered.subject, rendered.text) == (a_mail().subject, a_mail().text)


def test_templates_written_for_an_earlier_release_still_work(tmp_path: Path) -> None:
    was = "{{ day | day }}, {{ window_start | moment }}, {{ window_end | moment }}: {{ [total, created, expired] }}"
    expected = "Tuesday, 4 March 2025, 3 March 2025, 06:00 UTC, 4 March 2025, 06:00 UTC: [1284032, 4210, 318]"
    mail = overridden(tmp_path, subject=was, html=was, text=was)
    assert (mail.subject, mail.html, mail.text) == (expected, expected, expected)


def test_an_operators_template_has_the_new_values_too(tmp_path: Path) -> None:
    source = "{{ stack }} {{ console }} {{ contact }} {{ days[0].day | short_day }} {{ days[-1].created }}"
    assert overridden(tmp_path, text=source).text == "slowmatch-prod None None Wed 19 Feb 4210"


def test_an_operators_template_can_build_on_ours(tmp_path: Path) -> None:
    (tmp_path / "greeting.txt").write_text("Good morning!")
    rendered = overridden(tmp_path, text='{% include "greeting.txt" %} {{ created }}')
    assert rendered.text == "Good morning! 4210"


def test_an_operators_template_can_fill_our_layout(tmp_path: Path) -> None:
    source = '{% extends "mail_layout.html" %}{% block heading %}{{ total | number }} of ours{% endblock %}'
    page = Page(overridden(tmp_path, html=source).html)
    assert "1,284,032 of ours" in page.text and "slowmatch-prod" in page.text


def test_html_is_escaped_and_plain_text_is_not(tmp_path: Path) -> None:
    rendered = overridden(tmp_path, html='{{ "<b> & co" }}', text='{{ "<b> & co" }}')
    assert (rendered.html, rendered.text) == ("&lt;b&gt; &amp; co", "<b> & co")


@pytest.mark.parametrize(
    "source", ["Hello\r\nBcc: everyone@example.com", "Hello\nyou", "a\u2028b", "", "  \n"]
)
def test_a_subject_of_more_or_less_than_one_line_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(Refused, match=r"^subject\.txt .*must be a single line.*MAIL_TEMPLATES_DIR"):
        overridden(tmp_path, subject=source)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("fine\n{% if %}", r"summary\.txt, line 2: "),
        ("{{ totals }}", r"summary\.txt: 'totals' is undefined"),
        ("{{ total | shout }}", r"summary\.txt, line 1: .*shout"),
        ("{{ total / 0 }}", r"summary\.txt: division by zero"),
        ("{{ day + 1 }}", r"summary\.txt: unsupported operand"),
        ('{% include "nowhere.txt" %}', r"summary\.txt: 'nowhere\.txt' not found"),
    ],
)
def test_a_broken_template_is_refused_with_its_place(tmp_path: Path, source: str, place: str) -> None:
    with pytest.raises(Refused, match=rf"^{place}.*Check the templates in MAIL_TEMPLATES_DIR$"):
        overridden(tmp_path, text=source)


def test_a_template_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "summary.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(Refused, match=r"^summary\.txt: .*utf-8"):
        a_mail(folder=tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"^MAIL_TEMPLATES_DIR is .*no such folder"):
        a_mail(folder=tmp_path / "nowhere")
