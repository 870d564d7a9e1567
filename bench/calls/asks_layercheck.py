"""layercheck without a limit of rate; the option is the transport, with ", ready plan" for a plan."""

from __future__ import annotations

from typing import Any, cast

import boto3

import layercheck as lc
from calls import trial

READY = ", ready plan"


class Timed:
    """A subscriber in place of another, which notes the duration of each call."""

    def __init__(self, inner: Any, times: list[float]) -> None:
        self._inner = inner
        self._times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def record(self, outcome: Any) -> None:
        self._times.append(outcome.now - outcome.call.started_at)
        self._inner.record(outcome)

    def record_answers(self, answers: Any) -> None:
        self._times += [answered_at - started_at for _, _, started_at, answered_at in answers]
        self._inner.record_answers(answers)


class Layercheck:
    extra_cpu_seconds = 0.0
    extra_bytes = 0

    def __init__(self, task: trial.Task) -> None:
        self.times: list[float] = []
        transport, ready, _ = (task.option or "").partition(READY)
        self._is_ready = bool(ready)
        inner = boto3.Session(
            aws_access_key_id="local", aws_secret_access_key="local", region_name="us-east-1"
        )
        if task.ca_bundle:
            inner._session.set_config_variable("ca_bundle", task.ca_bundle)
        self._checker = lc.Checker(
            trial.REPOSITORY,
            session=inner,
            endpoint_url=task.endpoint_url,
            rate="max",
            max_in_flight=task.in_flight,
            transport=cast("Any", transport),
        )
        pool: Any = self._checker._connection.pool
        pool.concurrency = Timed(pool.concurrency, self.times)

    def prepare(self, digests: list[str]) -> list[str] | lc.Plan:
        return lc.plan(digests) if self._is_ready else digests

    def ask(self, digests: list[str] | lc.Plan) -> bytes:
        report = self._checker.check(digests)
        report.raise_for_failures()
        return report.unique_verdicts.tobytes()

    def close(self) -> None:
        self._checker.close()


if __name__ == "__main__":
    trial.run(Layercheck)
