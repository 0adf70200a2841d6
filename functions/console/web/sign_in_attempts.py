"""Pending sign-ins. Each has its own cookie, so that several tabs can sign in at the same time."""

import re
import secrets
from typing import NamedTuple

from slowmatch.http.auth import sessions
from slowmatch.http.request import Event

MAX_ATTEMPTS = 5  # a cookie has about 300 bytes, and API Gateway accepts 10,240 bytes of headers
ATTEMPT_SECONDS = 600
STATE = "sign-in-state"
STATE_SECONDS = 24 * 3600
_COOKIE = re.compile(r"sign-in-[A-Za-z0-9_-]{8}")


class State(NamedTuple):
    """What the provider returns unchanged: which attempt it answers, and the path to go to next."""

    id: str
    next: str

    @property
    def cookie(self) -> str:
        return f"sign-in-{self.id[:8]}"


class Attempt(NamedTuple):
    """What the provider's answer is checked against."""

    id: str
    nonce: str
    verifier: str


def begin(event: Event, path: str) -> tuple[str, Attempt, list[str]]:
    """The `state` for the provider, the attempt, and Set-Cookie values. It replaces the oldest beyond MAX_ATTEMPTS."""
    state = State(secrets.token_urlsafe(16), path)
    attempt = Attempt(state.id, secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    signed = sessions.sign(sessions.SIGN_IN, attempt._asdict())
    cookies = [sessions.set_cookie(event, state.cookie, signed, ATTEMPT_SECONDS)]
    # Browsers send the oldest cookie first (RFC 6265, 5.4).
    pending = [kind for kind in sessions.cookie_kinds(event) if _COOKIE.fullmatch(kind)]
    cookies += [sessions.set_cookie(event, kind, "", 0) for kind in pending[: 1 - MAX_ATTEMPTS]]
    return sessions.sign(STATE, state._asdict()), attempt, cookies


def read_state(text: str) -> State | None:
    """The state that `begin` wrote; None for anything else."""
    try:
        return State(**sessions.unsign(STATE, text, STATE_SECONDS))
    except sessions.InvalidCookie:
        return None


def find(event: Event, state: State) -> Attempt | None:
    """The attempt, if it began in this browser in the last ten minutes and has not ended."""
    value = sessions.cookie(event, state.cookie)
    try:
        attempt = Attempt(**sessions.unsign(sessions.SIGN_IN, value or "", ATTEMPT_SECONDS))
    except sessions.InvalidCookie:
        return None
    return attempt if attempt.id == state.id else None
