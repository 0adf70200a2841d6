"""Signatures of webhooks, after the Standard Webhooks specification: https://www.standardwebhooks.com

A key without the prefix whsec_ signs in the form that Slowmatch had before, for one more release.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from difflib import SequenceMatcher

PREFIX = "whsec_"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
MIN_OLD_FORM_CHARACTERS = 16
MAX_LIKENESS = 0.8
"""Of the beginning of a key in the old form to PREFIX: one wrong, missing or exchanged letter is a slip of the pen."""
EXPECTED_KEY = f"a string of {PREFIX} and {MIN_KEY_BYTES} to {MAX_KEY_BYTES} random bytes in base64"


def is_standard(key: str) -> bool:
    return key.startswith(PREFIX)


def is_valid_key(key: str) -> bool:
    if not is_standard(key):
        if SequenceMatcher(None, PREFIX, key[: len(PREFIX)].lower()).ratio() > MAX_LIKENESS:
            return False
        return len(key.encode(errors="ignore").decode()) >= MIN_OLD_FORM_CHARACTERS
    try:
        return MIN_KEY_BYTES <= len(_decode(key)) <= MAX_KEY_BYTES
    except (binascii.Error, ValueError):
        return False


def signature_headers(keys: Sequence[str], message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers that prove to a receiver with one of the `keys` who sent the body and when."""
    headers = {}
    if standard := [key for key in keys if is_standard(key)]:
        signed = f"{message_id}.{timestamp}.".encode() + body
        headers["webhook-id"] = message_id
        headers["webhook-timestamp"] = str(timestamp)
        digests = [base64.b64encode(hmac.digest(_decode(key), signed, hashlib.sha256)) for key in standard]
        headers["webhook-signature"] = " ".join(f"v1,{digest.decode()}" for digest in digests)
    for key in keys:
        if not is_standard(key):
            signed = f"{timestamp}.".encode() + body
            digest = hmac.digest(key.encode(errors="ignore"), signed, hashlib.sha256).hex()
            headers["Slowmatch-Event-Id"] = message_id
            headers["Slowmatch-Timestamp"] = str(timestamp)
            headers["Slowmatch-Signature"] = f"sha256={digest}"
    return headers


def _decode(key: str) -> bytes:
    return base64.b64decode(key.removeprefix(PREFIX), validate=True)
