"""Sign in and out by OpenID Connect: the authorization code flow with PKCE."""

import base64
import hashlib

from console.web import render, sign_in_attempts
from console.web.request import HOME, address, current_request, path_on_this_site, router, sign_in_address
from console.web.sign_in_attempts import Attempt, State
from slowmatch.aws.secrets import SecretError
from slowmatch.http.auth import authentication, roles, sessions
from slowmatch.http.auth.authentication import public
from slowmatch.http.auth.csrf import site_origin
from slowmatch.http.auth.roles import Identity
from slowmatch.http.errors import Problem
from slowmatch.settings import SettingsError, settings
from slowmatch.telemetry import logger

PROVIDER_ERROR_MAX = 300


class SignInError(Exception):
    """A failed sign-in: the message is the reason, `status` the status of the page."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@router.get("/sign-in")
@public
def sign_in() -> render.Page:
    """Redirect to the provider's page, with a cookie that its answer is checked against."""
    request = current_request()
    path = path_on_this_site(request.query.get("next", ""))
    if settings().auth == "local":
        return render.redirect(path)
    state, attempt, cookies = sign_in_attempts.begin(request.event, path)
    return render.redirect(_provider_page(state, attempt), *cookies)


@router.get("/sign-in/callback")
@public
def callback() -> render.Page:
    """Where the provider's page leads back to. It ends the attempt, whether it succeeded or not."""
    request = current_request()
    event = request.event
    if settings().auth == "local":
        return render.redirect(HOME)
    state = sign_in_attempts.read_state(request.query.get("state", "")) or State("", HOME)
    attempt = sign_in_attempts.find(event, state)
    end_attempt = sessions.set_cookie(event, state.cookie, "", 0)
    if attempt is None and sessions.find_valid(event):  # signed in already, in this tab or another
        return render.redirect(state.next, end_attempt)
    try:
        identity = _verify(request.query, attempt)
    except SignInError as error:
        authentication.refusal(event, error.status, f"sign-in: {error}")
        retry = sign_in_address(state.next)
        page = render.page("sign_in_error.html", error.status, reason=str(error), retry=retry)
        page.cookies.append(end_attempt)  # type: ignore[arg-type]
        return page
    role = identity.role and identity.role.name.lower()
    logger.info("signed in", who=identity.name, subject=identity.subject, role=role)
    seconds = settings().session_hours * 3600
    session = sessions.set_cookie(event, sessions.SESSION, sessions.issue(identity), seconds)
    return render.redirect(state.next, end_attempt, session)


@router.post("/sign-out")
@public
def sign_out() -> render.Page:
    cookie = sessions.set_cookie(current_request().event, sessions.SESSION, "", 0)
    return render.redirect("/signed-out", cookie)


@router.get("/signed-out")
@public
def signed_out() -> render.Page:
    """The browser is still signed in at the provider; a link leads to the provider's own sign-out."""
    return render.page("signed_out.html", provider=_provider_sign_out())


def _provider_page(state: str, attempt: Attempt) -> str:
    from slowmatch.http.auth.oidc import provider

    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    return address(
        provider().endpoint("authorization_endpoint"),
        response_type="code",
        client_id=provider().client_id,
        redirect_uri=_redirect_uri(),
        scope=settings().oidc_scopes,
        state=state,
        nonce=attempt.nonce,
        code_challenge=base64.urlsafe_b64encode(digest).decode().rstrip("="),
        code_challenge_method="S256",
    )


def _verify(query: dict[str, str], attempt: Attempt | None) -> Identity:
    """The identity in the provider's answer. Raises SignInError, and Problem 503 if the provider is unreachable."""
    from slowmatch.http.auth import tokens
    from slowmatch.http.auth.oidc import ProviderError, provider

    if attempt is None:
        raise SignInError(
            "the sign-in was started in another browser, took longer than ten minutes, or was already completed"
        )
    if "error" in query:
        reason = query.get("error_description") or query["error"]
        raise SignInError(f"the provider says: {reason[:PROVIDER_ERROR_MAX]}")
    if query.get("iss", provider().issuer) != provider().issuer:  # RFC 9207
        raise SignInError("the response came from a different provider")
    try:
        answer = provider().exchange(query.get("code", ""), attempt.verifier, _redirect_uri())
        return roles.identity_of_claims(tokens.verify_id_token(str(answer.get("id_token")), attempt.nonce))
    except ProviderError as error:
        provider.cache_clear()  # the client secret may have changed
        raise SignInError(f"the provider says: {error}") from error
    except tokens.TokenError as error:
        raise SignInError(f"the provider's token is not valid: {error}") from error
    except roles.TooManyGroups as error:
        raise SignInError(str(error), 403) from error


def _provider_sign_out() -> str | None:
    """The address that ends the provider's session; None without one."""
    from slowmatch.http.auth.oidc import provider

    if settings().auth == "local":
        return None
    try:
        url, client_id = provider().endpoint("end_session_endpoint"), provider().client_id
    except (Problem, SettingsError, SecretError):
        return None
    back = f"{site_origin(current_request().event)}/signed-out"
    # Cognito expects logout_uri, all others post_logout_redirect_uri.
    return address(url, client_id=client_id, post_logout_redirect_uri=back, logout_uri=back)


def _redirect_uri() -> str:
    return f"{site_origin(current_request().event)}/sign-in/callback"
