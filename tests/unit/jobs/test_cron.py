"""EventBridge's expressions, as its documentation explains them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from slowmatch.jobs.cron import parse

NOW = datetime(2026, 11, 24, 8, 20, 30, tzinfo=UTC)  # a Tuesday


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 2 * * ? *)", "2026-11-25T02:00"),
        ("cron(0/5 * * * ? *)", "2026-11-24T08:25"),
        ("cron(20 8 * * ? *)", "2026-11-25T08:20"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-24T18:00"),
        ("cron(0 8 1 * ? *)", "2026-12-01T08:00"),
        ("cron(0 0 L * ? *)", "2026-11-30T00:00"),
        ("cron(0 0 LW 1 ? *)", "2027-01-29T00:00"),
        ("cron(0 0 15W 8 ? *)", "2027-08-16T00:00"),
        ("cron(0 0 1W 5 ? *)", "2027-05-03T00:00"),
        ("cron(0 0 ? * 6#3 *)", "2026-12-18T00:00"),
        ("cron(0 0 31W * ? *)", "2026-12-31T00:00"),
        ("cron(0 0 ? * 2#2 *)", "2026-12-14T00:00"),
        ("cron(0 0 ? * 2L *)", "2026-11-30T00:00"),
        ("cron(0 0 ? 8 TUEL *)", "2027-08-31T00:00"),
        ("cron(0 0 ? * L *)", "2026-11-28T00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00"),
        ("cron(15,45 8-10/2 * JAN,NOV ? 2026-2027)", "2026-11-24T08:45"),
        ("rate(1 minute)", "2026-11-24T08:21"),
        ("rate(5 minutes)", "2026-11-24T08:25"),
        ("rate(1 hour)", "2026-11-24T09:00"),
        ("rate(1 day)", "2026-11-25T00:00"),
    ],
)
def test_the_next_firing(expression: str, expected: str) -> None:
    assert parse(expression).next_after(NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("expression", ["cron(0 0 1 1 ? 2020)", "cron(0 0 30 2 ? 2027)", "rate(900000 days)"])
def test_a_schedule_may_never_fire_again(expression: str) -> None:
    assert parse(expression).next_after(NOW) is None


def test_the_firings_between_two_moments() -> None:
    hourly = parse("cron(0 * * * ? *)")
    on_the_hour = NOW.replace(minute=0, second=0)
    assert [at.hour for at in hourly.between(on_the_hour, on_the_hour.replace(hour=11))] == [9, 10, 11]


def test_an_expression_is_about_utc_whatever_the_offset_of_the_moment() -> None:
    nepal = timezone(timedelta(hours=5, minutes=45))
    assert parse("cron(0/30 8 * * ? *)").next_after(NOW.astimezone(nepal)) == NOW.replace(minute=30, second=0)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "cron()",
        "cron(0 2 * * *)",
        "cron(0 2 * * * *)",
        "cron(0 2 ? * ? *)",
        "cron(60 2 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0 0 ? * XYZ *)",
        "cron(0 0 ? * XYZL *)",
        "cron(0 0 ? * XYZ#2 *)",
        "cron(0 0 * FOO ? *)",
        "cron(5-1 0 * * ? *)",
        "cron(*/0 0 * * ? *)",
        "cron(a b * * ? *)",
        "rate(5 minute)",
        "rate(1 minutes)",
        "rate(0 minutes)",
        "rate(5 weeks)",
        "every day",
    ],
)
def test_what_eventbridge_refuses_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        parse(expression)
