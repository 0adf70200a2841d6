"""Static files under names that carry a hash of their content, so that browsers may keep them for a year.

Our own style sheets and scripts are one file each for the browser; the libraries in static/lib come from
npm when the console is built (`make assets`) and are not in the repository.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parents[1]
STATIC = FOLDER / "static"
LIBRARIES = ("htmx.min.js", "idiomorph.min.js", "uPlot.iife.min.js", "uPlot.min.css")
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


class AssetsMissing(Exception):
    """The libraries from npm are not there."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as it is sent: `zipped` is its content under gzip."""

    name: str
    kind: str
    zipped: bytes


@cache
def assets() -> dict[str, Asset]:
    """Every file by its plain name, such as app.css."""
    files = {
        "app.css": _joined("css", "*.css"),
        "app.js": _joined("js", "*.js"),
        **{name: _library(name) for name in LIBRARIES},
    }
    return {name: _asset(name, content) for name, content in files.items()}


def url(name: str) -> str:
    """The address of the file's present content."""
    return f"/static/{assets()[name].name}"


def find(file: str) -> tuple[Asset, bool] | None:
    """The asset asked for, and whether its content is the one that the name promises."""
    for name, asset in assets().items():
        stem, dot, suffix = name.rpartition(".")
        if file.startswith(f"{stem}-") and file.endswith(f"{dot}{suffix}"):
            return asset, file == asset.name
    return None


@cache
def release() -> str:
    """Changes whenever a template or a static file does."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted((FOLDER / "templates").rglob("*.html")):
        digest.update(path.read_bytes())
    for asset in assets().values():
        digest.update(asset.name.encode())
    return digest.hexdigest()


def _joined(folder: str, pattern: str) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted((STATIC / folder).glob(pattern)))


def _library(name: str) -> bytes:
    try:
        return (STATIC / "lib" / name).read_bytes()
    except FileNotFoundError as error:
        raise AssetsMissing(f"static/lib/{name} is not there: build the console with make assets") from error


def _asset(name: str, content: bytes) -> Asset:
    stem, dot, suffix = name.rpartition(".")
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return Asset(f"{stem}-{digest}{dot}{suffix}", _KINDS[dot + suffix], gzip.compress(content, 9, mtime=0))
