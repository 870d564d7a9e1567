"""The peak of memory of a child process, as code for that process."""

from __future__ import annotations

PEAK_MB = '''
def peak_mb():
    """The most memory that this program had at once, MB."""
    import sys
    from pathlib import Path

    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return used / (1_000_000 if sys.platform == "darwin" else 1_000)
    # Linux counts the memory of the process that started this one in ru_maxrss, but not here.
    return int(status.partition("VmHWM:")[2].split()[0]) / 1_000
'''
