"""`make screenshots`: screenshots of the console for the docs, from a separate stack after a busy month.

The main pages are also taken at four widths, light and dark, into a folder that Git ignores: to be looked at.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from local.environment import Folders, Ports
from local.seed import records
from tests.browser import chromium
from tests.browser.run_factory import RunFactory
from tests.browser.tabs import PHONE, Tabs
from tests.support.stack_process import ROOT, Stack, running

FOLDER = ROOT / "docs" / "screenshots"
TO_LOOK_AT = ROOT / ".slowmatch" / "screenshots"
WIDTHS = (360, 768, 1280, 1920)
PAGES = (
    *("/dashboard", "/dashboard/failing", "/dashboard/upcoming", "/dashboard/failed", "/dashboard/scheduled"),
    *(
        "/dashboard/schedules",
        "/dashboard/schedules/summary-for-berlin",
        "/dashboard/new-schedule",
        "/dashboard/workers",
        "/dashboard/activity",
        "/jobs",
        "/jobs/record-expiry",
    ),
    *("/runs/{failed}", "/records", "/records/import"),
)
ROWS, RUNS = 4_000, 12_000
WINDOW = {"width": 1120, "height": 690}
LOG = (
    ("INFO", "4,000 records are in the database, 212 expired longer ago than 30 days"),
    ("WARNING", "batch 3 waited 4.1 s for a lock"),
    ("ERROR", "the database went away in the middle of batch 4"),
)


@dataclass(frozen=True)
class Shot:
    """A screenshot. `path` may contain the name of a run from `make_data`."""

    name: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)


SHOTS = (
    Shot("dashboard", "/dashboard"),
    Shot("jobs", "/jobs"),
    Shot("run", "/runs/{failed}"),
    Shot("records", "/records"),
    Shot("analytics", "/dashboard/analytics?window=7d"),
    Shot("failing", "/dashboard/failing"),
    Shot("upcoming", "/dashboard/upcoming"),
    Shot("failed-dark", "/dashboard/failed", {"color_scheme": "dark"}),
    Shot("phone", "/dashboard", {"viewport": PHONE, "is_mobile": True, "has_touch": True}),
)


def main() -> int:
    path = chromium.executable()
    if path is None:
        print(chromium.MISSING, file=sys.stderr)
        return 1
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as stack,
        chromium.launched(path) as browser,
    ):
        runs = make_data(stack)
        for shot in SHOTS:
            take(browser, stack, shot, runs)
        TO_LOOK_AT.mkdir(parents=True, exist_ok=True)
        for shot in at_every_width():
            take(browser, stack, shot, runs, TO_LOOK_AT)
    return 0


def at_every_width() -> Iterator[Shot]:
    for path, width, scheme in product(PAGES, WIDTHS, ("light", "dark")):
        name = path.strip("/").replace("/", "-").format(failed="failed")
        options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
        yield Shot(f"{name}-{width}-{scheme}", path, options)


def make_data(stack: Stack) -> dict[str, str]:
    """Seed a busy month and start some runs now. Returns ids of runs by name."""
    rows = ["--rows", str(ROWS), "--runs", str(RUNS)]
    where = ["--port", str(stack.port), "--data", str(stack.data)]
    subprocess.run([sys.executable, "-m", "local", "seed", *where, *rows], cwd=ROOT, check=True)
    stack.add_record("Insurance of the van", timedelta(hours=3))
    stack.add_record("Certificate of status.example.com", timedelta(hours=20))
    with records.connect(Ports(stack.port), Folders(stack.data)) as con:
        run_factory = RunFactory(con)
        error = "Unavailable: the server closed the connection unexpectedly"
        given = {"job": "db-cleanup", "error": error, "by": "ada@example.com", "lines": LOG}
        failed = run_factory.make(
            "failed", retries=10, ago=timedelta(minutes=12), payload={"older_than_days": 30}, **given
        )
        run_factory.make(
            "processing", job="record-expiry", ago=timedelta(seconds=40), progress={"done": 61, "total": 96}
        )
    summary = {"job": "daily-summary", "expression": "cron(0 7 * * ? *)", "time_zone": "Europe/Berlin"}
    stack.call("PUT", "/api/schedules/summary-for-berlin", summary)
    stack.dispatch()
    stack.wait(stack.trigger("record-expiry")["id"], "succeeded")
    for _ in range(6):
        stack.wait(stack.trigger("db-cleanup", payload={"dry_run": True})["id"], "succeeded")
    return {"failed": failed}


def take(browser: Browser, stack: Stack, shot: Shot, runs: dict[str, str], folder: Path = FOLDER) -> None:
    tabs = Tabs(browser, stack.address, {})
    page = tabs.open(shot.path.format(**runs), **({"viewport": WINDOW} | shot.options))
    page.wait_for_load_state("networkidle")
    page.evaluate("document.documentElement.style.scrollbarGutter = 'auto'")  # no scrollbar is in the picture
    picture = folder / f"{shot.name}.png"
    page.screenshot(path=picture)
    tabs.close()
    print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
