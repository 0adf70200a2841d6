"""Renders the pages of the stack itself: the start page and the outbox."""

import json
from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from local.http_pages import page, table
from local.services.outbox import Mail
from local.services.smtp import MEANINGS, Mode


def _moment(moment: datetime | str | None) -> str:
    if moment is None:
        return '<span class="muted">never</span>'
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return f'<time datetime="{at.isoformat()}">{at:%-d %b %Y, %H:%M:%S} UTC</time>'


def start(state: Mapping[str, Any]) -> str:
    """`state` is the document of /local/state."""
    addresses = table(
        ("What", "Where"), ([escape(name), _address(where)] for name, where in state["addresses"].items()), ""
    )
    functions = table(
        ("Function", "Handler", "Processes", "Routes"),
        (
            [
                f"<code>{escape(f['logical_id'])}</code>",
                f"<code>{escape(f['handler'])}</code>",
                _processes(f),
                _routes(f),
            ]
            for f in state["functions"]
        ),
        "The template has no functions.",
    )
    queues = table(
        ("Queue", "Waiting", "Delayed", "In flight"),
        (
            [escape(q["name"]), str(q["waiting"]), str(q["delayed"]), str(q["in_flight"])]
            for q in state["queues"]
        ),
        "The template has no queues.",
    )
    rules = table(
        ("Rule", "Schedule", "Next firing"),
        (
            [escape(r["name"]), f"<code>{escape(r['schedule'] or '')}</code>", _next(r)]
            for r in state["rules"]
        ),
        "The template has no rules.",
    )
    return page(
        "Stack",
        f"{addresses}<h2>Functions</h2>{functions}<h2>Queues</h2>{queues}<h2>Rules</h2>{rules}"
        '<p>Schedules made at run time are on the page <a href="/dashboard/schedules">Schedules</a>. '
        "New ones are made there.</p>"
        '<p class="muted">The same as JSON: <a href="/local/state">/local/state</a></p>',
    )


def _address(where: str) -> str:
    return (
        f'<a href="{escape(where)}">{escape(where)}</a>'
        if where.startswith("http")
        else f"<code>{escape(where)}</code>"
    )


def _processes(function: Mapping[str, Any]) -> str:
    found = ", ".join(f"{p['pid']} {p['state']}" for p in function["processes"])
    return escape(found) or '<span class="muted">none; one starts on demand</span>'


def _routes(function: Mapping[str, Any]) -> str:
    return "<br>".join(f"<code>{escape(route)}</code>" for route in function["routes"])


def _next(rule: Mapping[str, Any]) -> str:
    return "disabled" if rule["state"] == "DISABLED" else _moment(rule["next"])


def outbox(mails: list[Mail], mode: Mode, host: str) -> str:
    rows = (
        [
            f'<a href="/outbox/{escape(mail.id)}">{escape(mail.subject or "(no subject)")}</a>',
            escape(", ".join(mail.recipients)),
            _moment(mail.received_at),
        ]
        for mail in mails
    )
    trigger = f"curl http://{host}/api/jobs/daily-summary/runs -H 'Content-Type: application/json' -d '{{}}'"
    empty = (
        'No mail yet. <a href="/jobs/daily-summary">Run the summary</a>, or trigger it: '
        f"<code>{escape(trigger)}</code>"
    )
    other = json.dumps({"mode": "accept" if mode != "accept" else "refuse"})
    change = f"curl -X PUT http://{host}/outbox/mode -d '{other}'"
    return page(
        "Outbox",
        f'<p>The SMTP server is set to <strong class="mode-{mode}">{mode}</strong>: it {MEANINGS[mode]}. '
        f'<span class="muted">Change it: <code>{escape(change)}</code>. Messages as JSON: '
        f'<a href="/outbox.json">/outbox.json</a></span></p>' + table(("Subject", "To", "When"), rows, empty),
    )


def mail(mail: Mail) -> str:
    html = (
        f'<iframe sandbox src="/outbox/{escape(mail.id)}/html" title="HTML part"></iframe>'
        if mail.html is not None
        else '<p class="muted">none</p>'
    )
    text = f"<pre>{escape(mail.text)}</pre>" if mail.text is not None else '<p class="muted">none</p>'
    headers = table(
        ("Header", "Value"),
        ([escape(name), escape(str(value))] for name, value in mail.message.items()),
        "none",
    )
    return page(
        mail.subject or "(no subject)",
        f"<p>{escape(mail.sender)} to {escape(', '.join(mail.recipients))}, {_moment(mail.received_at)}</p>"
        f"<h2>HTML part</h2>{html}<h2>Text part</h2>{text}<h2>Headers</h2>{headers}",
    )
