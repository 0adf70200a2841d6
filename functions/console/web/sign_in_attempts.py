"""Sign-ins that are under way. Each has a cookie of its own, so that several tabs can sign in at the same time."""

import re
import secrets
from dataclasses import dataclass

from slowmatch.http.auth import sessions
from slowmatch.http.request import Event

MAX_ATTEMPTS = 5  # a cookie has about 300 bytes, and API Gateway takes 10,240 bytes of headers
ATTEMPT_SECONDS = 600
STATE = "sign-in-state"
STATE_SECONDS = 24 * 3600
_COOKIE = re.compile(r"sign-in-[A-Za-z0-9_-]{8}")


@dataclass(frozen=True)
class State:
    """What the provider sends back unchanged: which attempt its answer belongs to, where the person wanted to go."""

    id: str
    wanted: str

    @property
    def cookie(self) -> str:
        return f"sign-in-{self.id[:8]}"


@dataclass(frozen=True)
class Attempt:
    """What the provider's answer is checked against."""

    nonce: str
    verifier: str


def begin(event: Event, wanted: str) -> tuple[str, Attempt, list[str]]:
    """The `state` for the provider, and the Set-Cookie values. The oldest attempts make way for this one."""
    state = State(secrets.token_urlsafe(16), wanted)
    attempt = Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    values = {"id": state.id, "nonce": attempt.nonce, "verifier": attempt.verifier}
    kept = sessions.set_cookie(event, state.cookie, sessions.sign(sessions.SIGN_IN, values), ATTEMPT_SECONDS)
    # Browsers send the oldest cookie first (RFC 6265, 5.4).
    others = [kind for kind in sessions.cookie_kinds(event) if _COOKIE.fullmatch(kind)]
    dropped = [sessions.set_cookie(event, kind, "", 0) for kind in others[: 1 - MAX_ATTEMPTS]]
    return sessions.sign(STATE, {"id": state.id, "next": wanted}), attempt, [kept, *dropped]


def read_state(value: str) -> State | None:
    """What `begin` wrote; None for anything else."""
    try:
        found = sessions.unsign(STATE, value, STATE_SECONDS)
    except sessions.InvalidCookie:
        return None
    return State(found["id"], found["next"])


def find(event: Event, state: State) -> Attempt | None:
    """The attempt, if it was begun in this browser in the last ten minutes and is not over."""
    value = sessions.cookie(event, state.cookie)
    try:
        found = sessions.unsign(sessions.SIGN_IN, value or "", ATTEMPT_SECONDS)
    except sessions.InvalidCookie:
        return None
    return Attempt(found["nonce"], found["verifier"]) if found["id"] == state.id else None


def end(event: Event, state: State) -> str:
    """The Set-Cookie value that removes the attempt's cookie."""
    return sessions.set_cookie(event, state.cookie, "", 0)
