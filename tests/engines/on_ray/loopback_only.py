"""Runs a command where the network is nothing but loopback, because Ray listens on every interface.

python loopback_only.py COMMAND [ARGUMENT ...]

It makes a network namespace of its own (`unshare`, as root or where users may make namespaces) and brings its
loopback interface up. Where none can be made it says so, loudly, and ends with exit code 0.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
from pathlib import Path

INSIDE = "LAYERCHECK_LOOPBACK_ONLY"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1  # netdevice(7)


def interfaces() -> set[str]:
    """The names of the network interfaces of this process."""
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    return {line.partition(":")[0].strip() for line in lines}


def is_alone() -> bool:
    """Whether this process sees no network but loopback."""
    return interfaces() == {"lo"}


def bring_loopback_up() -> None:
    """Do what `ip link set lo up` does, which is not installed everywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16sH14x", request)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | _IFF_UP))


def namespace_command() -> list[str] | None:
    """The beginning of a command that runs in a network namespace of its own; None if none can be made."""
    if shutil.which("unshare") is None:
        return None
    for command in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return None


def main(command: list[str]) -> int:
    """Run the command in the namespace; called once outside and once inside of it."""
    if os.environ.get(INSIDE):
        bring_loopback_up()
        if not is_alone():
            sys.exit(f"this network namespace has more than loopback: {sorted(interfaces())}")
        os.execvp(command[0], command)  # noqa: S606 - the command of `make test-ray`
    namespace = namespace_command()
    if namespace is None:
        line = "SKIPPED: the tests with Ray. They need a network namespace with nothing but loopback,"
        sys.stdout.write(f"\n{'!' * 100}\n{line}\nand none can be made here (unshare --net).\n{'!' * 100}\n")
        return 0
    os.environ[INSIDE] = "1"
    return subprocess.run([*namespace, sys.executable, __file__, *command], check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
