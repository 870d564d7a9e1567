"""Find images that cannot be pulled, in the repositories of many accounts, on a Ray cluster.

python examples/ray_images.py repositories.parquet images/2026-11-27

The file has the columns registry_id (the account), region and repository. The second argument is a folder of
this run alone, which all workers see. RAY_ADDRESS names the cluster; without it Ray starts on this machine,
where it listens on every network interface. Run the same command again to go on after any failure.
"""

import sys

import ray

import layercheck.ray


def main(repositories: str, path: str) -> None:
    """Check the images, write those that are broken, and say how each repository ended."""
    ray.init()
    # With many accounts, session="package.module:function" names a function that assumes a role in each.
    tables = layercheck.ray.audit_images(repositories, path=path, progress=True)
    images = tables.images.materialize()
    broken = images.filter(lambda image: image["verdict"] in ("incomplete", "unreadable"))
    broken.write_parquet(f"{path}-broken")
    for line in images.groupby("verdict").count().take_all():
        print(f"{line['verdict']:12} {line['count()']:>12,} images")
    for line in tables.repositories.groupby("state").count().take_all():
        print(f"{line['state']:12} {line['count()']:>12,} repositories")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
