"""The mutants can be applied; `make mutants` runs them."""

import pytest

from tests.mutants.catalog import MUTANTS
from tests.mutants.mutant import Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.rule)
def test_a_mutant_can_be_applied(mutant: Mutant) -> None:
    assert mutant.problem() is None
