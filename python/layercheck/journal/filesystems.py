"""Where a journal cannot be: network file systems, where several machines write, and mounts of one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""The table of mounts on Linux. Other systems have no such file; there nothing is refused."""

# SQLite's write-ahead log needs memory shared by all readers (https://www.sqlite.org/wal.html), and locks on
# these differ from locks on a disk. Names as in /proc/filesystems; FUSE adds a second name behind a dot.
_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"ocfs2", "smb3", "smbfs"}
)
_NETWORK_FUSE = frozenset(
    {"blobfuse2", "ceph", "gcsfuse", "glusterfs", "goofys", "juicefs", "mount-s3", "mountpoint-s3"}
    | {"rclone", "s3fs", "sshfs"}
)


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of network file system that holds `path`; None for a local or an unknown one."""
    deepest, kind = -1, ""
    for mount_point, mounted_kind in _mounts(mounts):
        # A later mount covers an earlier one at the same place.
        if path.is_relative_to(mount_point) and len(mount_point.parts) >= deepest:
            deepest, kind = len(mount_point.parts), mounted_kind
    family, _, member = kind.partition(".")
    is_network = family in _NETWORK or (family == "fuse" and member in _NETWORK_FUSE)
    return kind if is_network else None


def is_mounted_alone(path: Path, mounts: Path = MOUNTS) -> bool:
    """Whether the file is a mount point, as in a container that was given one file.

    The same file has another name in another folder then, and SQLite keeps its log by name.
    """
    return any(mount_point == path for mount_point, _ in _mounts(mounts))


def _mounts(mounts: Path) -> Iterator[tuple[Path, str]]:
    """Each mount point with its kind of file system, in the order of mounting."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) >= 5 and after:
            yield Path(_unescaped(fields[4])), after.split(" ")[0]


def _unescaped(mount_point: str) -> str:
    """A mount point as a path: the table writes white space and backslashes in octal."""
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        mount_point = mount_point.replace(escape, character)
    return mount_point
