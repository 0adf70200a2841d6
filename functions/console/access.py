"""Who may see which page."""

from typing import Any

from console.request import Request
from slowmatch.http.identity import Identity, Role


def guard(app: Any, next_middleware: Any) -> Any:
    who = Identity("you (this machine)", "local", Role.ADMIN, local=True)
    app.append_context(request=Request(app.current_event.raw_event, who))
    return next_middleware(app)
