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


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("cron(0 7 * * *)", "cron has 6 fields, and this has 5"),
        ("rate(0 minutes)", "the number '0' must be between 1 and 9999999"),
        ("rate(05 minutes)", "the number '05' must be between 1 and 9999999, without zeros in front"),
        ("rate(5 seconds)", "the unit 'seconds' must be minutes, hours or days"),
        ("rate(1 minutes)", "write 'rate(1 minute)' for one"),
        ("rate(5)", "'rate(5)' is not a rate: write 'rate(5 minutes)'"),
        ("cron(0 0 ? * FRI-MON *)", "weekday 'FRI-MON' runs backwards: write FRI-SAT,SUN-MON"),
        ("cron(50-10 0 * * ? *)", "minute '50-10' runs backwards: write 50-59,0-10"),
        ("cron(*/0 0 * * ? *)", "minute '*/0' has the step 0, which must be between 1 and 59"),
        ("cron(0 0/90 * * ? *)", "hour '0/90' has the step 90, which must be between 1 and 23"),
        ("cron(0 0 1,L * ? *)", "day '1,L' has L or W, which must stand alone: write L, LW, or 1W to 31W"),
        ("cron(0 0 L-3 * ? *)", "day 'L-3' has L or W"),
        ("cron(0 0 ? * 3#6 *)", "weekday '3#6' has L or #, which must stand alone"),
        ("cron(0, 0 * * ? *)", "minute '0,' has a part '' that is not valid: write a number, a range"),
        ("cron(1e1 0 * * ? *)", "minute '1e1' is not a number"),
        ("cron(0 0 ? * XYZ *)", "weekday 'XYZ' is not a number, nor one of SUN, MON"),
    ],
)
def test_what_is_wrong_is_said(expression: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(expression)
    assert message in str(refused.value)


def test_names_may_be_in_small_letters() -> None:
    assert parse("cron(0 0 ? jan-feb mon *)").next_after(NOW) == datetime(2027, 1, 4, tzinfo=UTC)


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
