"""The mutants can be applied; `make mutants` runs them."""

import pytest

from tests.mutants.mutant import Mutant, read_all


@pytest.mark.parametrize("mutant", read_all(), ids=lambda mutant: mutant.rule)
def test_a_mutant_can_be_applied(mutant: Mutant) -> None:
    assert mutant.problem() is None
