"""An occurrence is due by the schedule that was valid at its time."""

from datetime import UTC, datetime

from slowmatch.jobs.schedules.history import RuleState, add_look, due_occurrences

HOURLY, HALF_PAST = "cron(0 * * * ? *)", "cron(30 * * * ? *)"
TWICE = "cron(0,30 * * * ? *)"


def at(clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, 24, hour, minute, tzinfo=UTC)


def rule(schedule: str | None, first: str, last: str, enabled: bool = True) -> RuleState:
    return RuleState(schedule, enabled, at(first), at(last))


def occurrences(*history: RuleState, after: str = "00:00", until: str = "12:00") -> list[str]:
    return [f"{occurrence:%H:%M}" for occurrence in due_occurrences(history, at(after), at(until))]


def test_the_last_schedule_holds_on() -> None:
    assert occurrences(rule(HOURLY, "01:00", "02:00"), until="04:00") == ["02:00", "03:00", "04:00"]


def test_nothing_was_due_before_the_schedule_was_rule() -> None:
    assert occurrences(rule(HOURLY, "10:30", "10:35")) == ["11:00", "12:00"]


def test_each_occurrence_is_due_by_the_schedule_of_its_time() -> None:
    history = rule(HOURLY, "08:00", "10:10"), rule(HALF_PAST, "10:15", "11:40")
    assert occurrences(*history) == ["09:00", "10:00", "10:30", "11:30"]


def test_a_minute_before_the_change_of_its_rule_was_not_due() -> None:
    history = rule(HOURLY, "08:00", "10:40"), rule(HALF_PAST, "10:45", "11:00")
    assert occurrences(*history, after="10:00", until="10:50") == []


def test_between_two_looks_only_what_both_schedules_have_was_due() -> None:
    history = rule(HOURLY, "08:00", "09:45"), rule(TWICE, "10:45", "11:00")
    assert occurrences(*history, after="09:00", until="11:00") == ["10:00", "11:00"]


def test_nothing_is_due_while_the_rule_is_disabled_or_gone() -> None:
    history = (
        rule(HOURLY, "07:00", "08:10"),
        rule(HOURLY, "08:15", "09:10", enabled=False),
        rule(HOURLY, "09:15", "10:10"),
        rule(None, "10:15", "11:10"),
    )
    assert occurrences(*history) == ["08:00", "10:00"]


def test_occurrences_of_a_rate_or_of_nonsense_are_unknown() -> None:
    assert (
        occurrences(rule("rate(1 hour)", "01:00", "02:00"))
        == occurrences(rule("monthly", "01:00", "02:00"))
        == []
    )


def test_looking_again_extends_what_was_rule() -> None:
    history = [rule(HOURLY, "08:00", "08:05")]
    assert add_look(history, rule(HOURLY, "08:10", "08:10"), at("08:00")) == [rule(HOURLY, "08:00", "08:10")]


def test_an_older_look_takes_nothing_back() -> None:
    history = [rule(HOURLY, "08:10", "08:10")]
    assert add_look(history, rule(HOURLY, "08:05", "08:05"), at("08:00")) == history


def test_another_schedule_or_switch_is_kept_beside_the_one_before() -> None:
    history = [rule(HOURLY, "08:00", "08:05")]
    for found in (rule(HALF_PAST, "08:10", "08:10"), rule(HOURLY, "08:10", "08:10", enabled=False)):
        assert add_look(history, found, at("08:00")) == [*history, found]


def test_what_was_checked_is_forgotten() -> None:
    history = [
        rule(HOURLY, "08:00", "08:05"),
        rule(HALF_PAST, "08:10", "09:05"),
        rule(TWICE, "09:10", "09:10"),
    ]
    found = rule(TWICE, "09:15", "09:15")
    longer = rule(TWICE, "09:10", "09:15")
    assert add_look(history, found, at("08:09")) == [*history[:2], longer]
    assert add_look(history, found, at("08:10")) == [history[1], longer]
    assert add_look(history, found, at("09:10")) == [longer]


def test_it_is_kept_as_json() -> None:
    for each in (rule(HOURLY, "08:00", "08:05"), rule(None, "08:00", "08:05", enabled=False)):
        assert RuleState.from_json(each.to_json()) == each
