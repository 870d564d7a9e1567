"""A small Ray on this machine."""

from __future__ import annotations

import os


def start_ray(folder: str, cpus: int = 4) -> None:
    """Start Ray in this process, without dashboard and statistics.

    Args:
        folder: Where Ray keeps its sockets and logs; a short path, because names of sockets have at most 107
            bytes.
        cpus: How many processors Ray shall believe in.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_AUTH_MODE"] = "disabled"  # else Ray writes a token into the home folder
    import ray

    ray.init(
        num_cpus=cpus,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=100 * 2**20,
        _temp_dir=folder,
        _node_ip_address="127.0.0.1",
    )
