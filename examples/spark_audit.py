"""Audit the digests of a table on a Spark cluster, and give every row its verdict.

spark-submit examples/spark_audit.py team/app s3://bucket/layers s3://bucket/audits/2026-11-27

The table is Parquet with a column `digest`; a name that ends in .txt is a file with a digest a line. The
third argument is a folder of this audit alone. Run the same command again to go on after any failure.
"""

import sys

from pyspark.sql import SparkSession

from layercheck import shard
from layercheck import spark as lcs


def main(repository: str, table: str, path: str) -> None:
    """Audit, and write the rows with their verdicts beside the audit."""
    spark = SparkSession.builder.appName(f"layercheck {repository}").getOrCreate()
    text = table.endswith(".txt")
    rows = spark.read.text(table).toDF("digest") if text else spark.read.parquet(table)
    # A worker finds region and credentials where boto3 looks for them: here nothing of them is passed.
    verdicts = lcs.audit(rows, repository, path=path, progress=True)
    with_verdicts = lcs.attach(rows, verdicts, columns=["verdict"])
    with_verdicts.write.mode("overwrite").parquet(f"{path}-rows")
    print(shard.summary(path))
    spark.read.parquet(f"{path}-rows").groupBy("verdict").count().orderBy("verdict").show()
    spark.stop()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
