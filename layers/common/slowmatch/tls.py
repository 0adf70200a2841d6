"""What is wrong with a server's certificate, in words that name the right thing to correct."""

import ssl

_NOT_YET_VALID = 9
_EXPIRED = 10
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21)
_OTHER_HOST = (62, 64)
"""Verification codes of OpenSSL: https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/"""


def certificate_problem(error: ssl.SSLCertVerificationError) -> str:
    """Completes the sentence "the server's TLS certificate ..."."""
    if error.verify_code == _EXPIRED:
        return "has expired; whoever runs the server has to renew it"
    if error.verify_code == _NOT_YET_VALID:
        return "is not valid yet; the clock of the server or of whoever issued it is wrong"
    if error.verify_code in _UNKNOWN_ISSUER:
        return (
            "was not issued by a public authority, or the server does not send the intermediate certificate"
        )
    if error.verify_code in _OTHER_HOST:
        return "belongs to another host"
    return f"cannot be trusted: {error.verify_message}"
