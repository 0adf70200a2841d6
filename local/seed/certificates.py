"""Records that really expire: the certificates of the CA bundle that ships with certifi."""

import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, order=True)
class Certificate:
    """`subject` as an RFC 4514 string; `not_after` in UTC."""

    subject: str
    not_after: datetime


def bundle() -> list[Certificate]:
    """Those of certifi's bundle, in order, each once."""
    import certifi

    return read(Path(certifi.where()).read_bytes())


def read(pem: bytes) -> list[Certificate]:
    """One that cannot be parsed is left out: authorities have issued some that break the rules."""
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    found = set()
    for block in _PEM.findall(pem):
        with warnings.catch_warnings():
            # Serial numbers that RFC 5280 disallows: of no interest here.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            try:
                certificate = x509.load_pem_x509_certificate(block)
                found.add(Certificate(certificate.subject.rfc4514_string(), certificate.not_valid_after_utc))
            except ValueError:
                continue
    return sorted(found)
