"""The server, its doors and the clients that reach it."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from layercheck._core import LocalEcrServer
from layercheck.testing.counters import Call, Counters
from layercheck.testing.faults import Fault, Throttle
from layercheck.testing.contents import Availability, EvenDigests, FractionOfDigests, Layer, OciLayout, Seed

if TYPE_CHECKING:
    import boto3

Certificate: TypeAlias = Literal["valid", "wrong_host", "expired"]
"""What a server with TLS shows: a certificate for 127.0.0.1 and localhost; for another host; long over."""

# Key and secret: no signature is verified, and AWS never issues keys of this form.
_DUMMY: Final = "local-ecr"


class LocalEcr:
    """A running local ECR endpoint; use it in a `with`, or `close` it.

    Args:
        repositories: Names with what each holds (see `Seed`), or names of empty repositories.
        account_id: 12 digits.
        registry_alias: Another name of the public registry.
        region_name: Region that credentials must be scoped to; None for any.
        faults: What goes wrong.
        seed: Of all chance.
        latency_ms: Milliseconds before each answer.
        jitter_ms: Up to so many more.
        throttle: A `Throttle`, or (rate, burst).
        absent_as_failure: Answer absent digests as moto does.
        log_calls: How many of the last calls `calls` keeps.
        port: On 127.0.0.1; 0 for a free one.
        tls: Serve HTTPS with a certificate of a private authority, which is made for this server and
            known to nobody else: clients trust it by `ca_bundle`. True is a good certificate, for
            127.0.0.1 and localhost; a client should refuse "wrong_host" and "expired".

    Raises:
        ValueError: If an option, a seed or a fault makes no sense.
        OSError: If the port cannot be had, a layout not be read, or the file of `ca_bundle` not be written.

    Examples:
        >>> held, absent = "sha256:" + "a0" * 32, "sha256:" + "b1" * 32
        >>> with LocalEcr({"app": [held]}) as ecr:
        ...     answer = ecr.client().batch_check_layer_availability(
        ...         repositoryName="app", layerDigests=[held, absent]
        ...     )
        >>> [layer["layerAvailability"] for layer in answer["layers"]]
        ['AVAILABLE', 'UNAVAILABLE']
        >>> ecr.counters.calls, ecr.calls[0].digests == [held, absent]
        (1, True)
    """

    def __init__(
        self,
        repositories: Mapping[str, Seed] | Iterable[str] = (),
        *,
        account_id: str = "123456789012",
        registry_alias: str | None = None,
        region_name: str | None = "us-east-1",
        faults: Sequence[Fault] = (),
        seed: int = 0,
        latency_ms: float = 0.0,
        jitter_ms: float = 0.0,
        throttle: Throttle | tuple[float, float] | None = None,
        absent_as_failure: bool = False,
        log_calls: int = 1000,
        port: int = 0,
        tls: bool | Certificate = False,
    ) -> None:
        if isinstance(repositories, str):
            raise TypeError("repositories must be a mapping or names, not one name")
        self.account_id = account_id
        self.region_name = region_name
        self._server = LocalEcrServer(
            account_id=account_id,
            registry_alias=registry_alias,
            region_name=region_name,
            port=port,
            tls=("valid" if tls else None) if isinstance(tls, bool) else tls,
            seed=seed,
            latency_ms=latency_ms,
            jitter_ms=jitter_ms,
            throttle=_throttle(throttle),
            faults=list(faults),
            absent_as_failure=absent_as_failure,
            log_calls=log_calls,
        )
        self._folder: Path | None = None
        try:
            if self._server.ca_pem is not None:
                self._folder = Path(tempfile.mkdtemp(prefix="local-ecr-"))
                # Also if nobody closes the server; not in a child made by fork, whose parent still needs it.
                self._remove = weakref.finalize(self, _remove, self._folder, os.getpid())
                (self._folder / "ca.pem").write_text(self._server.ca_pem)
            seeds = repositories if isinstance(repositories, Mapping) else dict.fromkeys(repositories, ())
            for name, holds in seeds.items():
                self._hold(name, holds)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else self.endpoint_url
        return f"<LocalEcr {state} {', '.join(self.repositories)}>"

    def close(self) -> None:
        """End the server and every connection; counters, calls and the truth stay readable."""
        self._server.close()
        if self._folder is not None:
            self._remove()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._server.closed

    @property
    def endpoint_url(self) -> str:
        """What boto3 takes as `endpoint_url`."""
        return self._server.endpoint_url

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.port

    @property
    def ca_bundle(self) -> str | None:
        """Path of a PEM file with the authority that signed the certificate; None without TLS.

        boto3 takes it as `verify`, or from the environment as `AWS_CA_BUNDLE`; other clients have
        settings of their own. `session`, `client` and `client_arguments` have it already. The file
        goes when the server is closed.

        Examples:
            >>> import boto3
            >>> with LocalEcr(["app"], tls=True) as ecr:
            ...     client = boto3.client("ecr", **ecr.client_arguments())
            ...     layers = client.batch_check_layer_availability(
            ...         repositoryName="app", layerDigests=["sha256:" + "0" * 64]
            ...     )["layers"]
            >>> ecr.endpoint_url.startswith("https://127.0.0.1:"), layers[0]["layerAvailability"]
            (True, 'UNAVAILABLE')
        """
        return None if self._folder is None else str(self._folder / "ca.pem")

    # What it holds.

    @property
    def repositories(self) -> list[str]:
        """Names of all repositories, sorted."""
        return self._server.repositories

    def add_repository(self, repository_name: str) -> None:
        """Make a repository, if there is none of this name yet.

        Raises:
            ValueError: If neither service could have a repository of this name.
        """
        self._server.put(repository_name, ())

    def put(
        self,
        repository_name: str,
        digests: Iterable[str | bytes] | Mapping[str, Layer | int],
        *,
        availability: Availability = "AVAILABLE",
        size: int | None = None,
        media_type: str | None = None,
    ) -> int:
        """Add digests to a repository, which is made if need be; also while calls come in.

        Digests given later replace earlier ones, and come before a rule.

        Args:
            repository_name: Where they go.
            digests: Canonical text or 32 raw bytes, all alike; or a mapping from text to a `Layer` or a size.
            availability: What to answer of them; not for a mapping, like the next two.
            size: Bytes; None for sizes made from the digests.
            media_type: None for that of a gzipped OCI layer.

        Returns:
            How many digests were given.

        Raises:
            ValueError: If the name or a digest is not valid.
        """
        if isinstance(digests, Mapping):
            if availability != "AVAILABLE" or size is not None or media_type is not None:
                raise TypeError("a mapping says of each digest what it is; leave out the other arguments")
            return self._server.put_layers(repository_name, [_layer(*item) for item in digests.items()])
        return self._server.put(repository_name, digests, availability, size, media_type)

    def put_oci_layout(
        self, repository_name: str, folder: str | os.PathLike[str], *, existing_only: bool = False
    ) -> int:
        """Add configs and layers of every image in an OCI image layout folder.

        Nested indexes are walked; documents must hash to their names.

        Args:
            repository_name: Where they go.
            folder: Has `index.json` and `blobs/sha256`.
            existing_only: Pass over blobs and manifests that are not on disk.

        Returns:
            How many different blobs there were.

        Raises:
            ValueError: If the folder is no layout, or a document in it is not what it must be.
            OSError: If a document cannot be read.
        """
        return self._server.put_oci_layout(repository_name, os.fspath(folder), existing_only)

    def set_rule(
        self,
        repository_name: str,
        rule: Literal["even", "fraction"] | None,
        *,
        fraction: float = 0.5,
        seed: int = 0,
    ) -> None:
        """Let a rule say which digests a repository holds, besides those put there.

        Nothing is stored, so a million rows cost nothing; `available` tells the truth.

        Args:
            repository_name: Made if need be.
            rule: `even` holds digests whose last hexadecimal digit is even; `fraction` a part of all
                digests, chosen by a keyed hash; None for no rule.
            fraction: That part, 0 to 1.
            seed: The key of the hash: another seed holds other digests.

        Raises:
            ValueError: If the name, the rule or the fraction is not valid.
        """
        self._server.set_rule(repository_name, rule, fraction, seed)

    def _hold(self, repository_name: str, seed: Seed) -> None:
        match seed:
            case EvenDigests():
                self.set_rule(repository_name, "even")
            case FractionOfDigests(fraction, key):
                self.set_rule(repository_name, "fraction", fraction=fraction, seed=key)
            case OciLayout(path, existing_only):
                self.put_oci_layout(repository_name, path, existing_only=existing_only)
            case Path():
                self.put_oci_layout(repository_name, seed)
            case _:
                self.put(repository_name, seed)

    def remove(self, repository_name: str, digests: Iterable[str | bytes]) -> int:
        """Remove digests from a repository; how many were there one by one."""
        return self._server.remove(repository_name, digests)

    def delete(self, repository_name: str) -> bool:
        """Delete a repository; whether there was one."""
        return self._server.delete(repository_name)

    def availability(self, digest: str | bytes, repository_name: str | None = None) -> Availability:
        """The truth about one digest, whatever faults do to answers.

        Args:
            digest: Canonical text or 32 raw bytes.
            repository_name: May be left out if there is one repository only.

        Raises:
            LookupError: If there is no such repository, or more than one and none is named.
            ValueError: If the digest is not well-formed.
        """
        return self.availabilities([digest], repository_name)[0]

    def availabilities(
        self, digests: Iterable[str | bytes], repository_name: str | None = None
    ) -> list[Availability]:
        """The truth about many digests, in order; see `availability`."""
        if repository_name is None:
            names = self.repositories
            if len(names) != 1:
                raise LookupError(f"name a repository: there are {len(names)}")
            repository_name = names[0]
        truth = self._server.availability(repository_name, digests)
        if truth is None:
            raise LookupError(f"no repository {repository_name!r}")
        return truth

    def available(self, digest: str | bytes, repository_name: str | None = None) -> bool:
        """Whether one digest is truly AVAILABLE; see `availability`."""
        return self.availability(digest, repository_name) == "AVAILABLE"

    # How it behaves.

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Replace the faults, from the next call on.

        Raises:
            ValueError: If a fault makes no sense; then the old ones stay.
        """
        self._server.set_faults(list(faults))

    def set_latency(self, latency_ms: float, jitter_ms: float = 0.0) -> None:
        """Replace the milliseconds before each answer."""
        self._server.set_latency(latency_ms, jitter_ms)

    def set_throttle(self, throttle: Throttle | tuple[float, float] | None) -> None:
        """Replace the token bucket by a full one, or by none."""
        self._server.set_throttle(_throttle(throttle))

    # What happened.

    @property
    def counters(self) -> Counters:
        """What happened so far, in numbers."""
        return Counters(**self._server.counters())

    @property
    def calls(self) -> list[Call]:
        """The last `log_calls` calls, oldest first."""
        return [Call(*fields) for fields in self._server.calls()]

    def reset(self) -> None:
        """Set counters to zero and empty the log. Call numbers, and so fault scripts, go on."""
        self._server.reset()

    # How to reach it.

    def client_arguments(self) -> dict[str, Any]:
        """Keyword arguments for any boto3 client: endpoint, region, dummy credentials and whom to trust.

        Examples:
            >>> import boto3
            >>> with LocalEcr(["app"]) as ecr:
            ...     boto3.client("ecr", **ecr.client_arguments()).meta.region_name
            'us-east-1'
        """
        arguments = {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region_name or "us-east-1",
            "aws_access_key_id": _DUMMY,
            "aws_secret_access_key": _DUMMY,
        }
        return arguments if self.ca_bundle is None else {**arguments, "verify": self.ca_bundle}

    def session(self, *, lifetime_s: float | None = None) -> boto3.Session:
        """A boto3 session with dummy credentials and the region; the endpoint goes to its clients.

        With TLS, its clients trust this server's authority, as with `AWS_CA_BUNDLE`.

        Args:
            lifetime_s: Let credentials expire after so many seconds, as a role's do after an hour;
                botocore then fetches others, with another access key.
        """
        import boto3
        import botocore.session

        inner = botocore.session.Session()
        if self.ca_bundle is not None:
            inner.set_config_variable("ca_bundle", self.ca_bundle)
        region_name = self.region_name or "us-east-1"
        if lifetime_s is None:
            return boto3.Session(_DUMMY, _DUMMY, region_name=region_name, botocore_session=inner)
        from layercheck.testing.credentials import provider

        chain = inner.get_component("credential_provider")
        chain.insert_before(chain.providers[0].METHOD, provider(lifetime_s))
        return boto3.Session(region_name=region_name, botocore_session=inner)

    def client(self, *, public: bool = False, **kwargs: Any) -> Any:
        """A boto3 client of this endpoint, `ecr` or `ecr-public`.

        Args:
            public: For `ecr-public`.
            **kwargs: More for `boto3.client`, `config` say; they come before our own.
        """
        service = "ecr-public" if public else "ecr"
        session: Any = self.session()
        return session.client(service, **{"endpoint_url": self.endpoint_url, **kwargs})


def _throttle(
    throttle: Throttle | tuple[float, float] | None,
) -> tuple[float, float, str | None, int] | None:
    if throttle is None:
        return None
    if not isinstance(throttle, Throttle):
        throttle = Throttle(*throttle)
    return throttle.rate, throttle.burst, throttle.code, throttle.status


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _layer(digest: str, layer: Layer | int) -> tuple[str, int | None, str | None, str]:
    if not isinstance(layer, Layer):
        layer = Layer(size=layer)
    return digest, layer.size, layer.media_type, layer.availability
