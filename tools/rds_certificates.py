"""The certificates that verify-full checks Amazon RDS by. Lambda's Python runtime does not promise to have them.

They are public and change with time (a new region, a new authority), so they are fetched when deploying.
"""

import ssl
import urllib.error
import urllib.request
from pathlib import Path

from local.errors import StackError

ADDRESS = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
# The built layer's folder, and within a function /opt/python/rds-ca.pem (DB_CA_FILE in template.yaml).
PLACE = "CommonLayer/python/rds-ca.pem"
TIMEOUT_SECONDS = 20


def put(build: Path, given: str = "", address: str = ADDRESS) -> Path:
    """Put the certificates into the built layer: the file `given`, or what is at `address`."""
    place = build / PLACE
    if not place.parent.is_dir():
        raise StackError(f"there is no built layer at {place.parent}: run make build first")
    text = _read(Path(given)) if given else _fetch(address)
    count = _count(text, given or address)
    place.write_text(text, encoding="ascii")
    print(f"{count} certificates of Amazon RDS from {given or address}", flush=True)
    return place


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise StackError(f"RDS_CERTIFICATES is {str(path)!r}, which cannot be read: {error}") from error


def _fetch(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # a constant
            return str(answer.read().decode("ascii", errors="replace"))
    except (urllib.error.URLError, OSError) as error:
        raise StackError(
            f"the certificates of Amazon RDS cannot be fetched from {address}: {error}\nFetch them some other"
            f" way and name the file: make deploy RDS_CERTIFICATES=global-bundle.pem"
        ) from error


def _count(text: str, source: str) -> int:
    """How many certificates OpenSSL finds in it; raises StackError for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise StackError(f"{source} has no certificates in PEM: {error}") from error
    return len(context.get_ca_certs())
