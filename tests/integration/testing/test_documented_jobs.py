"""Every block of code in docs/jobs.md does what the page says."""

import dataclasses
import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.services import job_secrets
from local.template import yaml_tags
from local.template.job_check import columns
from local.testing import JobTester
from local.testing.postgres import Postgres
from slowmatch.jobs import JOBS, Job
from slowmatch.jobs.fields import Field
from slowmatch.jobs.worker.handler import JobFunction
from tests.sam.template import ROOT

PAGE = (ROOT / "docs" / "jobs.md").read_text(encoding="utf-8")


def blocks(language: str) -> dict[str, list[str]]:
    """The blocks of code in this language, by the heading above them."""
    headings = [*re.finditer(r"(?m)^##+ (.+)$", PAGE), None]
    return {
        start[1]: found
        for start, end in pairwise(headings)
        if start and (found := _blocks(language, PAGE[start.end() : end.start() if end else len(PAGE)]))
    }


def _blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


PYTHON = blocks("python")
(JOB_FILE,), (APP_FILE,), (TEST_FILE, CONFTEST_FILE) = PYTHON["job.py"], PYTHON["app.py"], PYTHON["Tests"]


def execute(block: str, **known: Any) -> dict[str, Any]:
    """The names that a block defines, given those that it takes from the text around it."""
    exec(compile(block, "docs/jobs.md", "exec"), known)
    return known


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Job:
    found: Job = execute(JOB_FILE)["JOB"]
    monkeypatch.setitem(JOBS, found.name, found)
    return found


def enqueued(job_tester: JobTester) -> list[Any]:
    return job_tester.query("SELECT job, payload FROM job_run WHERE state = 'enqueued'")


def test_every_block_of_python_is_executed_here() -> None:
    assert list(PYTHON) == [
        "job.py",
        "app.py",
        "Batches",
        "Enqueue many runs",
        "Tests",
        "Enqueue from other code",
        "Schedules made at run time",
        "Long work",
        "Chains",
    ]
    assert sum(map(len, PYTHON.values())) == PAGE.count("```python\n") == 12


def test_job_and_its_test_pass_in_a_folder_of_their_own(tmp_path: Path) -> None:
    """With nothing but PYTHONPATH, as in a test suite of somebody else."""
    folder = tmp_path / "functions" / "expiry_webhook"
    folder.mkdir(parents=True)
    for file, text in {
        folder / "__init__.py": "",
        folder / "job.py": JOB_FILE,
        folder / "app.py": APP_FILE,
        tmp_path / "conftest.py": CONFTEST_FILE,
        tmp_path / "test_expiry_webhook.py": TEST_FILE,
    }.items():
        file.write_text(text)
    for part in ("layers", "local"):
        (tmp_path / part).symlink_to(ROOT / part)
    path = os.pathsep.join(str(tmp_path / each) for each in (".", "functions", "layers/common"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.usefixtures("job")
def test_run_is_enqueued_in_the_transaction_of_other_code(job_tester: JobTester) -> None:
    execute(PYTHON["Enqueue from other code"][0])
    assert enqueued(job_tester) == [["expiry-webhook", {"days": 30}]]
    assert job_tester.query("SELECT title FROM record") == [["Passport"]]


@pytest.mark.usefixtures("job")
def test_run_is_enqueued_on_a_connection_of_other_code(
    job_tester: JobTester, slowmatch_postgres: Postgres, slowmatch_database: str
) -> None:
    connection = slowmatch_postgres.connect(slowmatch_database)
    execute(PYTHON["Enqueue from other code"][1], connection=connection)
    connection.close()
    assert enqueued(job_tester) == [["expiry-webhook", {"days": 30}]]


@pytest.mark.usefixtures("job")
def test_schedule_is_put_in_the_transaction_of_other_code(job_tester: JobTester) -> None:
    execute(PYTHON["Schedules made at run time"][0])
    assert job_tester.query("SELECT name, job, payload, time_zone, enabled FROM job_schedule") == [
        ["passports-every-morning", "expiry-webhook", {"days": 30}, "Europe/Berlin", True]
    ]


def test_many_runs_are_enqueued_and_handled_in_bulk(
    job_tester: JobTester, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_file, app_file = PYTHON["Batches"]
    imported: Job = execute(job_file)["JOB"]
    monkeypatch.setitem(JOBS, imported.name, imported)
    job_tester.query("CREATE TABLE price (item text, price numeric)")
    rows = [("a", 1), ("b", -2), ("c", 3)]
    execute(PYTHON["Enqueue many runs"][0], con=job_tester.con, rows=rows)
    assert [payload for _, payload in enqueued(job_tester)] == [{"item": i, "price": p} for i, p in rows]
    handler = execute(app_file)["handler"]
    done = job_tester.perform_batch(handler, [{"item": item, "price": price} for item, price in rows])
    assert [attempt.state for attempt in done] == ["succeeded", "failed", "succeeded"]
    assert done[0].log == [("INFO", "imported a")]
    assert job_tester.query("SELECT item FROM price ORDER BY item") == [["a"], ["c"]]


def test_long_work_goes_on_where_its_time_was_up(job_tester: JobTester, job: Job) -> None:
    posted: list[Any] = []
    block = execute(PYTHON["Long work"][0], post=lambda url, token, rows: posted.extend(rows))
    function = JobFunction(job, block["post_all"])
    job_tester.query(
        "INSERT INTO record (title, expiry_date) SELECT n, now() FROM generate_series(1, 250) AS n"
    )
    settings = {"WEBHOOK_URL": "https://example.com", "WEBHOOK_TOKEN": "token"}
    first = job_tester.perform(function, settings=settings, secrets={"token": "s3cret"}, time_up_at=2)
    assert (first.state, first.cursor) == ("enqueued", {"posted": 200, "last": 200})
    assert job_tester.resume(function, first).result == {"posted": 250}
    assert len(posted) == len({number for number, _ in posted}) == 250


def test_repeated_link_of_a_chain_enqueues_nothing_twice(job_tester: JobTester, job: Job) -> None:
    extend_and_post = execute(PYTHON["Chains"][0])["extend_and_post"]

    def die_after_the_commit(context: Any) -> None:
        extend_and_post(context)
        raise RuntimeError("killed")

    settings = {"WEBHOOK_URL": "https://example.com", "WEBHOOK_TOKEN": "token"}
    first = job_tester.perform(JobFunction(job, die_after_the_commit), settings=settings)
    assert [run.payload for run in first.enqueued] == [{"days": 365}]
    assert job_tester.resume(JobFunction(job, extend_and_post), first).enqueued == []


def test_row_fits_the_template_and_the_job(job: Job) -> None:
    row = yaml.safe_load(blocks("yaml")["The row in template.yaml"][0])["ExpiryWebhook"]
    assert row.keys() <= columns(yaml_tags.load(ROOT / "template.yaml"))
    assert job.read_settings(row["Settings"])["WEBHOOK_TOKEN"] == "webhook-token"


def test_policy_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "template.yaml").write_text(f"Resources:\n{blocks('yaml')['Permissions'][0]}")
    (policy,) = yaml_tags.load(tmp_path / "template.yaml")["Resources"].values()
    assert policy["Properties"]["Roles"] == [{"Ref": "ExpiryWebhookFunctionRole"}]


def test_tables_are_complete() -> None:
    rows = set(re.findall(r"(?m)^\| `(\w+)` \|", PAGE))
    assert {field.name for field in dataclasses.fields(Job)} <= rows
    assert {kind.__name__ for kind in Field.__subclasses__()} <= rows
    assert columns(yaml_tags.load(ROOT / "template.yaml")) <= rows


def test_file_of_secrets_is_read(tmp_path: Path) -> None:
    ((document,),) = blocks("json").values()
    (tmp_path / "job-secrets.json").write_text(document)
    assert list(job_secrets.read(tmp_path / "job-secrets.json")) == [
        "slowmatch/jobs/expiry-webhook/webhook-token"
    ]
