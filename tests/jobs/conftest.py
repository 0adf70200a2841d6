from slowmatch.testing.fixtures import job_tester, slowmatch_database, slowmatch_postgres, slowmatch_template

__all__ = ["job_tester", "slowmatch_database", "slowmatch_postgres", "slowmatch_template"]
