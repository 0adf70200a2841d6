"""Finds the TCP ports that a process and its descendants listen on, as Linux shows them in /proc."""

from pathlib import Path

LISTEN = "0A"  # include/net/tcp_states.h


def listening(pid: int) -> dict[int, str]:
    """Each port with its address, in the kernel's hexadecimal notation."""
    sockets = {inode: place for table in ("tcp", "tcp6") for inode, place in _listeners(table).items()}
    held = {inode for process in family(pid) for inode in _sockets(process)}
    places = [sockets[inode].split(":") for inode in held & sockets.keys()]
    return {int(port, 16): address for address, port in places}


def family(pid: int) -> set[int]:
    """The process and all its descendants."""
    parents = {int(file.parent.name): _parent(file) for file in Path("/proc").glob("[0-9]*/stat")}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return None


def _listeners(table: str) -> dict[str, str]:
    rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[9]: row[1] for row in rows if row[3] == LISTEN}


def _sockets(pid: int) -> list[str]:
    try:
        links = [str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:  # it has ended, or a file was closed meanwhile
        return []
    return [link[len("socket:[") : -1] for link in links if link.startswith("socket:[")]
