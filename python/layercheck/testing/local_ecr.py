"""The local endpoint: start it, fill it, script its faults, read its counters, reach it with boto3."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from layercheck._core import LocalEcrServer
from layercheck.testing import clients
from layercheck.testing.contents import (
    Availability,
    EvenDigests,
    FractionOfDigests,
    ImageRule,
    Layer,
    OciLayout,
    Seed,
    layer_fields,
)
from layercheck.testing.counters import Call, Counters
from layercheck.testing.faults import Fault, Operation, Throttle, throttle_fields
from layercheck.testing.images import Encryption, ImageContents, TagMutability
from layercheck.testing.tls import CaFile, Certificate

if TYPE_CHECKING:
    import boto3


class LocalEcr(ImageContents):
    """A running local ECR endpoint; use it in a `with`, or `close` it.

    Args:
        repositories: Names with the contents of each (see `Seed`), or names of empty repositories.
        account_id: 12 digits.
        registry_alias: Another name of the public registry.
        region_name: The region in the scope of credentials; None accepts every region.
        caller_arn: Who makes every call, as GetCallerIdentity answers; None is a role of the account.
        faults: Faults that change, delay or replace answers.
        seed: Seed of all random choices.
        latency_ms: Milliseconds before each answer.
        jitter_ms: The largest random addition to `latency_ms`.
        throttle: A `Throttle`, or (rate, burst), for each operation by itself.
        absent_as_failure: Answer absent digests with a failure, as moto does.
        log_calls: How many of the last calls `calls` keeps.
        port: The port on 127.0.0.1; 0 chooses a free port.
        tls: Serve HTTPS with a certificate of a private authority. Each server makes an authority of its
            own, so clients trust it only by `ca_bundle`. True is a valid certificate for 127.0.0.1 and
            localhost; a client should refuse "wrong_host" and "expired".

    Raises:
        ValueError: If an option, a seed or a fault is not valid.
        OSError: If the port is taken, a layout cannot be read, or the file of `ca_bundle` cannot be written.

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
        caller_arn: str | None = None,
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
            caller_arn=caller_arn,
            port=port,
            tls=("valid" if tls else None) if isinstance(tls, bool) else tls,
            seed=seed,
            latency_ms=latency_ms,
            jitter_ms=jitter_ms,
            throttle=throttle_fields(throttle),
            faults=list(faults),
            absent_as_failure=absent_as_failure,
            log_calls=log_calls,
        )
        self._ca_file: CaFile | None = None
        try:
            if self._server.ca_pem is not None:
                self._ca_file = CaFile(self._server.ca_pem)
            seeds = repositories if isinstance(repositories, Mapping) else dict.fromkeys(repositories, ())
            for name, contents in seeds.items():
                self._fill(name, contents)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a LocalEcr is a running server, so it cannot be pickled or copied; send its endpoint_url"
        )

    def __repr__(self) -> str:
        state = "closed" if self.closed else self.endpoint_url
        return f"<LocalEcr {state} {', '.join(self.repositories)}>"

    def close(self) -> None:
        """End the server and every connection; counters, calls and contents stay readable."""
        self._server.close()
        if self._ca_file is not None:
            self._ca_file.remove()

    @property
    def closed(self) -> bool:
        """Whether the server was closed."""
        return self._server.closed

    @property
    def endpoint_url(self) -> str:
        """The URL for the argument `endpoint_url` of boto3."""
        return self._server.endpoint_url

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return self._server.port

    @property
    def ca_bundle(self) -> str | None:
        """Path of a PEM file with the authority that signed the certificate; None without TLS.

        boto3 takes the path as `verify`, or from the environment as `AWS_CA_BUNDLE`; other clients have
        settings of their own. `session`, `client` and `client_arguments` contain it already. `close`
        removes the file.

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
        return None if self._ca_file is None else str(self._ca_file.path)

    # The contents of its repositories.

    @property
    def repositories(self) -> list[str]:
        """Names of all repositories, sorted."""
        return self._server.repositories

    def add_repository(
        self,
        repository_name: str,
        *,
        tag_mutability: TagMutability | None = None,
        tag_filters: Sequence[str] = (),
        encryption: Encryption = "AES256",
    ) -> None:
        """Make an empty repository, unless a repository of this name exists.

        Args:
            repository_name: The repository.
            tag_mutability: Whether tags may move to another image. With None, a repository that exists stays
                as it is.
            tag_filters: Tags that the mutability does not apply to, with `*` for any characters.
            encryption: How DescribeRepositories says that the repository encrypts.

        Raises:
            ValueError: If the name is not valid in ECR or ECR Public, or a word is not one of the service.
        """
        self._server.put(repository_name, ())
        if tag_mutability is not None or tag_filters or encryption != "AES256":
            mutability = tag_mutability or "MUTABLE"
            self._server.images.set_details(repository_name, mutability, list(tag_filters), encryption)

    def put(
        self,
        repository_name: str,
        digests: Iterable[str | bytes] | Mapping[str, Layer | int],
        *,
        availability: Availability = "AVAILABLE",
        size: int | None = None,
        media_type: str | None = None,
    ) -> int:
        """Add digests to a repository, at any time; make the repository if it does not exist.

        A digest that is added again replaces the earlier entry. It also takes precedence over a rule.

        Args:
            repository_name: The repository.
            digests: Digests as canonical text or 32 raw bytes, which share the next three arguments; or a
                mapping from text to a `Layer` or a size, which excludes them.
            availability: The word in the answer.
            size: Bytes; with None each size is computed from its digest.
            media_type: With None, the media type of a gzipped OCI layer.

        Returns:
            The number of digests given.

        Raises:
            ValueError: If the name or a digest is not valid.
        """
        if isinstance(digests, Mapping):
            if availability != "AVAILABLE" or size is not None or media_type is not None:
                raise TypeError("with a mapping, leave out availability, size and media_type")
            return self._server.put_layers(repository_name, [layer_fields(*item) for item in digests.items()])
        return self._server.put(repository_name, digests, availability, size, media_type)

    def put_oci_layout(
        self, repository_name: str, folder: str | os.PathLike[str], *, existing_only: bool = False
    ) -> int:
        """Add the configs, the layers and the manifests of every image in an OCI layout or an archive.

        The server follows nested indexes and checks that each document hashes to its name. Images get the
        tags that the layout gives.

        Args:
            repository_name: The repository.
            folder: A folder with `index.json` and `blobs/sha256`, or any source of `layercheck.read_layout`.
            existing_only: Skip blobs and manifests that are not there.

        Returns:
            The number of different blobs.

        Raises:
            ValueError: If it is not a layout, a document in it is not valid, or its layers are plain tars
                that a push compresses, so that their digests are not known.
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
        """Set the rule by which a repository holds digests, beside those that were added.

        The server stores nothing for a rule, so a million rows take no memory. `available` tells which
        digests the repository holds.

        Args:
            repository_name: The repository; it is made if it does not exist.
            rule: `even` holds digests whose last hexadecimal digit is even; `fraction` holds a fraction of
                all digests, chosen by a keyed hash; None removes the rule.
            fraction: The fraction, 0 to 1.
            seed: The key of the hash: another seed chooses other digests.

        Raises:
            ValueError: If the name, the rule or the fraction is not valid.
        """
        self._server.set_rule(repository_name, rule, fraction, seed)

    def _fill(self, repository_name: str, seed: Seed) -> None:
        match seed:
            case EvenDigests():
                self.set_rule(repository_name, "even")
            case FractionOfDigests(fraction, key):
                self.set_rule(repository_name, "fraction", fraction=fraction, seed=key)
            case OciLayout(path, existing_only):
                self.put_oci_layout(repository_name, path, existing_only=existing_only)
            case ImageRule():
                self.set_image_rule(repository_name, seed)
            case Path():
                self.put_oci_layout(repository_name, seed)
            case _:
                self.put(repository_name, seed)

    def remove(self, repository_name: str, digests: Iterable[str | bytes]) -> int:
        """Remove digests that were added to a repository; return how many there were."""
        return self._server.remove(repository_name, digests)

    def delete(self, repository_name: str) -> bool:
        """Delete a repository; return whether it existed."""
        return self._server.delete(repository_name)

    def availability(self, digest: str | bytes, repository_name: str | None = None) -> Availability:
        """Return the availability of one digest as the repository holds it, without any fault.

        Args:
            digest: Canonical text or 32 raw bytes.
            repository_name: May be left out if the server has exactly one repository.

        Raises:
            LookupError: If the repository does not exist, or the name is left out and needed.
            ValueError: If the digest is not well-formed.
        """
        return self.availabilities([digest], repository_name)[0]

    def availabilities(
        self, digests: Iterable[str | bytes], repository_name: str | None = None
    ) -> list[Availability]:
        """Return the availability of many digests, in order; see `availability`."""
        if repository_name is None:
            names = self.repositories
            if len(names) != 1:
                raise LookupError(f"give repository_name: the server has {len(names)} repositories")
            repository_name = names[0]
        found = self._server.availability(repository_name, digests)
        if found is None:
            raise LookupError(f"repository {repository_name!r} does not exist")
        return found

    def available(self, digest: str | bytes, repository_name: str | None = None) -> bool:
        """Return whether the repository holds one digest as AVAILABLE; see `availability`."""
        return self.availability(digest, repository_name) == "AVAILABLE"

    # Its faults, latency and throttle.

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Replace the faults, from the next call on.

        Raises:
            ValueError: If a fault is not valid; the old faults stay in place.
        """
        self._server.set_faults(list(faults))

    def set_latency(self, latency_ms: float, jitter_ms: float = 0.0) -> None:
        """Replace the latency before each answer, in milliseconds."""
        self._server.set_latency(latency_ms, jitter_ms)

    def set_throttle(
        self, throttle: Throttle | tuple[float, float] | None, operations: Sequence[Operation] = ()
    ) -> None:
        """Replace the token bucket of each operation by a full bucket; None removes it.

        Args:
            throttle: A `Throttle`, or (rate, burst).
            operations: The operations; empty for all.
        """
        self._server.set_throttle(throttle_fields(throttle), list(operations))

    # Counters and calls.

    @property
    def counters(self) -> Counters:
        """The counts so far."""
        return Counters(**self._server.counters())

    @property
    def calls(self) -> list[Call]:
        """The last `log_calls` calls, oldest first."""
        return [Call(*fields) for fields in self._server.calls()]

    def reset(self) -> None:
        """Set counters to zero and empty the log. Call numbers continue, so fault scripts do too."""
        self._server.reset()

    # Clients.

    def client_arguments(self) -> dict[str, Any]:
        """Return keyword arguments for any boto3 client: endpoint, region, dummy credentials and `verify`.

        Examples:
            >>> import boto3
            >>> with LocalEcr(["app"]) as ecr:
            ...     boto3.client("ecr", **ecr.client_arguments()).meta.region_name
            'us-east-1'
        """
        return clients.arguments(self.endpoint_url, self._client_region, self.ca_bundle)

    def session(self, *, lifetime_s: float | None = None) -> boto3.Session:
        """Return a boto3 session with dummy credentials and the region; give its clients the endpoint.

        With TLS, the session's clients trust this server's authority, as with `AWS_CA_BUNDLE`.

        Args:
            lifetime_s: Let credentials expire after this time, as a role's credentials do after an hour;
                botocore then fetches new credentials, with another access key.
        """
        return clients.session(self._client_region, self.ca_bundle, lifetime_s)

    def client(self, *, public: bool = False, **kwargs: Any) -> Any:
        """Return a boto3 client of this endpoint, `ecr` or `ecr-public`.

        Args:
            public: Return a client of `ecr-public`.
            **kwargs: More arguments for `boto3.client`, for instance `config`; they override the defaults.
        """
        service = "ecr-public" if public else "ecr"
        session: Any = self.session()
        return session.client(service, **{"endpoint_url": self.endpoint_url, **kwargs})

    @property
    def _client_region(self) -> str:
        return self.region_name or "us-east-1"
