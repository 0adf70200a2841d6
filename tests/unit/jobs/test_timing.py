"""Schedules fire by the clocks of their zone, over twenty years of clock changes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from slowmatch.jobs.schedules.timing import ScheduleError, parse

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"]
FIRST, LAST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def clock_changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The days in twenty years after whose beginning the clocks of the zone changed."""
    at = FIRST
    while at < LAST:
        if at.astimezone(zone).utcoffset() != (at + timedelta(days=1)).astimezone(zone).utcoffset():
            yield at
        at += timedelta(days=1)


def first_shown(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Each quarter of an hour that the clocks of the zone show in (start, end], the first time that they do."""
    shown: dict[datetime, datetime] = {}
    at = start - timedelta(days=1)
    while at < end:
        at += timedelta(minutes=15)
        shown.setdefault(at.astimezone(zone).replace(tzinfo=None), at)
    return [at for at in shown.values() if at > start]


@pytest.mark.parametrize("zone", ZONES)
def test_every_local_time_fires_the_first_time_only(zone: str) -> None:
    schedule, place = parse("cron(0/15 * * * ? *)", zone), ZoneInfo(zone)
    for day in clock_changes(place):
        start, end = day - timedelta(days=1), day + timedelta(days=2)
        assert [*schedule.between(start, end)] == first_shown(place, start, end)


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [("Europe/Berlin", "2026-10-25T00:00Z"), ("Australia/Lord_Howe", "2026-04-04T14:00Z")],
)
def test_the_next_time_is_later_than_every_minute_of_a_repeated_hour(zone: str, midnight: str) -> None:
    schedule, start = parse("cron(0/15 * * * ? *)", zone), datetime.fromisoformat(midnight)
    shown = first_shown(ZoneInfo(zone), start, start + timedelta(hours=4))
    for moment in (start + timedelta(minutes=minute) for minute in range(180)):
        assert schedule.next_after(moment) == next(at for at in shown if at > moment)


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_schedule_fires_on_every_day_of_twenty_years(zone: str) -> None:
    times = parse("cron(0 12 * * ? *)", zone).between(FIRST, LAST)
    days = [at.astimezone(ZoneInfo(zone)).date() for at in times]
    missing = {days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days)} - {*days}
    assert missing == ({date(2011, 12, 30)} if zone == "Pacific/Apia" else set())
    assert len({*days}) == len(days)


@pytest.mark.parametrize(
    ("zone", "clock", "day", "fires"),
    [
        ("Europe/Berlin", "2:30", date(2026, 3, 29), []),
        ("Europe/Berlin", "2:30", date(2026, 10, 25), ["00:30"]),
        ("America/New_York", "2:30", date(2026, 3, 8), []),
        ("America/New_York", "1:30", date(2026, 11, 1), ["05:30"]),
        ("Australia/Lord_Howe", "2:15", date(2026, 10, 4), []),
        ("Australia/Lord_Howe", "1:45", date(2026, 4, 5), ["14:45"]),
        ("Africa/Casablanca", "2:30", date(2026, 2, 15), ["01:30"]),
        ("Africa/Casablanca", "2:30", date(2026, 3, 22), []),
        ("Pacific/Apia", "7:00", date(2011, 12, 30), []),
    ],
)
def test_skipped_and_repeated_times(zone: str, clock: str, day: date, fires: list[str]) -> None:
    hour, minute = clock.split(":")
    schedule = parse(f"cron({minute} {hour} {day.day} {day.month} ? {day.year})", zone)
    assert [f"{at:%H:%M}" for at in islice(schedule.between(FIRST, LAST), 3)] == fires


def test_start_and_end_bound_the_times() -> None:
    start, end = datetime(2026, 5, 2, 5, tzinfo=UTC), datetime(2026, 5, 4, 5, tzinfo=UTC)
    schedule = parse("cron(0 7 * * ? *)", "Europe/Berlin", start, end)
    assert [at.day for at in schedule.between(FIRST, LAST)] == [2, 3]
    assert schedule.includes(start) and not schedule.includes(end)
    assert not schedule.includes(start - timedelta(days=1))


def test_a_rate_includes_every_time_from_start_to_end() -> None:
    schedule = parse("rate(2 hours)", "UTC", FIRST, LAST)
    assert schedule.includes(FIRST) and schedule.includes(FIRST + timedelta(minutes=7))
    assert not schedule.includes(LAST) and not schedule.includes(FIRST - timedelta(minutes=1))


def test_a_single_time_is_by_the_clocks_of_its_zone() -> None:
    schedule = parse("at(2026-12-24T07:00:00)", "America/New_York")
    assert [*schedule.between(FIRST, LAST)] == [datetime(2026, 12, 24, 12, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("cron(0 7 * * ? *)", "every day at 07:00 Europe/Berlin"),
        ("cron(0 9-17 ? * MON-FRI *)", "every hour from 09:00 to 17:00 Europe/Berlin, Monday to Friday"),
        ("cron(0 7 1 1 ? 2050)", "on the 1st of January 2050 at 07:00 Europe/Berlin"),
        ("rate(5 minutes)", "every 5 minutes"),
        ("at(2026-12-24T07:00:00)", "once, on 24 December 2026 at 07:00 Europe/Berlin"),
    ],
)
def test_words_name_the_zone(expression: str, words: str) -> None:
    assert parse(expression, "Europe/Berlin").describe() == words


@pytest.mark.parametrize(
    ("zone", "message"),
    [
        (
            "Mars/Olympus",
            "'Mars/Olympus' is not a time zone: write the name of a place, such as Europe/Berlin",
        ),
        ("europe/berlin", "'europe/berlin' is not a time zone: did you mean Europe/Berlin"),
        ("utc", "did you mean UTC"),
        ("Etc/UTC", "'Etc/UTC' is not a time zone: did you mean UTC"),
        ("GMT", "did you mean UTC"),
        ("berlin", "did you mean Europe/Berlin"),
        ("Berln", "did you mean Europe/Berlin"),
        ("New York", "did you mean America/New_York"),
        ("ROME", "did you mean Europe/Rome"),
        ("Europe/Berln", "did you mean Europe/Berlin"),
        ("EST5EDT", "'EST5EDT' is an abbreviation: write the name of a place"),
        ("+02:00", "'+02:00' is an offset, which does not follow daylight saving"),
        ("UTC+2", "is an offset"),
        ("Etc/GMT-2", "is an offset"),
        ("", "'' is not a time zone"),
        ("../Europe/Berlin", "is not a time zone"),
    ],
)
def test_a_wrong_zone_is_refused_with_the_remedy(zone: str, message: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse("cron(0 7 * * ? *)", zone)
    assert refused.value.field == "time_zone" and message in refused.value.message


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "'' is not a schedule: write 'at(2026-12-24T07:00:00)', 'rate(5 minutes)' or 'cron("),
        ("@daily", "write 'at(2026-12-24T07:00:00)'"),
        ("AT(2026-12-24T07:00:00)", "write 'at(2026-12-24T07:00:00)'"),
        ("0 7 * * *", "year)'; cron has 6 fields, and this has 5"),
        ("cron(0 25 * * ? *)", "hour '25' must be between 0 and 23"),
        ("cron(0 7 * * * *)", "exactly one of day and weekday must be '?'"),
        ("at(2026-12-24T07:00)", "write a whole minute, such as at(2026-12-24T07:00:00)"),
        ("at(2026-12-24T07:00:30)", "write a whole minute"),
        ("at(2026-02-30T07:00:00)", "is not a time"),
        ("at(2026-03-29T02:30:00)", "02:30 on 2026-03-29 does not exist in Europe/Berlin"),
        ("cron(" + "0" * 300 + ")", "has 306 characters; at most 256 are allowed"),
    ],
)
def test_a_wrong_expression_is_refused_with_the_reason(expression: str, message: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(expression, "Europe/Berlin")
    assert refused.value.field == "expression" and message in refused.value.message


def test_the_end_must_be_later_than_the_start() -> None:
    with pytest.raises(ScheduleError, match=r"ends_at: .* must be later than starts_at"):
        parse("rate(5 minutes)", "UTC", LAST, FIRST)
