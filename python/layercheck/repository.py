"""REPOSITORY as people have it at hand (a name, an image URI, an ARN) -> what the API wants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# Private registry hosts: the plain, FIPS and dual-stack forms, in every partition.
# https://docs.aws.amazon.com/general/latest/gr/ecr.html
_PRIVATE_HOST = re.compile(
    r"(?P<account>[0-9]{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.[a-z0-9.]+\Z", re.IGNORECASE
)
_PUBLIC_HOSTS = {"public.ecr.aws", "ecr-public.aws.com"}
_ARN = re.compile(
    r"arn:[a-z-]+:(?P<service>ecr|ecr-public):(?P<region>[a-z0-9-]*):(?P<account>[0-9]{12}):repository/(?P<name>.+)\Z"
)


@dataclass(frozen=True, slots=True)
class Repository:
    """REPOSITORY taken apart.

    Attributes:
        name: What the API calls `repositoryName`.
        registry_id: Account or public alias, when REPOSITORY names one.
        region_name: Region, when REPOSITORY names one.
        public: True when it can only mean ECR Public.
        dropped: A tag or digest that stood behind the name: it is not part of the question.
    """

    name: str
    registry_id: str | None = None
    region_name: str | None = None
    public: bool = False
    dropped: str | None = None


def parse_repository(text: str) -> Repository:
    """Takes REPOSITORY apart.

    Args:
        text: A name, `<account>.dkr.ecr.<region>.amazonaws.com/name`, `public.ecr.aws/alias/name`
            or an ARN; a tag or digest behind the name is split off.

    Raises:
        ValueError: If it cannot be a repository; the message says what to type instead.

    Examples:
        >>> parse_repository("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:v1")
        ... # doctest: +NORMALIZE_WHITESPACE
        Repository(name='team/app', registry_id='123456789012', region_name='eu-west-1', public=False,
                   dropped=':v1')
        >>> parse_repository("public.ecr.aws/nginx/nginx").registry_id
        'nginx'
    """
    text = text.strip()
    if re.match(r"sha256:", text, re.IGNORECASE):
        raise ValueError(
            f"{text!r} is a digest; REPOSITORY comes first, digests come from a file or standard input"
        )
    if text.startswith("arn:"):
        return _from_arn(text)
    rest = re.sub(r"\A(?:https?|docker|oci)://", "", text).rstrip("/")
    host, slash, path = rest.partition("/")
    if slash and host.lower() in _PUBLIC_HOSTS:
        alias, slash, name = path.partition("/")
        if not slash or not name:
            raise ValueError(f"{text!r} names no repository; expected public.ecr.aws/<alias>/<name>")
        name, dropped = _split_tag(name)
        return Repository(_checked(name), alias, None, True, dropped)
    match = _PRIVATE_HOST.match(host)
    if match:
        if not path:
            raise ValueError(f"{text!r} names a registry but no repository; add /<name>")
        name, dropped = _split_tag(path)
        return Repository(_checked(name), match["account"], match["region"].lower(), False, dropped)
    if slash and (":" in host or host.lower() == "localhost"):
        raise ValueError(
            f"{host!r} is not an ECR registry; give the name {path!r} and --endpoint-url instead"
        )
    if slash and host.lower() in {"docker.io", "ghcr.io", "quay.io", "gcr.io", "registry.k8s.io"}:
        raise ValueError(f"{host!r} is not an ECR registry, and only ECR has this operation")
    name, dropped = _split_tag(rest)
    return Repository(_checked(name), dropped=dropped)


def _from_arn(text: str) -> Repository:
    match = _ARN.match(text)
    if not match:
        raise ValueError(f"{text!r} is no repository's ARN: arn:aws:ecr:<region>:<account>:repository/<name>")
    public = match["service"] == "ecr-public"
    return Repository(_checked(match["name"]), match["account"], match["region"] or None, public)


def _split_tag(text: str) -> tuple[str, str | None]:
    match = re.match(r"[^:@]*", text)
    end = match.end() if match else len(text)
    return text[:end], text[end:] or None


def _checked(name: str) -> str:
    # Only what can be no repository in any future grammar is refused here; the service knows the rest.
    if not name or any(character.isspace() or not character.isprintable() for character in name):
        raise ValueError(f"{name!r} is not a repository name; give REPOSITORY first, then the INPUT files")
    if name != name.lower():
        raise ValueError(f"{name!r}: repository names are lower case; did you mean {name.lower()!r}?")
    if name == "-":
        raise ValueError("REPOSITORY comes before the INPUT: layercheck check REPOSITORY -")
    return name


def looks_swapped(repository: str, inputs: tuple[str, ...]) -> bool:
    """Whether the first argument is a file of digests and the repository stands elsewhere or nowhere.

    A file may have a repository's name, so this is only said when the INPUT arguments make no sense either:
    none is given, or one of them does not exist.
    """
    if not _is_file(repository):
        return False
    return not inputs or any(name != "-" and not _exists(name) for name in inputs)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except (OSError, ValueError):
        return False
