"""Sign in and out, by OpenID Connect's authorization code flow with PKCE."""

import base64
import hashlib
from urllib.parse import quote, urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.web import render, sign_in_attempts
from console.web.paths import is_path
from console.web.request import Request, here
from console.web.sign_in_attempts import Attempt, State
from slowmatch.aws.secrets import SecretError
from slowmatch.http.auth import authentication, roles, sessions
from slowmatch.http.auth.authentication import public
from slowmatch.http.auth.csrf import site_origin
from slowmatch.http.auth.roles import Identity
from slowmatch.http.errors import Problem
from slowmatch.settings import SettingsError, settings
from slowmatch.telemetry import logger

HOME = "/dashboard"
SAID_MAX = 300
WANTED_MAX = 1000  # it goes along in the address of the provider's page, and servers often take 2,048 bytes
router = Router()  # type: ignore[no-untyped-call]


class SignInError(Exception):
    """A sign-in that failed; the message says why, `status` is that of the page."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@router.get("/sign-in")
@public
def sign_in() -> Response[str]:
    """To the provider's page, with a cookie that its answer is checked against."""
    request = here(router)
    wanted = path_on_this_site(request.query.get("next", ""))
    if settings().auth == "local":
        return render.redirect(wanted)
    state, attempt, cookies = sign_in_attempts.begin(request.event, wanted)
    return render.redirect(_authorization(request, state, attempt), *cookies)


@router.get("/sign-in/callback")
@public
def callback() -> Response[str]:
    """Back from the provider's page. The attempt is over after it, whatever came of it."""
    request = here(router)
    if settings().auth == "local":
        return render.redirect(HOME)
    state = sign_in_attempts.read_state(request.query.get("state", "")) or State("", HOME)
    attempt, ended = sign_in_attempts.find(request.event, state), sign_in_attempts.end(request.event, state)
    # Another tab signed in, or this one did before.
    if attempt is None and sessions.find_valid(request.event):
        return render.redirect(state.wanted, ended)
    try:
        who = _signed_in(request, attempt)
    except SignInError as error:
        authentication.refusal(request.event, error.status, f"sign-in: {error}")
        again = address(state.wanted)
        page = render.page(request, "sign_in_error.html", error.status, reason=str(error), again=again)
        page.cookies.append(ended)  # type: ignore[arg-type]
        return page
    logger.info("signed in", who=who.name, subject=who.subject, role=who.role and who.role.name.lower())
    seconds = settings().session_hours * 3600
    session = sessions.set_cookie(request.event, sessions.SESSION, sessions.issue(who), seconds)
    return render.redirect(state.wanted, ended, session)


@router.post("/sign-out")
@public
def sign_out() -> Response[str]:
    cookie = sessions.set_cookie(here(router).event, sessions.SESSION, "", 0)
    return render.redirect("/signed-out", cookie)


@router.get("/signed-out")
@public
def signed_out() -> Response[str]:
    """The provider still knows the browser; its own sign-out is a link from here."""
    request = here(router)
    return render.page(request, "signed_out.html", provider=_end_of_provider_session(request))


def address(wanted: str) -> str:
    """Where to sign in, to be led back to `wanted`."""
    return f"/sign-in?next={quote(wanted, safe='/')}"


def path_on_this_site(wanted: str) -> str:
    """`wanted`, if a browser takes it for a path of this site and nothing else; the dashboard otherwise."""
    if not is_path(wanted) or wanted.startswith(("/sign-in", "/sign-out", "/signed-out")):
        return HOME
    path = quote(wanted, safe="/?&=%#+,:;@!$'()*~.-_[]")
    return path if len(path) <= WANTED_MAX else HOME


def _authorization(request: Request, state: str, attempt: Attempt) -> str:
    from slowmatch.http.auth.oidc import provider

    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": provider().client_id,
        "redirect_uri": _redirect_uri(request),
        "scope": settings().oidc_scopes,
        "state": state,
        "nonce": attempt.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    return _with_query(provider().required_endpoint("authorization_endpoint"), query)


def _signed_in(request: Request, attempt: Attempt | None) -> Identity:
    """Whom the provider's answer speaks of. Raises SignInError, and Problem 503 without the provider."""
    from slowmatch.http.auth import tokens
    from slowmatch.http.auth.oidc import ProviderError, provider

    if attempt is None:
        raise SignInError(
            "the sign-in was not begun in this browser, took longer than ten minutes, or is over already"
        )
    query = request.query
    if "error" in query:
        said = query.get("error_description") or query["error"]
        raise SignInError(f"the provider says: {said[:SAID_MAX]}")
    if query.get("iss", provider().issuer) != provider().issuer:  # RFC 9207
        raise SignInError("another provider answered")
    try:
        answer = provider().exchange(query.get("code", ""), attempt.verifier, _redirect_uri(request))
        return roles.identity_of_claims(tokens.verify_id_token(str(answer.get("id_token")), attempt.nonce))
    except ProviderError as error:
        provider.cache_clear()  # its secret may be a new one
        raise SignInError(f"the provider says: {error}") from error
    except tokens.TokenError as error:
        raise SignInError(f"the provider's token is not valid: {error}") from error
    except roles.TooManyGroups as error:
        raise SignInError(str(error), 403) from error


def _end_of_provider_session(request: Request) -> str | None:
    """Cognito wants logout_uri, everybody else post_logout_redirect_uri; None without such an address."""
    from slowmatch.http.auth.oidc import provider

    if settings().auth == "local":
        return None
    try:
        url, client_id = provider().endpoint("end_session_endpoint"), provider().client_id
    except (Problem, SettingsError, SecretError):
        return None
    back = f"{site_origin(request.event)}/signed-out"
    query = {"client_id": client_id, "post_logout_redirect_uri": back, "logout_uri": back}
    return url and _with_query(url, query)


def _redirect_uri(request: Request) -> str:
    return f"{site_origin(request.event)}/sign-in/callback"


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"
