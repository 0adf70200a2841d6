"""The form of JSON in answers."""

from datetime import datetime, timedelta, timezone

from slowmatch.http.encoding import json_body
from slowmatch.jobs.model import LogLine

NINE_IN_BERLIN = datetime(2026, 11, 24, 9, 0, 0, tzinfo=timezone(timedelta(hours=1)))


def test_a_body_has_no_spaces_and_ends_its_line() -> None:
    assert json_body({"a": [1, None], "b": "ü : ,"}) == '{"a":[1,null],"b":"ü : ,"}\n'


def test_a_text_that_looks_like_a_time_stays_as_it_is() -> None:
    assert json_body("2026-11-24T09:00:00+00:00") == '"2026-11-24T09:00:00+00:00"\n'


def test_a_dataclass_is_an_object() -> None:
    line = LogLine(id=1, attempt=1, at=NINE_IN_BERLIN, level="INFO", message="x")
    expected = '{"id":1,"attempt":1,"at":"2026-11-24T08:00:00Z","level":"INFO","message":"x"}\n'
    assert json_body(line) == expected
