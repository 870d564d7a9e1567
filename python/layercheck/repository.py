"""Which repository a reference names: a name, an image URI or an ARN -> what the API wants."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from layercheck.errors import InvalidParameterError
from layercheck.redact import clean

REGISTRY_SUFFIXES = frozenset(
    (
        "amazonaws.com",
        "amazonaws.com.cn",
        "amazonaws.eu",
        "c2s.ic.gov",
        "cloud.adc-e.uk",
        "csp.hci.ic.gov",
        "on.amazonwebservices.com.cn",
        "on.amazonwebservices.eu",
        "on.aws",
        "on.aws.hci.ic.gov",
        "on.aws.ic.gov",
        "on.aws.scloud",
        "on.cloud-aws.adc-e.uk",
        "sc2s.sgov.gov",
    )
)
"""What follows the region in the host of a private registry, in every partition.

botocore's partitions list the suffixes (compared in a test). AWS names the dual-stack registries
`on.<suffix>` where it names the dual-stack APIs `api.<suffix>`
(https://docs.aws.amazon.com/general/latest/gr/ecr.html).
"""

_PRIVATE_HOST = re.compile(
    r"(?P<account>[^.]*)\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[^:]+)(?::443)?"
)
_PUBLIC_HOSTS = frozenset(("public.ecr.aws", "gallery.ecr.aws", "ecr-public.aws.com"))
_OTHER_REGISTRIES = frozenset(("docker.io", "gcr.io", "ghcr.io", "quay.io", "registry.k8s.io"))
_ARN = re.compile(
    r"arn:[a-z0-9-]+:(?P<service>ecr|ecr-public):(?P<region>[a-z0-9-]*):(?P<account>[0-9]{12})"
    r":repository/(?P<name>.+)",
    re.DOTALL | re.IGNORECASE,
)
_SCHEME = re.compile(r"(?:https?|docker|oci)://", re.IGNORECASE)
_DIGEST = re.compile(r"sha(?:256|384|512):", re.IGNORECASE)
_WILDCARD = re.compile(r"[*?\[\]]")
_ACCOUNT = re.compile(r"[0-9]{12}")
_EXPECTED = 'expected a name such as "team/app", an image URI or an ARN'


@dataclass(frozen=True, slots=True)
class Repository:
    """A reference to a repository, in its parts.

    Attributes:
        name: The name, as the API takes it.
        registry_id: Account id or alias of the registry; None if the reference does not name it.
        region_name: Region of the registry; None if the reference does not name it.
        public: True for ECR Public.
        ignored: The tag or digest behind the name. A layer belongs to the repository, whatever the tag.
    """

    name: str
    registry_id: str | None = None
    region_name: str | None = None
    public: bool = False
    ignored: str | None = None

    @property
    def is_private(self) -> bool:
        """True if the reference names a registry of private ECR; a name alone may be of either."""
        return self.registry_id is not None and not self.public


def resolve_repository(
    repository_name: object,
    *,
    registry_id: object = None,
    region_name: str | None = None,
    public: bool = False,
) -> Repository:
    """Joins a reference with the arguments beside it; both the command line and `Checker` do so here.

    Args:
        repository_name: The reference, as `parse_repository` takes it.
        registry_id: Account id or alias of the registry.
        region_name: Region of the registry.
        public: ECR Public instead of private ECR.

    Raises:
        TypeError: `repository_name` or `registry_id` is not a str.
        InvalidParameterError: The reference cannot name a repository, an argument contradicts it, or
            `registry_id` cannot be an account id.

    Examples:
        >>> resolve_repository("123456789012.dkr.ecr.eu-west-1.amazonaws.com/app", region_name="us-east-1")
        Traceback (most recent call last):
        layercheck.errors.InvalidParameterError: repository_name names the region 'eu-west-1' and \
region_name is 'us-east-1'; leave region_name out
    """
    if not isinstance(repository_name, str):
        raise TypeError(f"repository_name is a {type(repository_name).__name__}; expected a str")
    if registry_id is not None and not isinstance(registry_id, str):
        hint = ""
        if isinstance(registry_id, int):
            hint = '; write it in quotes: as a number, an account id loses its leading zeros ("012345678901")'
        raise TypeError(f"registry_id is a {type(registry_id).__name__}; expected a str{hint}")
    named = parse_repository(repository_name)
    _check_same("registry", named.registry_id, "registry_id", registry_id)
    _check_same("region", named.region_name, "region_name", region_name)
    if public and named.is_private:
        raise InvalidParameterError(
            "repository_name is in private ECR and public=True is given; leave public=True out"
        )
    public = bool(public) or named.public
    if registry_id is not None:
        _check_registry_id(registry_id, public)
    return replace(
        named,
        registry_id=named.registry_id or registry_id,
        region_name=named.region_name or region_name,
        public=public,
    )


def parse_repository(reference: str) -> Repository:
    """Takes a reference to a repository apart.

    Args:
        reference: A name, `<account>.dkr.ecr.<region>.amazonaws.com/<name>` (also the FIPS and dual-stack
            hosts, in every partition), `public.ecr.aws/<alias>/<name>`, `gallery.ecr.aws/<alias>/<name>`,
            an ARN or `ecr.aws/<ARN>`; with or without a scheme in front and a tag or digest behind.

    Raises:
        InvalidParameterError: The reference cannot name a repository; the message says what to pass.

    Examples:
        >>> parse_repository("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:v1")
        ... # doctest: +NORMALIZE_WHITESPACE
        Repository(name='team/app', registry_id='123456789012', region_name='eu-west-1', public=False,
                   ignored=':v1')
        >>> parse_repository("public.ecr.aws/nginx/nginx").registry_id
        'nginx'
    """
    text = reference.strip()
    shown = repr(clean(text, 100))
    if not text:
        raise InvalidParameterError(f"repository_name is empty; {_EXPECTED}")
    if _DIGEST.match(text):
        raise InvalidParameterError(f"repository_name is {shown}, which is a digest; {_EXPECTED}")
    rest = _SCHEME.sub("", text, count=1).rstrip("/")
    is_url = _SCHEME.match(text) is not None
    host, slash, path = rest.partition("/")
    # DNS ignores case, and a dot behind the last label.
    host = host.lower().removesuffix(".")
    if host.startswith("arn:") or (host == "ecr.aws" and slash):
        return _from_arn(rest if host != "ecr.aws" else path, shown)
    if slash and "@" in host:
        # The user name and password of a URL; the message must not repeat them.
        raise InvalidParameterError(
            "repository_name has a user name or password in front of the host; leave it out"
        )
    if host in _PUBLIC_HOSTS:
        return _from_public_uri(path, shown)
    if match := _PRIVATE_HOST.fullmatch(host):
        return _from_private_uri(match, path, shown)
    if slash and (":" in host or host == "localhost"):
        raise InvalidParameterError(
            f"{clean(host, 100)!r} is not an ECR registry; "
            f"pass the name {clean(path, 100)!r} and the endpoint's URL as endpoint_url"
        )
    if slash and (host in _OTHER_REGISTRIES or (is_url and "." in host)):
        raise InvalidParameterError(
            f"{clean(host, 100)!r} is not an ECR registry, and only ECR has this operation"
        )
    name, ignored = _split_tag(rest)
    return Repository(_checked(name), ignored=ignored)


def refuse_pattern(repository_name: object) -> None:
    """Refuses a pattern such as `team/*` where one repository is named. Only checks of images take them.

    Raises:
        InvalidParameterError: It is a pattern, or cannot name a repository.
    """
    name = parse_repository(repository_name).name if isinstance(repository_name, str) else ""
    if _WILDCARD.search(name):
        raise InvalidParameterError(
            f"repository_name is {clean(name, 100)!r}, which is a pattern; name one repository "
            "(only a check of images takes patterns)"
        )


def registry_of_host(text: str) -> Repository | None:
    """Returns the registry of private ECR that a host names; None if the text is not the host of one.

    Examples:
        >>> registry = registry_of_host("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
        >>> registry and (registry.registry_id, registry.region_name, registry.name)
        ('123456789012', 'eu-west-1', '')
        >>> registry_of_host("team/app") is None
        True
    """
    match = _PRIVATE_HOST.fullmatch(text.lower().removesuffix("."))
    if match is None or not _ACCOUNT.fullmatch(match["account"]) or match["suffix"] not in REGISTRY_SUFFIXES:
        return None
    return Repository("", match["account"], match["region"])


def _from_arn(text: str, shown: str) -> Repository:
    match = _ARN.fullmatch(text)
    if match is None:
        raise InvalidParameterError(
            f"repository_name is {shown}, which is not the ARN of a repository; "
            "expected arn:aws:ecr:<region>:<account>:repository/<name>"
        )
    name, ignored = _split_tag(match["name"])
    public = match["service"].lower() == "ecr-public"
    return Repository(_checked(name), match["account"], match["region"].lower() or None, public, ignored)


def _from_public_uri(path: str, shown: str) -> Repository:
    alias, _, rest = path.partition("/")
    name, ignored = _split_tag(rest)
    if not alias or not name:
        raise InvalidParameterError(
            f"repository_name is {shown}, which names no repository; expected public.ecr.aws/<alias>/<name>"
        )
    return Repository(_checked(name), alias, None, True, ignored)


def _from_private_uri(host: re.Match[str], path: str, shown: str) -> Repository:
    if not _ACCOUNT.fullmatch(host["account"]) or host["suffix"] not in REGISTRY_SUFFIXES:
        raise InvalidParameterError(
            f"repository_name is {shown}, whose host is not known as one of ECR; expected "
            "<account id of 12 digits>.dkr.ecr.<region>.amazonaws.com/<name>, or the name alone"
        )
    name, ignored = _split_tag(path)
    if not name:
        raise InvalidParameterError(
            f"repository_name is {shown}, which names a registry but no repository; add /<name>"
        )
    return Repository(_checked(name), host["account"], host["region"], False, ignored)


def _split_tag(text: str) -> tuple[str, str | None]:
    name = re.split("[:@]", text, maxsplit=1)[0]
    return name, text[len(name) :] or None


def _checked(name: str) -> str:
    # The service knows which names are valid. Refused here is only what no future grammar will allow.
    shown = repr(clean(name, 100))
    if not name or any(character.isspace() or not character.isprintable() for character in name):
        raise InvalidParameterError(
            f"repository_name is {shown}, which is not a repository name; {_EXPECTED}"
        )
    if "," in name:
        raise InvalidParameterError(
            f"repository_name is {shown}, and a repository name has no comma; give one name at a time"
        )
    if not name.isascii():
        raise InvalidParameterError(
            f"repository_name is {shown}, and repository names have letters of ASCII only; {_EXPECTED}"
        )
    if name != name.lower():
        raise InvalidParameterError(
            f"repository_name is {shown}, and repository names are lower case; "
            f"did you mean {clean(name.lower(), 100)!r}?"
        )
    return name


def _check_same(what: str, named: str | None, keyword: str, given: str | None) -> None:
    if named is not None and given is not None and given != named:
        raise InvalidParameterError(
            f"repository_name names the {what} {clean(named, 50)!r} and {keyword} is {clean(given, 50)!r}; "
            f"leave {keyword} out"
        )


def _check_registry_id(registry_id: str, public: bool) -> None:
    if public and not registry_id.strip():
        raise InvalidParameterError("registry_id is empty; expected an account id or registry alias, or None")
    if not public and not _ACCOUNT.fullmatch(registry_id):
        raise InvalidParameterError(
            f"registry_id is {clean(registry_id, 50)!r}; expected an AWS account id of 12 digits"
        )
