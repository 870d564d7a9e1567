"""`SingleCalls`: plain boto3 calls of any operation, from any number of threads."""

from __future__ import annotations

from collections import Counter

from botocore.config import Config

from layercheck.dispatch.single_calls import SingleCalls
from layercheck.dispatch.transport.signing import Signing
from layercheck.images.stopping import StopSignal
from layercheck.retry import RetryPolicy
from layercheck.testing import Fault, LocalEcr


def test_counts_that_were_read_stay_as_they_are_while_other_calls_are_counted() -> None:
    """Case: a report of a run that went on failed, because a thread counted while another added up."""
    faults = [Fault("throttle", operations=("DescribeRepositories",), calls=(1, 1))]
    with LocalEcr({"app": ()}, faults=faults) as ecr:
        client = ecr.client(config=Config(retries={"total_max_attempts": 1}))
        calls = SingleCalls(
            Signing(client, owned=False),
            lambda operation: None,
            renewable=False,
            retry=RetryPolicy(back_off_base_s=0.001),
            call_deadline_s=60.0,
        )
        before = calls.calls, calls.throttles
        calls.make("DescribeRepositories", client.describe_repositories, StopSignal())
        after = calls.calls, calls.throttles
        assert before == (Counter(), Counter())
        assert after == (Counter(DescribeRepositories=2), Counter(DescribeRepositories=1))
        assert calls.counted().calls == Counter()
