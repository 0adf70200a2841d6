import io

from local.output import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_that_is_drawn_over() -> None:
    stream = Terminal()
    progress = Progress(100, "records", stream)
    progress.update(50)
    progress.update(100)
    first, second = stream.getvalue().removeprefix("\r").split("\r")
    assert first.startswith(f"[{'#' * 15}{'.' * 15}] 50 of 100 records")
    assert "left" in first
    assert second.startswith(f"[{'#' * 30}] 100 of 100 records")
    assert second.endswith("\n")


def test_elsewhere_a_line_comes_now_and_then_and_at_the_end() -> None:
    stream = io.StringIO()
    progress = Progress(2_000, "records", stream)
    progress.update(1_000)
    progress.update(2_000)
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("2,000 of 2,000 records")
    assert "done in" in line
