"""Find images that cannot be pulled, in the repositories of many accounts, on a Dask cluster.

python examples/dask_images.py repositories.parquet images/2026-11-27 [SCHEDULER]

The file has the columns registry_id (the account), region and repository. The second argument is a folder of
this run alone, which all workers see. Without the address of a scheduler the workers run on this machine. Run
the same command again to go on after any failure.
"""

import sys

from distributed import Client, LocalCluster

import layercheck.dask


def main(repositories: str, path: str, client: Client) -> None:
    """Check the images, write those that are broken, and say how each repository ended."""
    # With many accounts, session="package.module:function" names a function that assumes a role in each.
    tables = layercheck.dask.audit_images(repositories, path=path, progress=True, client=client)
    images = tables.images
    broken = images[images["verdict"].isin(["incomplete", "unreadable"])]
    broken.to_parquet(f"{path}-broken", overwrite=True)
    for verdict, count in images["verdict"].value_counts().compute().items():
        print(f"{verdict:12} {count:>12,} images")
    for state, count in tables.repositories["state"].value_counts().compute().items():
        print(f"{state:12} {count:>12,} repositories")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    if len(sys.argv) == 4:
        with Client(sys.argv[3]) as client:
            main(*sys.argv[1:3], client)
    else:
        with (
            LocalCluster(host="127.0.0.1", dashboard_address="127.0.0.1:0") as cluster,
            Client(cluster) as client,
        ):
            main(*sys.argv[1:3], client)
