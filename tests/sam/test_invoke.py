"""Every function with every sample event, in Docker, against the backing services.

Two functions at a time; the samples of one function in turn, since its runs exclude each other. What people
invoke by hand goes through `sam local invoke`. Of the many requests to the API one of each function does: the
others are sent to `sam local start-lambda`, which keeps the container.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sam import backing, template
from tests.sam.backing import Backing
from tests.sam.invoking import Functions, Outcome, sam_local_invoke
from tests.sam.template import ROOT

EVENTS = ROOT / "events"
FUNCTION_OF = {template.folder(function): function for function in template.functions()}
JOB_OF = {template.folder(function): job for function, job in template.job_functions().items()}
APIS = [template.folder(function) for function in template.api_functions()]
SAMPLES = sorted(path for folder in FUNCTION_OF for path in (EVENTS / folder).glob("*.json"))
MIGRATION = EVENTS / "migrate" / "direct.json"
REQUESTS = {
    EVENTS / "records_api/create.json",
    EVENTS / "jobs_api/list-jobs.json",
    EVENTS / "console/jobs-page.json",
}
# Each list is worked off in its order: a health check wants a dispatcher that was there.
SHARES = (
    ["dispatcher", "notifier", *list(JOB_OF)[::2], "jobs_api"],
    ["migrate", *list(JOB_OF)[1::2], "records_api", "console"],
)
SAMPLE_RUN = "019bbfce-8c00-7d3a-9c41-5be0a1f2c3d4"
STATE_OF_RUN = {"run-now-one": "scheduled"} | dict.fromkeys(
    ("requeue-one", "requeue-ids", "change-run", "change-runs"), "deleted"
)
STATUS = {"create": 201, "delete": 204, "stop-one": 409} | dict.fromkeys(
    ("trigger-run", "trigger-runs", "requeue-one", "run-now-one", "delete-one", "run-schedule"), 202
)
STATUS |= {"put-schedule": 201, "delete-schedule": 204}


LEADING = {
    "home",
    "dashboard-recurring",
    "hangfire",
    "hangfire-pages",
    "no-page",
    "sign-in",
    "sign-in-callback",
}
LEADING |= {"sign-out", "resume-job", "change-run"}  # forms without fields


@pytest.fixture(scope="module")
def outcomes(
    migrated: Backing, migration: Outcome, functions: Functions, tmp_path_factory: pytest.TempPathFactory
) -> dict[Path, Outcome]:
    session = Session(migrated, functions, tmp_path_factory.mktemp("events"))
    prepared = {path: session.prepare(path) for path in SAMPLES}
    assert len(prepared) == len(SAMPLES)
    done = {MIGRATION: migration}
    with ThreadPoolExecutor(len(SHARES)) as pool:
        for share in pool.map(session.share, SHARES):
            done |= share
    return done


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample_is_answered(path: Path, outcomes: dict[Path, Outcome]) -> None:
    outcome = outcomes[path]
    value = outcome.value
    if path.parent.name in APIS:
        assert value["statusCode"] == _status(path), value.get("body")
    elif path.stem.startswith("sqs-"):
        assert value == {"batchItemFailures": []}, outcome.log
    elif path.parent.name in JOB_OF:
        assert value["job"] == JOB_OF[path.parent.name], value
        assert value["state"] == "succeeded", value
    else:
        assert "errorType" not in value, value


def test_the_migrations_are_applied_once(outcomes: dict[Path, Outcome]) -> None:
    applied = outcomes[MIGRATION].value["applied"]
    assert len(applied) == len(list((ROOT / "layers/common/slowmatch/db/migrations").glob("*.sql")))
    assert outcomes[EVENTS / "migrate" / "status.json"].value == {"pending": []}


def test_the_summary_was_mailed(outcomes: dict[Path, Outcome], services: Backing) -> None:
    assert outcomes
    assert services.mails


class Session:
    """Invokes samples; `folder` holds the events that were made to point at runs that exist."""

    def __init__(self, services: Backing, functions: Functions, folder: Path) -> None:
        self._services = services
        self._functions = functions
        self._folder = folder

    def share(self, folders: list[str]) -> dict[Path, Outcome]:
        return {
            path: self._invoke(path) for folder in folders for path in _in_order(folder) if path != MIGRATION
        }

    def prepare(self, path: Path) -> Path:
        """The event as it is invoked: a run that exists in place of the sample's."""
        text = path.read_text(encoding="utf-8")
        if SAMPLE_RUN in text:
            job = JOB_OF.get(path.parent.name, "db-cleanup")
            state = STATE_OF_RUN.get(path.stem, "enqueued")
            text = text.replace(SAMPLE_RUN, backing.prepared_run(job, state))
        prepared = self._event(path)
        prepared.write_text(text, encoding="utf-8")
        return prepared

    def _event(self, path: Path) -> Path:
        return self._folder / f"{path.parent.name}-{path.name}"

    def _invoke(self, path: Path) -> Outcome:
        function, event = FUNCTION_OF[path.parent.name], self._event(path)
        if path.parent.name in APIS and path not in REQUESTS:
            return self._functions.invoke(function, event)
        return sam_local_invoke(self._services, function, event)


OF_THE_CONSOLE = {
    "change-record": 409,  # its version is that of no record
    "import-records": 200,
    "search": 303,
    "unmute-job": 303,
} | dict.fromkeys(
    ["bulk-action", "change-bulk-action", "continue-change-records"]
    + [f"failing-{step}" for step in ("acknowledge", "delete", "retry", "undo")],
    404,  # they name what only a real stack has
)


def _status(path: Path) -> int:
    """Forms of the console lead on to a page, and so do its short ways in."""
    if path.parent.name != "console":
        return STATUS.get(path.stem, 200)
    if path.stem in OF_THE_CONSOLE:
        return OF_THE_CONSOLE[path.stem]
    leads_on = '"body"' in path.read_text(encoding="utf-8") or path.stem in LEADING
    return 303 if leads_on else 200


def _in_order(folder: str) -> list[Path]:
    """As the names sort, but nothing is looked at or changed before it was made, or after it was deleted."""
    first = ("create", "create-record", "create-schedule", "direct", "put-schedule")
    last = ("delete", "delete-record", "delete-schedule")
    paths = sorted((EVENTS / folder).glob("*.json"))
    return sorted(paths, key=lambda path: (path.stem in last) - (path.stem in first))
