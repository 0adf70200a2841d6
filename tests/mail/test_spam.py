"""SpamAssassin finds nothing in the mails that looks like spam. It asks nobody: `--local`."""

import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest

from send_test_mail.app import TEMPLATES
from slowmatch.mail import templates
from slowmatch.mail.message import Message, make_message_id
from slowmatch.mail.templates import Rendered
from slowmatch.settings import Settings
from tests.unit.test_summary_render import CONSOLE, CONTACT, END, ENVIRONMENT, a_mail

MAX_POINTS = 0.5
"""Above 5 a mail counts as spam."""
COMMON = templates.common_values(
    Settings.from_env(ENVIRONMENT | {"CONSOLE_URL": CONSOLE, "MAIL_CONTACT": CONTACT})
)
RUN = {
    "through": "smtp.example.com, port 587",
    "sender": "jobs@example.com",
    "at": END,
    "run_id": "01a20d25-5d63",
}
MAILS = {
    "daily summary": a_mail(CONSOLE_URL=CONSOLE, MAIL_CONTACT=CONTACT),
    "first daily summary": a_mail(0, 0, 0, days=1),
    "test mail": templates.render("test_mail", RUN | COMMON, TEMPLATES),
}


@pytest.mark.parametrize("rendered", MAILS.values(), ids=list(MAILS))
def test_a_mail_does_not_look_like_spam(rendered: Rendered, tmp_path: Path) -> None:
    mail = Message(
        sender="jobs@example.com",
        sender_name="Slowmatch",
        recipient="you@example.com",
        message_id=make_message_id("jobs@example.com", rendered.subject),
        reply_to=CONTACT,
        **asdict(rendered),
    )
    command = ["spamassassin", "--local", "--test-mode", "--prefspath", str(tmp_path / "prefs")]
    done = subprocess.run(
        command,
        input=mail.as_bytes(),
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    report = done.stdout.decode(errors="replace").rpartition("Content analysis details:")[2]
    found = re.search(r"\((-?[\d.]+) points, [\d.]+ required\)", report)
    assert found is not None, report
    assert float(found[1]) <= MAX_POINTS, report
