"""`layercheck images` when the service refuses something: what is shown, written and advised."""

from __future__ import annotations

import csv
from pathlib import Path

from layercheck.testing import Fault, ImageRule, LocalEcr
from made_images import REPOSITORY, manifest, put

from .conftest import Layercheck

FAST = ("--rate", "max", "--image-rate", "max", "--list-rate", "max")


def at(ecr: LocalEcr) -> tuple[str, ...]:
    return ("images", "--endpoint-url", ecr.endpoint_url, *FAST)


def test_a_parameter_that_the_service_refuses_is_not_wrong_usage_and_loses_no_verdict(
    layercheck: Layercheck, tmp_path: Path
) -> None:
    rules = {f"team/r{number:02}": ImageRule(40, layers=3, broken=1) for number in range(12)}
    with LocalEcr(rules, region_name="eu-west-1") as ecr:
        refused = Fault(
            "error",
            operations=("BatchCheckLayerAvailability",),
            code="InvalidParameterException",
            message="Invalid parameter",
            calls=(14, None),
        )
        ecr.set_faults([refused])
        ended = layercheck(*at(ecr), "team/*", "-o", tmp_path / "o.csv")
    assert ended.code != 2
    assert "--help" not in ended.err
    assert "InvalidParameterException" in ended.err
    assert "12 repositories" in ended.out
    rows = list(csv.DictReader((tmp_path / "o.csv").read_text().splitlines()))
    assert len(rows) == 480
    assert 0 < sum(row["verdict"] != "not_checked" for row in rows) < 480


def test_a_name_that_the_service_refuses_fails_and_is_not_wrong_usage(layercheck: Layercheck) -> None:
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        for words in (("a",), ("a", "--dry-run")):
            ended = layercheck(*at(ecr), *words)
            assert (ended.code, ended.out) == (1, "")
            assert "InvalidParameterException" in ended.err
            assert "--help" not in ended.err
