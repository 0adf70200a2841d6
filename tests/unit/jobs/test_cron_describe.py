"""Schedules in plain words."""

import pytest

from slowmatch.jobs import cron


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("cron(0 * * * ? *)", "every hour, on the hour"),
        ("cron(15 * * * ? *)", "every hour, 15 minutes past"),
        ("cron(1 * * * ? *)", "every hour, 1 minute past"),
        ("cron(0,30 * * * ? *)", "every hour, 0 and 30 minutes past"),
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
        ("rate(1 hour)", "every hour"),
        ("rate(5 minutes)", "every 5 minutes"),
    ],
)
def test_a_schedule_reads_as_a_person_would_say_it(expression: str, words: str) -> None:
    assert cron.describe(expression) == words


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 0 15W 8 ? *)",
        "cron(0/7 * * * ? *)",
        "cron(0 0/5 * * ? *)",
        "cron(0 0 1 * ? 2030)",
        "cron(0-10 2 * * ? *)",
        "cron(0-10 * * * ? *)",
        "cron(0 2-8/2 * * ? *)",
        "cron(0 0 1-5 * ? *)",
        "cron(0 2 ? * MON-FRI/2 *)",
        "monthly",
        "",
    ],
)
def test_what_has_no_short_words_stays_as_it_is_written(expression: str) -> None:
    assert cron.describe(expression) == expression
