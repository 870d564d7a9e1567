"""Foreign text: secrets hidden, control characters gone or visible, length bounded."""

import pytest

from layercheck.redact import MESSAGE_LIMIT, clean, has_secret, one_line, visible

SECRET = "MARKERsecret"


@pytest.mark.parametrize(
    "text",
    [
        f"x-amz-security-token: {SECRET}",
        f"Authorization: AWS4-HMAC-SHA256 Credential={SECRET}, Signature={SECRET}",
        f'"secretAccessKey": "{SECRET}"',
        f"password={SECRET}",
        f"https://user:{SECRET}@host/",
        f"Invalid header value b'{SECRET}\\n'",
        f"The canonical string for this request should have been\n{SECRET}",
    ],
)
def test_clean_hides_the_secrets_of_a_request(text: str) -> None:
    assert has_secret(text)
    assert SECRET not in clean(text)


def test_clean_keeps_an_ordinary_message() -> None:
    text = "User: arn:aws:iam::1:user/x is not authorized"
    assert not has_secret(text)
    assert clean(text) == text


@pytest.mark.parametrize("part", ["x-amz-security-token", "secret", " ", "secret  ", "//", "the canonical "])
def test_clean_is_fast_on_megabytes(part: str) -> None:
    # A pattern that backtracks over the whole text would take hours here.
    assert len(clean(part * 3_000_000)) <= MESSAGE_LIMIT


@pytest.mark.parametrize("text", ["a\x1b[2Jb", "a\u202eb", "a\x00b", "a\x9bb", "a\ud800b", "a\nb"])
def test_visible_escapes_what_acts_on_a_terminal(text: str) -> None:
    assert visible(text).isprintable()
    assert one_line(text).isprintable()
    assert visible(text).startswith("a")
    assert visible(text).endswith("b")
