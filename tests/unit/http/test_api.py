"""The resolver of the JSON APIs."""

import pytest

from slowmatch.http.api import Api


def test_a_middleware_that_would_not_be_called_is_refused() -> None:
    with pytest.raises(TypeError, match="middleware"):
        Api().use([lambda app, next_middleware: next_middleware(app)])
