"""The fixtures that authors of jobs use, on the PostgreSQL that all tests share."""

from tests.jobs.conftest import job_tester, slowmatch_database, slowmatch_postgres, slowmatch_template

__all__ = ["job_tester", "slowmatch_database", "slowmatch_postgres", "slowmatch_template"]
