"""GET /static/{file}, which is public."""

from aws_lambda_powertools.event_handler import Response

from console.web import assets, render
from console.web.request import router
from slowmatch.http.auth.authentication import public
from slowmatch.http.errors import Problem


@router.get("/static/<file>")
@public
def static_file(file: str) -> render.Page:
    asset = assets.find(file)
    if asset is None:
        raise Problem(404, "Not found", f"there is no file {file!r}")
    # Browsers keep the file for a year if the name that they asked for has the current hash.
    caching = "public, max-age=31536000, immutable" if file == asset.name else "no-cache"
    headers = render.SECURITY_HEADERS | {"Cache-Control": caching, "Content-Encoding": "gzip"}
    return Response(200, asset.content_type, asset.gzipped, {**headers})  # type: ignore[arg-type]
