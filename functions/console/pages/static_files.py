"""GET /static/{file}: open to everybody."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from console.web import render
from slowmatch.http.auth.authentication import public
from slowmatch.http.errors import Problem

router = Router()  # type: ignore[no-untyped-call]


@router.get("/static/<file>")
@public
def static_file(file: str) -> Response[str]:
    found = render.file(file)
    if found is None:
        raise Problem(404, "Not found", f"there is no file {file!r}")
    return found
