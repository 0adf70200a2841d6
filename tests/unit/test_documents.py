"""The documents agree with each other and with the code: links, commands, kinds, states, limits."""

import re
from pathlib import Path
from typing import get_args

import pytest

from slowmatch.db.counts import COUNT_CAP
from slowmatch.jobs.lifecycle import bulk_actions
from slowmatch.jobs.model import RunState
from slowmatch.settings import SMTP_PRESETS
from tests.sam import template, watching
from tests.sam.evaluated import Stack
from tests.sam.template import ROOT

PAGES = sorted((ROOT / "docs").glob("*.md"))
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *PAGES, *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
TARGETS = set(
    re.findall(r"^([a-z-]+):.*  ## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The headings as GitHub links to them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(document: Path) -> None:
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


@pytest.mark.parametrize("document", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda document: document.name)
def test_the_first_line_of_a_page_says_which_kind_it_is(document: Path) -> None:
    first_line = document.read_text(encoding="utf-8").splitlines()[2]
    assert re.match(r"An? (tutorial|how-to|reference|explanation)\b", first_line)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_target_of_make_in_a_document_exists(document: Path) -> None:
    named = set(
        re.findall(r"(?:`|^|\$ )make ([a-z][a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert named - TARGETS == set()


@pytest.mark.parametrize("state", get_args(RunState))
def test_every_state_of_a_run_is_explained(state: str) -> None:
    assert f"| `{state}` | " in ARCHITECTURE


def test_the_documents_say_how_far_is_counted() -> None:
    assert f'end at {COUNT_CAP:,}, written as "{COUNT_CAP:,}+"' in ARCHITECTURE
    assert f"bulk action at {bulk_actions.MAX_COUNTED:,}" in ARCHITECTURE.replace("\n", " ")
    openapi = (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")
    assert f"counted as it is, up to {COUNT_CAP:,}." in openapi


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
    assert len(ARCHITECTURE.encode()) <= 12 * 1024
