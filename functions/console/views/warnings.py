"""Is anything wrong? The answer in words, and the figures that it rests on."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from console.views.formatting import counted, number, parse, sentence, so_many_runs, when
from slowmatch.db.counts import Count
from slowmatch.jobs.lifecycle.messages import Depths
from slowmatch.jobs.queries import removed_jobs

TICK_LATE = timedelta(minutes=12)
"""The dispatcher ticks every five minutes; two in a row are missing."""
WAIT_LONG = timedelta(minutes=5)
CLOCK_LIMIT = timedelta(seconds=30)

Link = dict[str, str]


def wrong(alerts: dict[str, Any], depths: Depths, clock: timedelta, now: datetime) -> list[Link]:
    """What needs somebody, worst first: sentences, each with the page that says more. Empty when all is well."""
    found = [
        _silence(alerts["silent_since"], now),
        _dispatcher(alerts["last_dispatcher_tick"], now),
        *(_failing(duty, each) for duty, each in alerts["failing"].items()),
        *(_removed(job, count) for job, count in alerts["removed"].items()),
        *(_disabled(job, flaw) for job, flaw in alerts["disabled"].items() if job not in alerts["removed"]),
        _failed(alerts["failed_24h"]),
        _missed(alerts["missed_24h"]),
        _dead(dead(depths)),
        depths.problem and _said("workers", "See the workers", sentence(depths.problem)),
        _clock(clock),
    ]
    return [each for each in found if each]


def boxes(alerts: dict[str, Any], depths: Depths, now: datetime) -> list[dict[str, Any]]:
    """The metric boxes. `at` is a moment, `value` a figure; a box that is `bad` asks for somebody."""
    failed, retrying, missed = alerts["failed_24h"], alerts["retrying"], alerts["missed_24h"]
    oldest, tick, paused = alerts["oldest_waiting_at"], alerts["last_dispatcher_tick"], alerts["paused"]
    letters = dead(depths)
    return [
        _box("Failed, 24 h", counted(failed), "/dashboard/failed", bad=failed.number > 0),
        _box("Retrying", counted(retrying), "/dashboard/retries", notable=retrying.number > 0),
        _box("Missed, 24 h", number(missed), "/dashboard/recurring", bad=missed > 0),
        _box(
            "Oldest waiting", "none", "/dashboard/enqueued", at=oldest, notable=_older(oldest, WAIT_LONG, now)
        ),
        _box(
            "Dead letters",
            "?" if letters is None else number(letters),
            "/dashboard/workers",
            bad=letters != 0,
        ),
        _box("Dispatcher", "never", "/dashboard/workers", at=tick, bad=_is_late(tick, now)),
        _box("Paused jobs", number(len(paused)), "/dashboard/recurring", notable=bool(paused)),
    ]


def dead(depths: Depths) -> int | None:
    """Dead letters of all jobs; None when the queues cannot be read."""
    return None if depths.problem else sum(each["dead"] for each in depths.jobs.values())


def _box(label: str, value: str, href: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "value": value, "href": href, "at": None, "bad": False, "notable": False, **more}


def _said(page: str, link: str, text: str) -> Link:
    return {"text": text, "href": f"/dashboard/{page}", "link": link}


def _silence(since: str | None, now: datetime) -> Link | None:
    if since is None:
        return None
    minutes = int((now - parse(since)).total_seconds() // 60)
    text = f"No worker has claimed anything for {number(minutes)} minutes, although work waits."
    return _said("workers", "See the workers", text)


def _dispatcher(tick: str | None, now: datetime) -> Link | None:
    if not _is_late(tick, now):
        return None
    text = (
        "The dispatcher has not finished a pass for more than 12 minutes: late messages are not sent again."
        if tick
        else "The dispatcher has not finished a pass yet. It does every five minutes."
    )
    return _said("workers", "See the workers", text)


def _failing(duty: str, found: dict[str, str]) -> Link:
    text = Markup("The dispatcher cannot {}, since {}: {}").format(
        duty, when(found["since"], "exact"), sentence(found["problem"])
    )
    return _said("workers", "See the workers", text)


def _removed(job: str, count: Count) -> Link:
    return _said(f"runs?{urlencode({'job': job})}", "See them", sentence(removed_jobs.in_words(job, count)))


def _disabled(job: str, flaw: str) -> Link:
    text = sentence(f"{job!r} is disabled: {flaw}")
    return _said(f"runs?{urlencode({'job': job})}", "See its runs", text)


def _failed(failed: Any) -> Link | None:
    if not failed.number:
        return None
    return _said("failed", "See why", f"{so_many_runs(counted(failed))} failed in the last 24 hours.")


def _missed(missed: int) -> Link | None:
    if not missed:
        return None
    text = "1 scheduled run was missed" if missed == 1 else f"{number(missed)} scheduled runs were missed"
    return _said("recurring", "See which", f"{text} in the last 24 hours.")


def _dead(letters: int | None) -> Link | None:
    if not letters:
        return None
    text = "1 message is" if letters == 1 else f"{number(letters)} messages are"
    return _said("workers", "See the queues", f"{text} in a dead-letter queue.")


def _clock(offset: timedelta) -> Link | None:
    if abs(offset) <= CLOCK_LIMIT:
        return None
    seconds = f"{abs(offset).total_seconds():.0f}"
    return _said(
        "workers", "See the clocks", f"The database's clock and this server's differ by {seconds} s."
    )


def _is_late(tick: str | None, now: datetime) -> bool:
    return tick is None or _older(tick, TICK_LATE, now)


def _older(at: str | None, limit: timedelta, now: datetime) -> bool:
    return at is not None and now - parse(at) > limit
