"""TLS: every transport trusts what botocore would, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import layercheck as lc
from dispatch.transport.conftest import FASTER, ROWS
from fake_account import digests
from layercheck.dispatch.transport import AskedRepository, Batch
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.testing import EvenDigests, LocalEcr


@pytest.mark.parametrize("transport", NAMES)
def test_a_private_authority_is_trusted_where_botocore_would(
    transport: TransportName, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalEcr({"team/app": EvenDigests()}, tls=True) as ecr:
        options: dict[str, Any] = {
            "endpoint_url": ecr.endpoint_url,
            "region_name": "us-east-1",
            "transport": transport,
        }
        with pytest.raises(lc.EndpointError, match="certificate verify failed"):
            lc.check(ROWS, "team/app", **options)
        assert ecr.counters.requests == 0
        assert ecr.ca_bundle is not None
        monkeypatch.setenv("AWS_CA_BUNDLE", ecr.ca_bundle)
        report = lc.check(ROWS, "team/app", **options)
        assert (report.complete, report.stats.transport) == (True, transport)


@pytest.mark.parametrize("tls", ["wrong_host", "expired"])
@pytest.mark.parametrize("transport", FASTER)
def test_a_certificate_that_proves_nothing_is_believed_by_no_transport(
    transport: TransportName, tls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalEcr({"team/app": EvenDigests()}, tls=tls) as ecr:
        assert ecr.ca_bundle is not None
        monkeypatch.setenv("AWS_CA_BUNDLE", ecr.ca_bundle)
        with pytest.raises(lc.EndpointError, match=r"certificate|doesn't match"):
            lc.check(
                ROWS, "team/app", endpoint_url=ecr.endpoint_url, region_name="us-east-1", transport=transport
            )
        assert ecr.counters.requests == 0


@pytest.mark.parametrize("transport", ["wire", "native"])
def test_a_bundle_that_only_openssl_could_read_is_left_to_botocore(
    transport: TransportName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("no certificate\n")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    plan = lc.plan(digests(1))
    options: dict[str, Any] = {"endpoint_url": "https://127.0.0.1:9", "region_name": "us-east-1"}
    with (
        lc.Checker("team/app", transport="plain", **options) as plain,
        lc.Checker("team/app", transport=transport, **options) as checker,
    ):
        with pytest.raises(Exception) as expected:
            plain._connection.transport(Batch(plan, 0, 1, AskedRepository("team/app")))
        with pytest.raises(Exception) as caught:
            checker._connection.transport(Batch(plan, 0, 1, AskedRepository("team/app")))
        assert (type(caught.value), str(caught.value)) == (type(expected.value), str(expected.value))
        assert checker.transport == "slim"
