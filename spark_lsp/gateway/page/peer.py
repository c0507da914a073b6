"""The user at the other end of a connection over the loopback interface, on Linux.

The address with a ticket is on the browser's command line, which all users of a machine can read. A ticket is
therefore accepted from the gateway's own user only, as far as the system can tell. The kernel lists the owner
of each socket in /proc/net/tcp and /proc/net/tcp6: the local address in hexadecimal, in the machine's byte
order per 32 bits, and the user id in the eighth column (proc(5)).
"""

import ipaddress
import os
import struct
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ADDRESS, OWNER = 1, 7  # columns
ROOT = 0  # may read the user's files anyway; relays of containers and virtual machines run as root


def is_foreign(host: str, port: int) -> bool:
    """Return whether the socket at that address certainly belongs to another user of this machine."""
    owner = owner_of(host, port)
    return owner is not None and owner not in (ROOT, os.getuid())


def owner_of(host: str, port: int) -> int | None:
    """Return the id of the user whose socket has this local address; None if the system does not tell."""
    try:
        names = {f"{name}:{port:04X}" for name in _spell(host)}
    except ValueError:
        return None
    for table in TABLES:
        try:
            lines = table.read_text("ascii").splitlines()[1:]
        except (OSError, UnicodeDecodeError):
            continue
        for columns in map(str.split, lines):
            if columns[ADDRESS] in names:
                return int(columns[OWNER])
    return None


def _spell(host: str) -> list[str]:
    """Return the kernel's spellings of an address: an IPv4 address may belong to an IPv6 socket."""
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv4Address):
        return [_hex(address.packed), _hex(ipaddress.IPv6Address(f"::ffff:{address}").packed)]
    return [_hex(address.packed)]


def _hex(packed: bytes) -> str:
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words)
