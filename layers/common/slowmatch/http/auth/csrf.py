"""Protects against cross-site request forgery: did a page of another site send this request?"""

from slowmatch.http.request import Event, header, headers, host_name, method
from slowmatch.settings import is_loopback

SAFE_METHODS = ("GET", "HEAD")


def site_origin(event: Event) -> str:
    """Scheme, host and port of this site, as browsers know it."""
    domain = str(event["requestContext"].get("domainName") or "")
    if is_loopback(host_name(domain)):
        return f"http://{header(event, 'host') or domain}"
    return f"https://{domain}"


def cross_site_reason(event: Event, require_origin: bool) -> str | None:
    """Why a request that changes something seems to come from another site; None if it does not.

    `require_origin` demands Origin or Sec-Fetch-Site, for requests that a browser signs in with a cookie.
    """
    if method(event) in SAFE_METHODS:
        return None
    given = headers(event)
    origin, fetch_site = given.get("origin"), given.get("sec-fetch-site")
    if origin and origin.lower() != site_origin(event).lower():
        return "its Origin is another site"
    if fetch_site and fetch_site not in ("same-origin", "none"):
        return f"its Sec-Fetch-Site is {fetch_site[:20]!r}"
    if require_origin and not origin and not fetch_site:
        return "it has neither Origin nor Sec-Fetch-Site"
    return None
