"""Links within the documents lead somewhere."""

import re
from pathlib import Path

import pytest

from slowmatch.settings import SMTP_PRESETS
from tests.sam import template, watching
from tests.sam.evaluated import Stack
from tests.sam.template import ROOT

DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The headings as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    lost = []
    for link in LINK.findall(FENCED.sub("", text)):
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            lost.append(link)
    assert lost == []


def test_the_operator_s_page_says_what_each_alarm_means() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    jobs = "|".join(template.job_functions().values())
    names = {re.sub(f"^({jobs})-", "<job>-", name) for name in watching.alarms(Stack())}
    listed = re.findall(
        r"^\| `([\w<>-]+)` \| ", page.partition("## What each alarm means")[2].partition("\n## ")[0], re.M
    )
    assert sorted(listed) == sorted(names)


@pytest.mark.parametrize(("preset", "host"), SMTP_PRESETS.items())
def test_the_page_on_mail_has_each_preset_and_its_host(preset: str, host: str) -> None:
    page = (ROOT / "docs" / "mail.md").read_text(encoding="utf-8")
    assert re.search(rf"SmtpPreset = {preset} +\({re.escape(host)}, 587, STARTTLS\)", page)


def test_the_architecture_stays_short() -> None:
    assert (ROOT / "docs" / "architecture.md").stat().st_size <= 12 * 1024
