"""Audit the digests of Parquet files on a Ray cluster, and give every row its verdict.

python examples/ray_audit.py team/app digests/ audits/2026-11-27

The files have a column `digest`. The third argument is a folder of this audit alone, which all workers see.
RAY_ADDRESS names the cluster; without it Ray starts on this machine, where it listens on every network
interface. Run the same command again to go on after any failure.
"""

import sys

import ray

import layercheck.ray
from layercheck import shard


def main(repository: str, digests: str, path: str) -> None:
    """Audit, and write the rows with their verdicts beside the audit."""
    ray.init()
    # A worker finds region and credentials where boto3 looks for them: nothing of them is sent.
    verdicts = layercheck.ray.audit(digests, repository, path=path, progress=True)
    print(shard.summary(path))
    rows = ray.data.read_parquet(digests)
    with_verdicts = layercheck.ray.attach(rows, verdicts, columns=["verdict"]).materialize()
    with_verdicts.write_parquet(f"{path}-rows")
    for line in with_verdicts.groupby("verdict").count().take_all():
        print(f"{line['verdict']:12} {line['count()']:>12,} rows")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
