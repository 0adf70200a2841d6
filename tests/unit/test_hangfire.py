"""docs/hangfire.md points at what there is: a route of the code, a test in the browser."""

import re
from functools import cache

import pytest

from tests.sam import routes
from tests.sam.template import ROOT

TEXT = (ROOT / "docs" / "hangfire.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`]+)`", TEXT)
TESTS = sorted({name for name in CODE if name.startswith("test_")})
PATHS = sorted({name for name in CODE if name.startswith("/")})
ROUTES = {route.path for _, route in routes.all_of_code()}
PICTURE_BYTES = 150 * 1024


@cache
def shown() -> set[str]:
    """The tests in the browser, and of the whole stack for what no page shows."""
    files = [path for folder in ("browser", "stack") for path in (ROOT / "tests" / folder).glob("test_*.py")]
    return {name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}


def rows() -> list[list[str]]:
    """The cells of every row of every table, the headings left out."""
    lines = [line for line in TEXT.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        row for row, after in zip(cells, [*cells[1:], [""]], strict=True) if "---" not in row[0] + after[0]
    ]


@pytest.mark.parametrize("name", TESTS)
def test_every_test_that_is_named_exists(name: str) -> None:
    assert name in shown()


@pytest.mark.parametrize("path", PATHS)
def test_every_path_that_is_named_is_a_route(path: str) -> None:
    named = {re.sub(r"\{\w+\}", "[^/]+", route) for route in ROUTES if not route.endswith(".*")}
    assert any(re.fullmatch(pattern, path) for pattern in named)


def test_every_row_names_a_test_or_has_no_counterpart() -> None:
    assert [row for row in rows() if "`test_" not in row[-1] and row[1] != "-"] == []


@pytest.mark.parametrize(
    "picture", sorted((ROOT / "docs/screenshots").glob("*.png")), ids=lambda path: path.name
)
def test_a_picture_is_small_enough_to_be_kept_here(picture: object) -> None:
    assert 0 < (ROOT / str(picture)).stat().st_size < PICTURE_BYTES
