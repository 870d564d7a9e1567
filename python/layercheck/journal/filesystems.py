"""Network file systems, on which a journal is refused because several machines write there."""

from __future__ import annotations

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
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    deepest, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        mount_point = Path(_unescaped(fields[4]))
        # A later mount covers an earlier one at the same place.
        if path.is_relative_to(mount_point) and len(mount_point.parts) >= deepest:
            deepest, kind = len(mount_point.parts), after.split(" ")[0]
    family, _, member = kind.partition(".")
    is_network = family in _NETWORK or (family == "fuse" and member in _NETWORK_FUSE)
    return kind if is_network else None


def _unescaped(mount_point: str) -> str:
    """A mount point as a path: the table writes white space and backslashes in octal."""
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        mount_point = mount_point.replace(escape, character)
    return mount_point
