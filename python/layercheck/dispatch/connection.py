"""`Connection`: what all runs of one `Checker` share: client, transport, rate and worker threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from layercheck.aws import credentials
from layercheck.aws.client import open_client
from layercheck.aws.service_quotas import calls_per_second
from layercheck.dispatch.rate.lanes import LANES, key_of
from layercheck.dispatch.schedule.workers import WorkerPool
from layercheck.dispatch.transport import choose
from layercheck.dispatch.transport.selection import TransportName, check_name
from layercheck.limits import Limits
from layercheck.types import EcrClient, Rate, Target

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config


class Connection:
    """A client, the transport over it, its part in a lane, and the threads that make the calls.

    It is made on the calling thread, because boto3 sessions are not thread-safe. The arguments are those of
    `Checker`.

    Attributes:
        target: Where digests are checked.
        settings: How the client reaches the service.
        transport: Makes the requests.
        rate: The part in the lane.
        pool: The worker threads.
        max_in_flight: Most calls at once.
    """

    def __init__(
        self,
        repository_name: str,
        registry_id: str | None,
        *,
        public: bool,
        session: Session | None,
        client: EcrClient | None,
        region_name: str | None,
        profile_name: str | None,
        endpoint_url: str | None,
        config: Config | None,
        rate: Rate,
        max_in_flight: int | None,
        transport: TransportName | None,
        limits: Limits,
    ) -> None:
        check_name(transport)
        self._limits = limits
        self._open = open_client(
            repository_name,
            registry_id,
            public=public,
            session=session,
            client=client,
            region_name=region_name,
            profile_name=profile_name,
            endpoint_url=endpoint_url,
            config=config,
            max_in_flight=max_in_flight,
            plain=transport == "plain",
            limits=limits,
        )
        self.target: Target = self._open.target
        self.settings = self._open.settings
        self.max_in_flight = self._open.max_in_flight
        self.client: EcrClient = self._open.client
        number = self._choose(transport, rate)
        self.rate = LANES.join(key_of(self.client, self.target), number, recovery=limits.recovery)
        self.pool = WorkerPool(self.max_in_flight, self.rate, idle_s=limits.idle_s)

    def _choose(self, transport: TransportName | None, rate: Rate) -> float | None:
        """Choose the transport, and return the calls per second. If that fails, close the client."""
        try:
            self.transport = choose(
                self.client,
                self.target.repository_name,
                self.target.registry_id,
                wanted=transport,
                owned=self._open.owned,
                limits=self._limits,
            )
            return calls_per_second(
                rate,
                service="ecr-public" if self.target.public else "ecr",
                session=self._open.session,
                region_name=self.target.region_name,
            )
        except BaseException:
            self._open.close()
            raise

    @property
    def account_id(self) -> str | None:
        """The account of the credentials, if they show it."""
        return credentials.known_account(self.client)

    @property
    def renewable(self) -> bool:
        """Whether the client gets new credentials when these expire."""
        return credentials.can_be_renewed(self.client)

    def close(self, run_threads: Iterable[threading.Thread]) -> None:
        """Stop the worker threads, leave the lane, and close the client if it was made here.

        Args:
            run_threads: Threads of runs that have ended, to be waited for too.
        """
        with self.pool.lock:
            threads = self.pool.close()
        self.rate.leave()
        for thread in (*run_threads, *threads):
            # A thread that is done with its last call ends at once. An abandoned thread, which may still wait
            # for the network, is not among these.
            if thread is not threading.current_thread():
                thread.join(self._limits.grace_s)
        self.transport.close()
        self._open.close()
