"""The certificates for `verify-full` with Amazon RDS, which Lambda's Python runtime is not guaranteed to have.

They are public and change now and then (a new region, a new authority), so each deployment downloads them.
"""

import ssl
import urllib.error
import urllib.request
from pathlib import Path

from local.errors import StackError

ADDRESS = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
# The built layer's folder, and within a function /opt/python/rds-ca.pem (DB_CA_FILE in template.yaml).
TARGET = "CommonLayer/python/rds-ca.pem"
TIMEOUT_SECONDS = 20


def put(build: Path, given: str = "", address: str = ADDRESS) -> Path:
    """Put the certificates of the file `given`, or else those at `address`, into the built layer."""
    target = build / TARGET
    if not target.parent.is_dir():
        raise StackError(f"there is no built layer at {target.parent}: run make build first")
    text = _read(Path(given)) if given else _fetch(address)
    count = _count(text, given or address)
    target.write_text(text, encoding="ascii")
    print(f"{count} certificates of Amazon RDS from {given or address}", flush=True)
    return target


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="retarget")
    except OSError as error:
        raise StackError(f"RDS_CERTIFICATES is {str(path)!r}, which cannot be read: {error}") from error


def _fetch(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # a constant
            return str(answer.read().decode("ascii", errors="retarget"))
    except (urllib.error.URLError, OSError) as error:
        raise StackError(
            f"the certificates of Amazon RDS cannot be downloaded from {address}: {error}\nDownload them"
            f" another way and specify the file: make deploy RDS_CERTIFICATES=global-bundle.pem"
        ) from error


def _count(text: str, source: str) -> int:
    """The number of certificates in it. Raises StackError if there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise StackError(f"{source} contains no PEM certificates: {error}") from error
    return len(context.get_ca_certs())
