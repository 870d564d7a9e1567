"""How many calls are made twice if a Python worker, an executor or the driver is killed?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audited import REPOSITORY
from engines.spark_cluster import Server, asker, audit, cluster, digests, executor, is_right, killing
from on_spark import session
from processes import descendants, end_all, is_running, until


def deaths(rate: int = 200, count: int = 40_000) -> Iterator[dict[str, Any]]:
    """Calls made twice for each kind of death, when half of the calls is made."""
    least = count // 100
    with cluster(session.LOCAL_CLUSTER) as spark, Server(latency_ms=10) as server:
        frame = digests(spark, count)
        for slices in (1, 8):
            for name, choose in (("nothing", None), ("python worker", asker), ("executor", executor)):
                server.ask("reset")
                with tempfile.TemporaryDirectory() as folder:
                    with killing(server, None if choose is None else least // 2, choose or executor):
                        table = audit(server, frame, f"{folder}/audit", rate=rate, askers=2, slices=slices)
                    made = server.ask("calls") - 1
                    right = is_right(server, frame, table)
                yield {"dies": name, "slices": slices, "least": least, "calls": made, "right": right}
    for slices in (1, 8):
        with Server(latency_ms=10) as server, tempfile.TemporaryDirectory() as folder:
            yield driver_dies(server, Path(folder), rate, count, slices)


def driver_dies(server: Server, folder: Path, rate: int, count: int, slices: int) -> dict[str, Any]:
    """Kill the driver when half of the calls is made, and run the same job again."""
    least = count // 100
    options = {"path": f"{folder}/audit", "endpoint_url": server.endpoint_url, "region_name": "us-east-1"}
    given: dict[str, Any] = {
        "folder": f"{folder}/cluster",
        "output": f"{folder}/output.json",
        "rows": count,
        "repository_name": REPOSITORY,
        "master": session.LOCAL_CLUSTER,
        "options": {**options, "rate": rate, "slices": slices},
    }
    command = [sys.executable, "-m", "on_spark.audit_program", json.dumps(given)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while server.ask("calls") < least // 2:  # a cluster takes its time to start
        if first.poll() is not None:
            raise ChildProcessError("the first job ended before half of the calls")
    family = descendants(first.pid)
    first.send_signal(signal.SIGKILL)
    first.wait()
    at_the_kill = server.ask("calls")
    for _ in until("the cluster ended"):
        if not any(map(is_running, family)):
            break
    at_the_end = server.ask("calls")
    second = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    second.wait(300)
    end_all(second.pid)
    lines = json.loads(Path(given["output"]).read_text())["lines"]
    return {
        "dies": "driver",
        "slices": slices,
        "least": least,
        "calls": server.ask("calls") - 2,
        "calls_after_the_kill": at_the_end - at_the_kill,
        "right": len({line[0] for line in lines}) == count == len(lines),
    }
