"""Schedules in plain words."""

from collections import defaultdict
from itertools import product

import pytest

from slowmatch.jobs import cron
from slowmatch.jobs.cron_description import describe


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("cron(0 * * * ? *)", "every hour, on the hour"),
        ("cron(15 * * * ? *)", "every hour, 15 minutes past"),
        ("cron(1 * * * ? *)", "every hour, 1 minute past"),
        ("cron(0,30 * * * ? *)", "every 30 minutes"),
        ("cron(5,30 * * * ? *)", "every hour, 5 and 30 minutes past"),
        ("cron(0 0/6 * * ? *)", "every 6 hours, on the hour"),
        ("cron(* * * * ? *)", "every minute"),
        ("cron(0/1 * * * ? *)", "every minute"),
        ("cron(0/5 * * * ? *)", "every 5 minutes"),
        ("cron(*/5 * ? * MON-FRI *)", "every 5 minutes, Monday to Friday"),
        ("cron(0 2 * * ? *)", "every day at 02:00 UTC"),
        ("cron(0 6,18 * * ? *)", "every day at 06:00 and 18:00 UTC"),
        ("cron(30 7 ? * MON-FRI *)", "Monday to Friday at 07:30 UTC"),
        ("cron(30 7 ? * 2-6 *)", "Monday to Friday at 07:30 UTC"),
        ("cron(0 9 ? * SUN *)", "every Sunday at 09:00 UTC"),
        ("cron(0 9 ? * MON,WED,FRI *)", "every Monday, Wednesday and Friday at 09:00 UTC"),
        ("cron(0 8-17 ? * * *)", "every hour from 08:00 to 17:00 UTC"),
        ("cron(0 8 1 * ? *)", "on the 1st of every month at 08:00 UTC"),
        ("cron(0 8 1,15,22 * ? *)", "on the 1st, 15th and 22nd of every month at 08:00 UTC"),
        ("cron(0 8 2,3,12,31 * ? *)", "on the 2nd, 3rd, 12th and 31st of every month at 08:00 UTC"),
        ("cron(0,0,0 * * * ? *)", "every hour, on the hour"),
        ("cron(0 7,7 * * ? *)", "every day at 07:00 UTC"),
        ("cron(0 9 ? * FRI#2 *)", "on the second Friday of every month at 09:00 UTC"),
        ("cron(0 9 ? * 6L *)", "on the last Friday of every month at 09:00 UTC"),
        ("cron(0 9 ? * L *)", "every Saturday at 09:00 UTC"),
        ("cron(0 9 ? JAN-MAR MON *)", "every Monday from January to March at 09:00 UTC"),
        ("cron(0 9 ? 6,12 MON-FRI *)", "Monday to Friday in June and December at 09:00 UTC"),
        ("cron(30 2 28 3 ? *)", "on the 28th of every March at 02:30 UTC"),
        ("cron(0 9 1 JAN-MAR ? *)", "on the 1st of every month from January to March at 09:00 UTC"),
        ("cron(0/5 * * DEC ? *)", "every 5 minutes, every day in December"),
        ("cron(0 0 L * ? *)", "on the last day of every month at 00:00 UTC"),
        ("cron(0 0 LW * ? *)", "on the last weekday (Monday to Friday) of every month at 00:00 UTC"),
        (
            "cron(0 0 15W 8 ? *)",
            "on the weekday (Monday to Friday) nearest to the 15th of every August at 00:00 UTC",
        ),
        ("cron(0 0 1 * ? 2030)", "on the 1st of every month in 2030 at 00:00 UTC"),
        ("cron(0 0 1 3 ? 2030)", "on the 1st of March 2030 at 00:00 UTC"),
        ("cron(0 0 1 3 ? 2030,2032)", "on the 1st of every March in 2030 and 2032 at 00:00 UTC"),
        ("cron(0 0 1 JAN-MAR ? 2030)", "on the 1st of every month from January to March 2030 at 00:00 UTC"),
        ("cron(0 9 ? 3 MON 2030)", "every Monday in March 2030 at 09:00 UTC"),
        ("cron(0 9 ? * MON 2026-2031)", "every Monday from 2026 to 2031 at 09:00 UTC"),
        ("cron(0 9 ? * MON 2026/2)", "every Monday of every 2nd year from 2026 on at 09:00 UTC"),
        ("cron(0 0 1-5 * ? *)", "every day from the 1st to the 5th of every month at 00:00 UTC"),
        ("cron(0 2 ? * MON-FRI/2 *)", "every Monday, Wednesday and Friday at 02:00 UTC"),
        ("cron(0/7 * * * ? *)", "every hour, every 7 minutes from :00 to :56"),
        ("cron(0-10 2 * * ? *)", "every minute from 02:00 to 02:10 UTC"),
        ("cron(0-10 2,3 * * ? *)", "every minute from 02:00 to 02:10 and 03:00 to 03:10 UTC"),
        ("cron(*/5 8-17 ? * 2-6 *)", "every 5 minutes from 08:00 to 17:55 UTC, Monday to Friday"),
        ("cron(0,10,25 8-17 * * ? *)", "every hour from 08:00 to 17:25 UTC, 0, 10 and 25 minutes past"),
        ("cron(3,9 1,2,9 * * ? *)", "every day at 3 and 9 minutes past 01:00, 02:00 and 09:00 UTC"),
        ("cron(0 0/5 * * ? *)", "every 5 hours from 00:00 to 20:00 UTC"),
        ("cron(0 2-8/2 * * ? *)", "every 2 hours from 02:00 to 08:00 UTC"),
        ("cron(* */2 * * ? *)", "every 2 hours, every minute from :00 to :59"),
        ("rate(1 hour)", "every hour"),
        ("rate(5 minutes)", "every 5 minutes"),
    ],
)
def test_a_schedule_reads_as_a_person_would_say_it(expression: str, words: str) -> None:
    assert describe(expression) == words


@pytest.mark.parametrize("expression", ["monthly", "cron(0 0 1W,15W * ? *)", "rate(0 minutes)", ""])
def test_what_eventbridge_would_refuse_stays_as_it_is_written(expression: str) -> None:
    assert describe(expression) == expression


def test_different_schedules_have_different_words() -> None:
    by_words = defaultdict(set)
    fields = [
        *product(TIMES, ("* ?", "? MON-FRI"), "*", "*"),
        *product(("0 2", "*/5 *"), DAYS, MONTHS, YEARS),
    ]
    for time, days, month, year in fields:
        day, weekday = days.split()
        expression = f"cron({time} {day} {month} {weekday} {year})"
        words = describe(expression)
        assert "cron" not in words
        by_words[words].add(meaning(expression))
    assert {words for words, meanings in by_words.items() if len(meanings) > 1} == set()


def meaning(expression: str) -> tuple[object, ...]:
    """What an expression says, however it is written; its days as those of a year."""
    schedule = cron.parse(expression)
    days = tuple(tuple(schedule.days_of(2028, month)) for month in range(1, 13))
    return tuple(schedule.minutes), tuple(schedule.hours), days, tuple(schedule.months), tuple(schedule.years)


TIMES = (
    *("* *", "0 *", "1 *", "*/5 *", "1/5 *", "0/7 *", "0-10 *", "5,10 *", "1,2,9 *", "0-58 *", "59 *"),
    *("0 0", "0 23", "0,30 8", "* 2", "0-10 2", "3,9,50 1", "0 8-17", "0 8,10", "0 8-14/2", "0 0/6", "0 */5"),
    *("*/5 8-17", "0,10,25 8-17", "0-10 2,3", "* */2", "*/5 1/2", "3,9,50 1,2,9,11", "0/7 1,2,9,10,20"),
)
DAYS = (
    *(
        "* ?",
        "1 ?",
        "1-5 ?",
        "1/2 ?",
        "1,15,22 ?",
        "1-10,20 ?",
        "1-31 ?",
        "31 ?",
        "L ?",
        "LW ?",
        "1W ?",
        "15W ?",
    ),
    *("? *", "? MON-FRI", "? MON-FRI/2", "? SAT,SUN", "? L", "? 6L", "? FRI#1", "? fri#5", "? 1-7"),
)
MONTHS = ("*", "1", "jan-mar", "JAN,FEB", "6,12", "*/5", "1,3,5-9")
YEARS = ("*", "2030", "2030,2032", "2026-2031", "2026-2199", "2026/2", "2026-2040/2", "2199")
