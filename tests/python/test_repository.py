import pytest

from layercheck.repository import Repository, parse_repository

HEX = "ab" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("team/app", Repository("team/app"), id="name"),
        pytest.param("app:v1", Repository("app", dropped=":v1"), id="name-with-tag"),
        pytest.param(
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app",
            Repository("team/app", "123456789012", "eu-west-1"),
            id="private-uri",
        ),
        pytest.param(
            f"https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app:v1@sha256:{HEX}",
            Repository("app", "123456789012", "cn-north-1", dropped=f":v1@sha256:{HEX}"),
            id="china-with-tag-and-digest",
        ),
        pytest.param(
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/app",
            Repository("app", "123456789012", "us-gov-west-1"),
            id="fips",
        ),
        pytest.param(
            "123456789012.dkr-ecr.eu-west-1.on.aws/app",
            Repository("app", "123456789012", "eu-west-1"),
            id="dual-stack",
        ),
        pytest.param(
            "public.ecr.aws/docker/library/alpine:3",
            Repository("library/alpine", "docker", None, True, ":3"),
            id="public",
        ),
        pytest.param(
            "arn:aws:ecr:eu-west-1:123456789012:repository/team/app",
            Repository("team/app", "123456789012", "eu-west-1"),
            id="arn",
        ),
        pytest.param(
            "arn:aws:ecr-public::123456789012:repository/app",
            Repository("app", "123456789012", None, True),
            id="public-arn",
        ),
    ],
)
def test_a_repository_is_taken_apart_however_it_is_written(text: str, expected: Repository) -> None:
    assert parse_repository(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a repository name"),
        ("-", "REPOSITORY comes before the INPUT"),
        ("my app", "not a repository name"),
        ("a\x1b[2J", "not a repository name"),
        ("Team/App", "did you mean 'team/app'"),
        (f"sha256:{HEX}", "is a digest"),
        ("docker.io/library/alpine", "is not an ECR registry"),
        ("localhost:5000/app", "--endpoint-url"),
        ("public.ecr.aws/nginx", "names no repository"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "names a registry but no repository"),
        ("arn:aws:s3:::bucket", "ARN"),
    ],
)
def test_what_cannot_be_a_repository_says_what_to_type(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_repository(text)
    assert said in str(caught.value)
