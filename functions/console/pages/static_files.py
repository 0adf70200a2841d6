"""GET /static/{file}, which is public."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from console.web import assets, render
from console.web.render import Page
from slowmatch.http.auth.authentication import public
from slowmatch.http.errors import Problem

router = Router()  # type: ignore[no-untyped-call]


@router.get("/static/<file>")
@public
def static_file(file: str) -> Page:
    asset = assets.find(file)
    if asset is None:
        raise Problem(404, "Not found", f"there is no file {file!r}")
    return render.static_file(asset, is_current=file == asset.name)
