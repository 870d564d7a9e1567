"""`Connection`: what all runs share that use one client: client, transport, rate and worker threads."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from layercheck.aws import credentials
from layercheck.aws.classify import UnusableCredentials
from layercheck.aws.client import open_client
from layercheck.aws.credential_sources import CredentialSourceError
from layercheck.aws.service_quotas import calls_per_second
from layercheck.dispatch.rate.lanes import join_lane
from layercheck.dispatch.schedule.workers import WorkerPool
from layercheck.dispatch.transport import choose
from layercheck.dispatch.transport.selection import TransportName, check_name
from layercheck.dispatch.transport.signing import Signing
from layercheck.errors import CredentialsError
from layercheck.limits import Limits
from layercheck.redact import clean
from layercheck.types import EcrClient, Rate, Target

if TYPE_CHECKING:
    from boto3 import Session
    from botocore.config import Config


class Connection:
    """A client, the transport over it, its part in a lane, and the threads that make the calls.

    It is made on the calling thread, because boto3 sessions are not thread-safe. The arguments are those of
    `Checker`.

    A `Checker` has one of its own. Checks of many repositories of one registry share one: `of_repository`.

    Attributes:
        target: Where digests are checked.
        settings: How the client reaches the service.
        signing: The credentials and the clock of the client.
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
        self.signing = Signing(self.client, owned=self._open.owned)
        self._is_shared = False
        number = self._choose(transport, rate)
        self.rate = join_lane(self.client, self.target, number, limits)
        self.pool = WorkerPool(self.max_in_flight, self.rate, idle_s=limits.idle_s)

    def _choose(self, transport: TransportName | None, rate: Rate) -> float | None:
        """Choose the transport, and return the calls per second. If that fails, close the client."""
        try:
            self.transport = choose(
                self.client,
                self.signing,
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

    def of_repository(self, repository_name: str) -> Connection:
        """Return the same for another repository of the registry. Closing it leaves this one open."""
        other = copy.copy(self)
        other.target = replace(self.target, repository_name=repository_name)
        other._is_shared = True
        return other

    @property
    def session(self) -> Session | None:
        """The session that made the client; None for a client of the caller's own."""
        session: Session | None = self._open.session
        return session

    @property
    def account_id(self) -> str | None:
        """The account of the credentials, if they show it."""
        return credentials.known_account(self.client)

    def key_owner(self) -> credentials.KeyOwner | None:
        """Return whose keys the client has; None without any.

        Raises:
            CredentialsError: They cannot be fetched now, or cannot be used.
        """
        failed: CredentialsError | None = None
        try:
            return credentials.key_owner(self.client)
        except (CredentialSourceError, UnusableCredentials) as error:
            failed = CredentialsError(clean(error, 500))
        raise failed  # outside of the handler, so that Python does not chain what a source printed

    @property
    def renewable(self) -> bool:
        """Whether the client gets new credentials when these expire."""
        return credentials.can_be_renewed(self.client)

    def close(self, run_threads: Iterable[threading.Thread]) -> None:
        """Stop the worker threads, leave the lane, and close the client if it was made here.

        Args:
            run_threads: Threads of runs that have ended, to be waited for too.
        """
        threads: Iterable[threading.Thread] = ()
        if not self._is_shared:
            with self.pool.lock:
                threads = self.pool.close()
            self.rate.leave()
        deadline = time.monotonic() + self._limits.grace_s
        for thread in (*run_threads, *threads):
            # A thread that is done with its last call ends at once. An abandoned thread, which may still wait
            # for the network, is not among these.
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        if not self._is_shared:
            self.transport.close()
            self._open.close()
