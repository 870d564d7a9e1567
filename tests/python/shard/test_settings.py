"""What crosses to a worker: plain values, small, and never a secret."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import boto3
import cloudpickle  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from botocore.credentials import Credentials

import layercheck as lc
from fake_account import SECRET, TOKEN
from layercheck import shard
from layercheck.shard.session_source import open_session


def session() -> boto3.Session:
    """What a worker calls, by its name in this module."""
    return boto3.Session(
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET, aws_session_token=TOKEN
    )


def credentials() -> Any:
    return session().get_credentials()


def session_of(region_name: str) -> boto3.Session:
    return boto3.Session(region_name=region_name)


def failing_session() -> boto3.Session:
    raise RuntimeError(f"cannot assume the role with {SECRET}")


class NeverPickled:
    """Holds a session, and fails the test when something pickles it."""

    def __init__(self) -> None:
        self.session = session()

    def __reduce__(self) -> Any:
        raise AssertionError("this was pickled")

    def make(self) -> boto3.Session:
        return self.session


def _closure() -> Callable[[], Any]:
    held = session()
    return lambda: held


def _nested() -> Callable[[], Any]:
    inner = _closure()
    holder = {"list": [inner]}
    return lambda: holder


def _with_default() -> Callable[..., Any]:
    held = session()

    def make(held: Any = held) -> Any:
        return held

    return make


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "a session": (session, "session is a boto3 Session"),
    "a client": (lambda: session().client("ecr", region_name="us-east-1"), "session is a boto3 client"),
    "a resource": (lambda: session().resource("s3", region_name="us-east-1"), "session is a boto3 resource"),
    "credentials": (credentials, "session is credentials of boto3"),
    "made credentials": (lambda: Credentials("AKIDEXAMPLE", SECRET), "session is credentials of boto3"),
    "frozen credentials": (
        lambda: credentials().get_frozen_credentials(),
        "session is credentials of boto3",
    ),
    "a checker": (lambda: lc.Checker("app", region_name="us-east-1"), "session is a layercheck Checker"),
    "a closure": (_closure, "holds a boto3 Session"),
    "a closure in a list in a dict in a closure": (_nested, "holds a boto3 Session"),
    "a default": (_with_default, "holds a boto3 Session"),
    "a partial": (lambda: functools.partial(print, session()), "holds a boto3 Session"),
    "a partial with a keyword": (lambda: functools.partial(print, file=session()), "holds a boto3 Session"),
    "a bound method": (lambda: NeverPickled().make, "holds a boto3 Session"),
    "an object": (NeverPickled, "holds a boto3 Session"),
    "a lambda": (lambda: lambda: None, "no name that a worker can import"),
    "a number": (lambda: 3, "session is a int"),
    "a class": (lambda: boto3.Session, "session is a type"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_pickled_with_its_keys_is_refused_before_anything_is_pickled(case: str) -> None:
    make, message = REFUSED[case]
    given = make()
    with pytest.raises(TypeError) as refused:
        shard.Settings("app", session=given)
    assert message in str(refused.value)
    assert "package.module:function" in str(refused.value)
    assert SECRET not in str(refused.value)
    if isinstance(given, lc.Checker):
        given.close()


def test_a_function_of_the_script_is_refused_because_no_worker_can_import_it() -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("def session():\n    return None\n", scope)  # noqa: S102 (as in a script)
    with pytest.raises(TypeError, match="put it into a module that the workers have"):
        shard.Settings("app", session=scope["session"])


def test_the_room_loads_neither_pyarrow_nor_boto3_nor_numpy() -> None:
    heavy = {"pyarrow", "boto3", "botocore", "numpy"}
    code = f"import sys, layercheck.shard; print(*{heavy} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_function_crosses_by_its_name() -> None:
    settings = shard.Settings("app", session=session)
    assert settings.session_name == f"{__name__}:session"
    made = open_session(settings.session_name)
    assert made is not None
    found: Any = made.get_credentials()
    assert found.secret_key == SECRET


def test_a_function_gets_the_region_if_it_has_a_parameter_for_it() -> None:
    made = open_session(f"{__name__}:session_of", region_name="eu-north-1", registry_id="123456789012")
    assert made is not None
    assert made.region_name == "eu-north-1"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module_here:session", "ModuleNotFoundError for 'no_such_module_here'"),
        ("json:no_such_function", "AttributeError for 'no_such_function'"),
        ("json:dumps", "failed in the worker: TypeError"),
        ("layercheck:build_info", "returned a dict; expected a boto3.Session"),
        (f"{__name__}:failing_session", "failed in the worker: RuntimeError"),
    ],
)
def test_a_function_that_fails_in_the_worker_is_a_message_without_its_text(name: str, message: str) -> None:
    with pytest.raises(lc.CredentialsError) as failed:
        open_session(name)
    assert message in str(failed.value)
    assert SECRET not in str(failed.value)
    assert failed.value.__cause__ is None
    assert failed.value.__context__ is None


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps], ids=["pickle", "cloudpickle"])
def test_settings_are_small_and_hold_no_secret(dumps: Callable[[Any], bytes]) -> None:
    settings = shard.Settings(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/" + "team/" * 40 + "app",
        session=session,
        endpoint_url="https://vpce-0123456789abcdef0.api.ecr.eu-west-1.vpce.amazonaws.com",
        rate="quota",
    )
    data = dumps(settings)
    assert len(data) < 2_000
    assert SECRET.encode() not in data
    assert TOKEN.encode() not in data
    assert pickle.loads(data) == settings  # noqa: S301 (our own)


def test_settings_that_would_be_large_are_refused() -> None:
    with pytest.raises(lc.InvalidParameterError, match=r"3,[0-9]{3} bytes when pickled"):
        shard.Settings("app", endpoint_url="https://" + "a" * 3_000)


def test_an_endpoint_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(lc.InvalidParameterError) as refused:
        shard.Settings("app", endpoint_url=f"https://me:{TOKEN}@localhost:8443/")
    assert "user name or a password" in str(refused.value)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("url", ["https://localhost:8443/?token=", "https://localhost#"])
@pytest.mark.parametrize("kind", [functools.partial(shard.Settings, "app"), shard.ImageSettings])
def test_an_endpoint_with_a_query_is_refused_without_showing_it(kind: Callable[..., Any], url: str) -> None:
    with pytest.raises(lc.InvalidParameterError, match="endpoint_url has a query") as refused:
        kind(endpoint_url=url + TOKEN)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("name", ["session", "region_name", "registry_id", "endpoint_url", "transport"])
def test_a_text_that_holds_more_is_sent_as_text_alone(name: str) -> None:
    class Text(str):
        """A text with an attribute, which pickle would take along."""

    text = Text("123456789012")
    text.__dict__["keys"] = SECRET
    given: dict[str, Any] = {name: text}
    settings = shard.Settings("app", **given)
    assert type(getattr(settings, name)) is str
    assert SECRET.encode() not in cloudpickle.dumps(settings)


def test_one_pattern_of_tags_is_no_tuple_of_letters() -> None:
    assert shard.ImageSettings(tags="v*").tags == ("v*",)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["tags", "platforms"])
@pytest.mark.parametrize("nothing", [None, (), []])
def test_no_patterns_are_all_images_as_for_check_images(name: str, nothing: Any) -> None:
    assert shard.ImageSettings(**{name: nothing}) == shard.ImageSettings()


def test_patterns_of_a_column_are_sent_as_plain_text() -> None:
    given: Any = np.array(["v1", "v2"])
    settings = shard.ImageSettings(tags=given, platforms=pd.Series(["linux/amd64"]))
    assert (settings.tags, settings.platforms) == (("v1", "v2"), ("linux/amd64",))
    assert {type(each) for each in (*settings.tags, *settings.platforms)} == {str}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"endpoint_url": 5}, "endpoint_url is a int; expected a str"),
        ({"endpoint_url": b"http://localhost"}, "endpoint_url is a bytes; expected a str"),
        ({"tags": 5}, "tags is a int; expected a str, or several in a list"),
        ({"tags": [5]}, "tags holds a int; expected str"),
        ({"platforms": True}, "platforms is a bool; expected a str, or several in a list"),
        ({"tagged": "yes"}, "tagged is a str; expected True, False or None"),
        ({"status": ["active"]}, "status is a list; expected a str"),
        ({"confirm": np.True_}, f"confirm is a numpy {np.bool_.__name__}; expected True or False"),
    ],
)
def test_an_option_of_images_of_another_type_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as refused:
        shard.ImageSettings(**given)
    assert str(refused.value) == message


def test_one_text_in_the_place_of_many_is_refused_by_the_checker_of_one_process_too() -> None:
    with pytest.raises(TypeError, match="tags is a int; expected a str, or several in a list"):
        lc.ImageChecker("empty", region_name="us-east-1", tags=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("rate", [np.int64(100), np.float32(100), np.float64(100)])
def test_numbers_of_numpy_are_sent_as_those_of_python(rate: Any) -> None:
    settings = shard.Settings("app", rate=rate)
    assert (settings.rate, type(settings.rate)) == (100.0, float)
    images = shard.ImageSettings(rate=rate, image_rate=rate, list_rate=rate, newest=np.int64(3))  # type: ignore[arg-type]
    assert images == shard.ImageSettings(rate=100, image_rate=100, list_rate=100, newest=3)
    assert {type(each) for each in (images.rate, images.image_rate, images.list_rate)} == {float}
    assert type(images.newest) is int


@pytest.mark.parametrize("name", ["confirm", "require_exclusion", "all_layers"])
@pytest.mark.parametrize("value", ["no", None, 1])
def test_what_is_neither_true_nor_false_is_refused_before_a_worker_has_it(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name} is a {type(value).__name__}; expected True or False"):
        shard.ImageSettings(**{name: value})


def test_a_reference_is_taken_apart_as_check_does() -> None:
    settings = shard.Settings("arn:aws:ecr:eu-west-1:123456789012:repository/team/app")
    assert (settings.repository_name, settings.registry_id) == ("team/app", "123456789012")
    assert settings.region_name == "eu-west-1"
    assert shard.Settings("public.ecr.aws/nginx/nginx").public


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"rate": "max"}, lc.InvalidParameterError, 'rate="max" cannot be divided among workers'),
        ({"rate": 0}, lc.InvalidParameterError, "rate is 0; expected more than 0"),
        ({"rate": float("nan")}, lc.InvalidParameterError, "rate is nan"),
        ({"rate": True}, lc.InvalidParameterError, "rate is True"),
        ({"session": " "}, lc.InvalidParameterError, "session is empty"),
        ({"rate": [100]}, lc.InvalidParameterError, "rate is [100]; expected calls per second"),
        ({"rate": np.array([1, 2])}, lc.InvalidParameterError, "rate is array([1, 2]); expected calls"),
        ({"rate": np.float64("inf")}, lc.InvalidParameterError, "expected more than 0 calls per second"),
        ({"rate": 10**400}, lc.InvalidParameterError, "expected more than 0 calls per second"),
        ({"registry_id": 123456789012}, TypeError, "registry_id is a int"),
        ({"registry_id": ["123456789012"]}, TypeError, "registry_id is a list; expected a str"),
        ({"region_name": ["us-east-1"]}, TypeError, "region_name is a list; expected a str"),
        ({"endpoint_url": b"x"}, TypeError, "endpoint_url is a bytes"),
        ({"transport": 1}, TypeError, "transport is a int"),
        ({"public": "false"}, TypeError, "public is a str; expected True or False"),
    ],
)
def test_what_cannot_be_right_is_refused(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as refused:
        shard.Settings("app", **given)
    assert message in str(refused.value)
