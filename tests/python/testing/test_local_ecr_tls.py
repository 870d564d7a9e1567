"""LocalEcr over TLS: which clients trust it, and which refuse it."""

from __future__ import annotations

import gc
import socket
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

import layercheck as lc
from layercheck.testing import EvenDigests, Fault, LocalEcr

DIGESTS = [f"sha256:{number:064x}" for number in range(100)]
ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})


def ask(client: Any) -> int:
    answer = client.batch_check_layer_availability(repositoryName="app", layerDigests=DIGESTS)
    return sum(layer["layerAvailability"] == "AVAILABLE" for layer in answer["layers"])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_strictest_verifier_accepts_the_certificate_for_both_names(host: str) -> None:
    with LocalEcr({"app": EvenDigests()}, tls=True) as ecr:
        context = ssl.create_default_context(cafile=ecr.ca_bundle)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        with (
            socket.create_connection(("127.0.0.1", ecr.port)) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            assert secured.version() == "TLSv1.3"
        url = f"https://{host}:{ecr.port}"
        client = boto3.client("ecr", **{**ecr.client_arguments(), "endpoint_url": url})
        assert ask(client) == 50


def test_sessions_clients_and_the_environment_trust_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalEcr({"app": EvenDigests()}, tls=True) as ecr:
        assert urlsplit(ecr.endpoint_url).scheme == "https"
        assert ask(ecr.client()) == ask(boto3.client("ecr", **ecr.client_arguments())) == 50
        report = lc.check(DIGESTS, "app", session=ecr.session(), endpoint_url=ecr.endpoint_url)
        assert report.complete
        assert report.counts["available"] == 50
        arguments = ecr.client_arguments()
        assert ecr.ca_bundle is not None
        monkeypatch.setenv("AWS_CA_BUNDLE", ecr.ca_bundle)
        del arguments["verify"]
        assert ask(boto3.client("ecr", **arguments)) == 50
        assert ecr.counters.answered == 4


def test_clients_do_not_trust_it_by_default() -> None:
    with LocalEcr({"app": EvenDigests()}, tls=True) as ecr:
        arguments = ecr.client_arguments()
        del arguments["verify"]
        with pytest.raises(SSLError, match="certificate verify failed"):
            ask(boto3.client("ecr", config=ONCE, **arguments))
        assert ecr.counters.requests == 0


@pytest.mark.parametrize(
    ("tls", "why"), [("wrong_host", "certificate is not valid for|doesn't match"), ("expired", "has expired")]
)
def test_clients_refuse_a_certificate_for_another_host_or_an_expired_one(tls: Any, why: str) -> None:
    with LocalEcr({"app": EvenDigests()}, tls=tls) as ecr:
        with pytest.raises(SSLError, match=why):
            ask(ecr.client(config=ONCE))
        assert ecr.counters.requests == 0
        # A client without verification gets its answer.
        with pytest.warns(Warning, match="Unverified HTTPS"):
            assert ask(ecr.client(verify=False)) == 50


def test_each_server_has_an_authority_of_its_own() -> None:
    with LocalEcr({"app": EvenDigests()}, tls=True) as one, LocalEcr(["app"], tls=True) as other:
        with pytest.raises(SSLError):
            ask(one.client(verify=other.ca_bundle, config=ONCE))
        assert ask(one.client()) == 50


def test_the_file_is_removed_with_the_server() -> None:
    ecr = LocalEcr(["app"], tls=True)
    assert ecr.ca_bundle is not None
    folder = Path(ecr.ca_bundle).parent
    assert folder.is_dir()
    ecr.close()
    assert not folder.exists()
    ecr.close()

    forgotten = LocalEcr(["app"], tls=True)
    assert forgotten.ca_bundle is not None
    folder = Path(forgotten.ca_bundle).parent
    del forgotten
    gc.collect()
    assert not folder.exists()


def test_without_tls_there_is_no_file_and_nothing_to_verify() -> None:
    with LocalEcr(["app"]) as ecr:
        assert ecr.ca_bundle is None
        assert "verify" not in ecr.client_arguments()


def test_an_unknown_certificate_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r'wrong_host.*not "self-signed"'):
        LocalEcr(["app"], tls="self-signed")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["disconnect", "reset", "cut", "slow"])
def test_faults_of_the_connection_work_under_tls(kind: Any) -> None:
    with LocalEcr({"app": EvenDigests()}, tls=True, faults=[Fault(kind, calls=(1, 2))]) as ecr:
        report = lc.check(DIGESTS, "app", session=ecr.session(), endpoint_url=ecr.endpoint_url)
        assert report.complete
        assert report.counts["available"] == 50
        assert ecr.counters.faults[kind] > 0
