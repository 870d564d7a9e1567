"""Where a journal cannot be: file systems on which several machines write."""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""What is mounted where, on Linux. Other systems have no such file; there it is not looked at."""

# SQLite's write-ahead log needs memory shared by all readers (https://www.sqlite.org/wal.html), and locks on
# these are not what they are on a disk. Names as in /proc/filesystems; FUSE has a second one behind a dot.
_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4"}
    | {"ocfs2", "smb3", "smbfs"}
)
_NETWORK_FUSE = frozenset(
    {"blobfuse2", "ceph", "gcsfuse", "glusterfs", "goofys", "juicefs", "mount-s3", "mountpoint-s3"}
    | {"rclone", "s3fs", "sshfs"}
)


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of network file system that `path` would be on; None for a local one, or if unknown."""
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
        point = Path(_unescaped(fields[4]))
        # What is mounted later covers what was mounted there before.
        if path.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), after.split(" ")[0]
    family, _, member = kind.partition(".")
    is_network = family in _NETWORK or (family == "fuse" and member in _NETWORK_FUSE)
    return kind if is_network else None


def _unescaped(point: str) -> str:
    """A mount point as a path: white space and backslashes stand there in octal."""
    for escape, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        point = point.replace(escape, character)
    return point
