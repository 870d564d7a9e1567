"""`look`: one task on one worker finds out whether the settings work there, before all others start."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass, replace

from layercheck._core import build_info
from layercheck.errors import InvalidParameterError
from layercheck.shard.opening import forget_session, open_checker, url_of
from layercheck.shard.outcome import PartError
from layercheck.shard.settings import Settings

_ANY_DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker found: its version, where it asks, how fast it may, or why it cannot.

    Attributes:
        version: Version of layercheck in the worker.
        core: Profile and features of its core, as text.
        python: Version of Python in the worker.
        account: Account of the worker's credentials; None if they do not show it.
        region_name: Region of the worker's client.
        endpoint_url: Its endpoint.
        rate: Calls per second of all workers together: the number of the settings, half the default quota,
            or what Service Quotas answered; None after an error.
        error: Why the worker cannot ask; None if it can.
        key_mark: What tells its keys from others and shows nothing of them; for keys that show no account.
    """

    version: str
    core: str
    python: str
    account: str | None = None
    region_name: str | None = None
    endpoint_url: str | None = None
    rate: float | None = None
    error: PartError | None = None
    key_mark: str | None = None

    def to_json(self) -> str:
        """Return this as a text of a few hundred bytes, for engines that return rows only."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Look:
        """Return what `to_json` returned."""
        values = json.loads(text)
        error = values.pop("error")
        return cls(**values, error=PartError(**error) if error else None)


def look(settings: Settings) -> Look:
    """Make a session and a client in this process, and ask for one digest. Call it in one worker.

    It raises nothing: what went wrong is in `Look.error`.

    Examples:
        >>> from layercheck import shard
        >>> from layercheck.testing import LocalEcr
        >>> with LocalEcr(["app"], region_name=None) as ecr:
        ...     settings = shard.Settings(
        ...         "app", endpoint_url=ecr.endpoint_url, session="layercheck.testing:dummy_session"
        ...     )
        ...     seen = shard.look(settings)
        >>> seen.rate, seen.error
        (500.0, None)
    """
    try:
        with open_checker(settings, None) as checker:
            connection = checker._connection
            rate = checker.rate
            checker.check([_ANY_DIGEST])
            owner = connection.key_owner()  # they are here now
            region, url = checker.target.region_name, url_of(checker)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (an engine would lose its class, and show its text)
        forget_session(settings)
        return _this(error=PartError.of(error))
    account, key_mark = (None, None) if owner is None else owner
    return _this(account=account, region_name=region, endpoint_url=url, key_mark=key_mark, rate=rate)


def accept(settings: Settings, seen: Look) -> Settings:
    """Return the settings for all workers. Call it on the driver.

    The rate is a number then. Region, account and endpoint are those of the first worker, because a worker
    with other settings of its own would ask another registry. One whose credentials are of another account
    has a fatal error, and so has one with other keys if the keys of either do not show their account.

    Raises:
        LayercheckError: What the worker found, as the class that `layercheck.check` would raise.
        InvalidParameterError: The worker has another version of layercheck than the driver.
    """
    accept_version(seen)
    if seen.error is not None:
        raise seen.error.exception()
    if seen.rate is None:
        raise InvalidParameterError("the worker told no rate; pass rate= as calls per second")
    return replace(
        settings,
        rate=seen.rate,
        region_name=seen.region_name,
        account=seen.account or seen.key_mark,
        asked_url=seen.endpoint_url,
    )


def look_at_version() -> Look:
    """Return the versions in this process, without asking anything. Call it in one worker."""
    return _this()


def accept_version(seen: Look) -> None:
    """Check that a worker has the layercheck of this process. Call it on the driver.

    Raises:
        InvalidParameterError: It has another version.
    """
    own = _this()
    if (seen.version, seen.core) != (own.version, own.core):
        raise InvalidParameterError(
            f"the worker has layercheck {seen.version} ({seen.core}) and the driver {own.version} "
            f"({own.core}); install the same version on both"
        )


def _this(
    *,
    account: str | None = None,
    region_name: str | None = None,
    endpoint_url: str | None = None,
    key_mark: str | None = None,
    rate: float | None = None,
    error: PartError | None = None,
) -> Look:
    info = build_info()
    core = ", ".join(f"{name} {info[name]}" for name in sorted(info) if name in ("abi", "profile"))
    return Look(
        info["version"],
        core,
        platform.python_version(),
        account,
        region_name,
        endpoint_url,
        rate,
        error,
        key_mark,
    )
