"""Whether the database has a connection for each process that a function may have."""

from local.services.postgres import MAX_CONNECTIONS
from local.template import reader
from local.template.model import DEFAULT_CONCURRENCY
from tests.support.stack_process import ROOT

FUNCTIONS = reader.read(ROOT / "template.yaml", aws_port=1).functions
RESERVED_FOR_SUPERUSERS = 3


def test_every_process_of_a_function_finds_a_connection() -> None:
    wanted = sum(function.reserved_concurrency or DEFAULT_CONCURRENCY for function in FUNCTIONS)
    assert wanted <= MAX_CONNECTIONS - RESERVED_FOR_SUPERUSERS
