"""Finds the TCP ports that a process and its descendants listen on, as Linux shows them in /proc."""

import socket
import sys
from contextlib import suppress
from pathlib import Path

LISTEN = "0A"  # include/net/tcp_states.h


def listening(pid: int) -> dict[int, set[str]]:
    """Each port with the IPv4 addresses it is on."""
    sockets = {inode: place for table in ("tcp", "tcp6") for inode, place in _listeners(table).items()}
    held = {inode for process in family(pid) for inode in _sockets(process)}
    found: dict[int, set[str]] = {}
    for inode in held & sockets.keys():
        address, port = sockets[inode].split(":")
        found.setdefault(int(port, 16), set()).add(_readable(address))
    return found


def family(pid: int) -> set[int]:
    """The process and all its descendants."""
    parents = {int(file.parent.name): _parent(file) for file in Path("/proc").glob("[0-9]*/stat")}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _readable(address: str) -> str:
    """IPv4 as people write it; IPv6 stays as it is."""
    return socket.inet_ntoa(int(address, 16).to_bytes(4, sys.byteorder)) if len(address) == 8 else address


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None


def _listeners(table: str) -> dict[str, str]:
    rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[9]: row[1] for row in rows if row[3] == LISTEN}


def _sockets(pid: int) -> list[str]:
    links = []
    with suppress(OSError):  # it has ended
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):  # this file was closed meanwhile
                links.append(str(each.readlink()))
    return [link[len("socket:[") : -1] for link in links if link.startswith("socket:[")]
