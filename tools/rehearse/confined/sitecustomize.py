"""Python imports this at its start, in ministack and in every function: no name leads off this machine.

REHEARSAL_NAMES is a JSON object from "host:port" to the port on loopback that stands in for it.
"""

import ipaddress
import json
import os
import socket
from typing import Any

_resolve = socket.getaddrinfo
_names: dict[str, int] = json.loads(os.environ["REHEARSAL_NAMES"])


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
    """As socket.getaddrinfo. Raises gaierror for what is neither this machine nor named for the rehearsal."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or _is_here(name):
        return _resolve(host, port, *arguments, **options)
    stand_in = _names.get(f"{name}:{port}")
    if stand_in is None:
        raise socket.gaierror(socket.EAI_NONAME, f"{name}:{port} is not part of the rehearsal")
    return _resolve("127.0.0.1", stand_in, *arguments, **options)


socket.getaddrinfo = getaddrinfo
