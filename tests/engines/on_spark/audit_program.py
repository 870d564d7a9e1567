"""A job in a process of its own: `python -m on_spark.audit_program '{...}'`. Writes what came out as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import layercheck as lc
from audited import digests
from layercheck import shard
from layercheck import spark as lcs
from layercheck.spark.verdicts import share_of
from on_spark import session
from on_spark.tables import frame_of, image_lines, lines_of


def run(given: dict[str, Any]) -> dict[str, Any]:
    """Audit made-up digests, and attach the verdicts to them."""
    folder = Path(given["folder"])
    extra = given.get("settings", {})
    spark = session.start(
        folder, master=given.get("master", session.LOCAL_CLUSTER), remote=given.get("remote"), settings=extra
    )
    if "images" in given:
        return check_images(spark, given)
    rows = [*digests(given["rows"]), None]
    frame = frame_of(spark, rows)
    options = given["options"]
    try:
        table = lcs.audit(frame, given["repository_name"], **options)
    except lc.LayercheckError as error:
        return {"error": type(error).__name__, "message": str(error)}
    counts = lcs.attach(frame, table).groupBy("verdict").count().collect()
    return {
        "lines": lines_of(table),
        "attached": {row["verdict"]: row["count"] for row in counts},
        "session": type(spark).__module__,
        "version": spark.version,
        "share": share_of(spark, shard.Settings("app", rate=options["rate"]), None).rate,
    }


def check_images(spark: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Check the images of some repositories; returns the lines of the tables."""
    region = given["options"].pop("region_name")
    options = {name: value for name, value in given["options"].items() if value is not None}
    rows = [(region, name) for name in given["images"]]
    frame = spark.createDataFrame(rows, "region string, repository string")
    tables = lcs.audit_images(frame, **options)
    found = image_lines(tables)
    return {"tables": {name: sorted(found[name].elements()) for name in shard.IMAGE_TABLES}}


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    found = run(arguments)
    Path(arguments["output"]).write_text(json.dumps(found))
