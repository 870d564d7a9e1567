"""A scheduler and its workers in processes of their own, so that a test can end any of them.

python -m on_dask.cluster_program WORKERS THREADS: prints the address of the scheduler, and runs until its
standard input is closed. A number there is how many workers there shall be from then on.
"""

from __future__ import annotations

import sys

from distributed import LocalCluster


def main(workers: int, threads: int) -> None:
    """Run the cluster, on this machine only and without a dashboard."""
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=threads,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        sys.stdout.write(f"{cluster.scheduler_address}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            cluster.scale(int(line))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
