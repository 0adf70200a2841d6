"""Static files, under names with a hash of their content so that browsers may keep them for a year.

All our style sheets are one file for the browser, and all our scripts another, except the one that has to run before
the page is painted. The libraries in static/lib come from
npm when the console is built (`make assets`) and are not in the repository.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CONSOLE = Path(__file__).parents[1]
STATIC = CONSOLE / "static"
LIBRARIES = ("htmx.min.js", "idiomorph.min.js", "uPlot.iife.min.js", "uPlot.min.css")
_CONTENT_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class AssetsMissing(Exception):
    """The libraries from npm are missing."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file as it is sent, compressed by gzip; `name` has the hash."""

    name: str
    content_type: str
    gzipped: bytes


@cache
def assets() -> dict[str, Asset]:
    """Every static file by its plain name, such as app.css."""
    contents = {
        f"app.{kind}": b"\n".join(path.read_bytes() for path in sorted((STATIC / kind).glob(f"*.{kind}")))
        for kind in ("css", "js")
    }
    contents["preferences.js"] = (STATIC / "js" / "head" / "preferences.js").read_bytes()
    try:
        contents |= {name: (STATIC / "lib" / name).read_bytes() for name in LIBRARIES}
    except FileNotFoundError as error:
        name = Path(error.filename).name
        raise AssetsMissing(f"static/lib/{name} is missing: build the console with make assets") from error
    return {name: _asset(Path(name), content) for name, content in contents.items()}


def url(name: str) -> str:
    """The address of a file, by its plain name."""
    return f"/static/{assets()[name].name}"


def find(hashed_name: str) -> Asset | None:
    """The file for a name with any hash: a page from before a deployment still asks for the old one."""
    stem, _, rest = hashed_name.rpartition("-")
    return assets().get(stem + Path(rest).suffix)


@cache
def release() -> str:
    """A hash that changes whenever a template or a static file does."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((CONSOLE / "templates").rglob("*.html")):
        digest.update(path.read_bytes())
    for asset in assets().values():
        digest.update(asset.name.encode())
    return digest.hexdigest()


def _asset(path: Path, content: bytes) -> Asset:
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    name = f"{path.stem}-{digest}{path.suffix}"
    return Asset(name, _CONTENT_TYPES[path.suffix], gzip.compress(content, 9, mtime=0))
