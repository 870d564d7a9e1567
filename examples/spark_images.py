"""Find images that cannot be pulled, in the repositories of many accounts, on a Spark cluster.

spark-submit examples/spark_images.py s3://bucket/repositories s3://bucket/images/2026-11-27

The table is Parquet with the columns registry_id (the account), region and repository. The second argument is
a folder of this run alone. Run the same command again to go on after any failure.
"""

import sys

from pyspark.sql import SparkSession

from layercheck import spark as lcs


def main(repositories: str, path: str) -> None:
    """Check the images, write those that are broken, and say how each repository ended."""
    spark = SparkSession.builder.appName("layercheck images").getOrCreate()
    rows = spark.read.parquet(repositories)
    # With many accounts, session="package.module:function" names a function that assumes a role in each.
    tables = lcs.audit_images(rows, path=path, progress=True)
    broken = tables.images.where("verdict in ('incomplete', 'unreadable')")
    broken.write.mode("overwrite").parquet(f"{path}-broken")
    tables.images.groupBy("verdict").count().orderBy("verdict").show()
    tables.repositories.groupBy("state").count().orderBy("state").show()
    spark.stop()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
