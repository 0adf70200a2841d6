"""Which role a job asks for."""

from slowmatch.http.auth.identity import Role
from slowmatch.jobs.catalog import JOBS


def role_of(job: str) -> Role:
    """Who may start `job`, and start its runs again; a job that was taken out of the catalog is like most."""
    spec = JOBS.get(job)
    return Role[spec.role.upper()] if spec else Role.OPERATOR
