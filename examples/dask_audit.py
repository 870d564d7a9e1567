"""Audit the digests of Parquet files on a Dask cluster, and give every row its verdict.

python examples/dask_audit.py team/app digests/ audits/2026-11-27 [SCHEDULER]

The files have a column `digest`. The third argument is a folder of this audit alone, which all workers see.
Without the address of a scheduler the workers run on this machine. Run the same command again to go on after
any failure.
"""

import sys

import dask.dataframe as dd
from distributed import Client, LocalCluster

import layercheck.dask
from layercheck import shard


def main(repository: str, digests: str, path: str, client: Client) -> None:
    """Audit, and write the rows with their verdicts beside the audit."""
    # A worker finds region and credentials where boto3 looks for them: nothing of them is sent.
    verdicts = layercheck.dask.audit(digests, repository, path=path, progress=True, client=client)
    print(shard.summary(path))
    rows = dd.read_parquet(digests)
    with_verdicts = layercheck.dask.attach(rows, verdicts, columns=["verdict"])
    with_verdicts.to_parquet(f"{path}-rows", overwrite=True)
    for verdict, count in dd.read_parquet(f"{path}-rows")["verdict"].value_counts().compute().items():
        print(f"{verdict:12} {count:>12,} rows")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    if len(sys.argv) == 5:
        with Client(sys.argv[4]) as client:
            main(*sys.argv[1:4], client)
    else:
        with (
            LocalCluster(host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
            Client(cluster) as client,
        ):
            main(*sys.argv[1:4], client)
