"""Answers that no service should give: the plan stays true, and it ends."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError

import layercheck as lc
from fake_account import SECRET, TOKEN
from layercheck.aws.classify import Failure
from layercheck.dispatch import single_calls

from .conftest import Plan, actions
from .layouts import Layout, digest_of, layer
from .registry import Refusal, Registry, Repo

APP, BASE = layer("app", 3000), layer("base", 2000)
LOOKUPS = ("DescribeImages", "DescribeRepositories", "GetAccountSetting", "DescribePullThroughCacheRules")
ANSWERS: list[Any] = [
    {},
    {"repositories": [None, {"repositoryName": 7}, {"repositoryName": "team/app"}], "value": None},
    {"repositories": [{"repositoryName": "other"}], "imageDetails": [{"imageDigest": "\x1b[2J"}]},
    {"imageDetails": [None], "pullThroughCacheRules": [None, {"ecrRepositoryPrefix": None}], "value": "\x1b"},
    {"nextToken": "again", "pullThroughCacheRules": []},
    Refusal("ImageNotFoundException", "\x1b[2J" * 9),
    Refusal("Unheard\x1bOf", "x" * 100_000),
]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_no_answer_makes_an_error_or_a_skip(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan, answer: Any
) -> None:
    image = layout.image([APP, BASE], name="v1")
    document = layout.document(image["digest"])
    for each in (document["config"], document["layers"][0]):
        repo.blobs[each["digest"]] = "AVAILABLE"
    registry.repositories["base"] = Repo(blobs={digest_of(BASE): "AVAILABLE"})
    for operation in LOOKUPS:
        registry.replaced[operation] = lambda _: answer
    made = plan(tag="v1", mount_from="base")
    assert actions(made)[digest_of(BASE)] == "upload"
    assert actions(made)[image["digest"]] == "upload", "a blob of it is not there"
    assert (made.counts["skip"], made.counts["mount"], made.blocked) == (2, 0, ())
    for note in made.notes:
        assert note.isprintable()
        assert len(note) < 1000


def test_a_lookup_that_hangs_ends_with_the_time_of_the_plan(
    layout: Layout, repo: Repo, registry: Registry, plan: Plan
) -> None:
    image = layout.image([APP], name="v1")
    document = layout.document(image["digest"])
    for each in (document["config"], *document["layers"]):
        repo.blobs[each["digest"]] = "AVAILABLE"
    go_on = threading.Event()

    def hang(_: object) -> Refusal:
        go_on.wait(120)
        return Refusal("ServerException", "", 500)

    registry.replaced["DescribeImages"] = hang
    made = plan(tag="v1", timeout_s=2)
    go_on.set()
    assert made.counts["skip"] == 2
    assert actions(made)[image["digest"]] == "undecided"
    assert made.tag_state == "unknown"


def test_no_text_of_a_plan_holds_a_secret(
    layout: Layout, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.image([APP], name="v1")
    for operation in LOOKUPS:
        registry.replaced[operation] = lambda _: Refusal("Odd", f"token {TOKEN} and {SECRET} refused")
    registry.repositories["base"] = Repo(blobs={digest_of(APP): "AVAILABLE"})
    made = lc.push_plan(layout.folder, "team/app", tag="v1", mount_from="base", endpoint_url=registry.url)
    said = "".join((*made.notes, *made.blocked, made._repr_html_(), repr(made.rows)))
    assert "Odd" in said
    assert SECRET not in said
    assert TOKEN not in said


def test_no_answer_of_a_plan_shows_a_secret(layout: Layout, repo: Repo, registry: Registry) -> None:
    layout.image([APP], name="v1")
    repo.settings = {"encryptionConfiguration": {"encryptionType": TOKEN, "kmsKey": SECRET}}
    registry.account_settings["BLOB_MOUNTING"] = TOKEN
    registry.repositories["base"] = Repo(settings={"imageTagMutability": SECRET})
    made = lc.push_plan(layout.folder, "team/app", tag="v1", mount_from="base", endpoint_url=registry.url)
    said = "".join((*made.notes, *made.blocked, made._repr_html_(), repr(made.rows), repr(vars(made))))
    assert "the account setting BLOB_MOUNTING is '***'" in said
    assert TOKEN[:40] not in said
    assert SECRET not in said


def test_a_lookup_without_memory_for_its_error_prints_nothing(
    layout: Layout, registry: Registry, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.image([APP], name="v1")
    registry.replaced["DescribeImages"] = lambda _: Refusal("Odd", f"token {TOKEN} refused")
    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)

    def classify(error: BaseException, *known: Any) -> Failure:
        if isinstance(error, ClientError):
            raise MemoryError
        failure: Failure = real(error, *known)
        return failure

    real: Any = vars(single_calls)["classify"]
    monkeypatch.setattr(single_calls, "classify", classify)
    made = plan(tag="v1")
    assert not printed
    assert "out of memory" in " ".join(made.notes)
