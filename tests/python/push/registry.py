"""A small ECR with the operations that a push plan asks, independent of `LocalEcr`.

It refuses what the service refuses (more than 100 ids, unknown repositories, a missing image), has no page
sizes of its own, and a test may replace the answer to an operation.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

import boto3

ACCOUNT = "123456789012"

Answer: TypeAlias = "dict[str, Any] | Refusal"


@dataclass(frozen=True)
class Refusal(Exception):  # noqa: N818 - not an error of the test
    code: str
    message: str = ""
    status: int = 400


@dataclass
class Repo:
    """A repository: blobs and manifests by digest, tags, settings."""

    blobs: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


class Registry:
    """`with Registry(...).serve() as url:` serves the repositories until the block ends.

    `asked` has every request as (operation, parameters). `replaced` maps an operation to what answers it.
    """

    def __init__(self, **repositories: Repo) -> None:
        self.repositories = {name.replace("__", "/"): repo for name, repo in repositories.items()}
        self.account_settings: dict[str, str] = {"BLOB_MOUNTING": "DISABLED"}
        self.templates: list[dict[str, Any]] = []
        self.pull_through: list[str] = []
        self.replaced: dict[str, Callable[[Mapping[str, Any]], Answer]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.url = ""

    def deny(self, *operations: str) -> None:
        for operation in operations:
            self.replaced[operation] = lambda _: Refusal("AccessDeniedException", "not authorized")

    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    @contextmanager
    def serve(self) -> Iterator[Registry]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                operation = self.headers["x-amz-target"].rpartition(".")[2]
                outer.asked.append((operation, body))
                answer = outer._answer(operation, body)
                status = 200
                if isinstance(answer, Refusal):
                    status = answer.status
                    answer = {"__type": answer.code, "message": answer.message}
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass  # some tests end the client in the middle of a reply

        server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name="eu-west-1"
        )

    def _answer(self, operation: str, body: dict[str, Any]) -> Answer:
        try:
            if operation in self.replaced:
                return self.replaced[operation](body)
            return self.answer(operation, body)
        except Refusal as refusal:
            return refusal

    def answer(self, operation: str, body: Mapping[str, Any]) -> Answer:
        """What the service answers, whatever is replaced."""
        answers: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "BatchCheckLayerAvailability": self.batch_check_layer_availability,
            "DescribeImages": self.describe_images,
            "DescribeRepositories": self.describe_repositories,
            "DescribeRepositoryCreationTemplates": self.describe_repository_creation_templates,
            "DescribePullThroughCacheRules": self.describe_pull_through_cache_rules,
            "GetAccountSetting": self.get_account_setting,
        }
        known = answers.get(operation)
        return known(body) if known else Refusal("UnknownOperationException")

    def _repository(self, body: Mapping[str, Any]) -> Repo:
        name = body["repositoryName"]
        if body.get("registryId", ACCOUNT) != ACCOUNT or name not in self.repositories:
            raise Refusal("RepositoryNotFoundException", f"The repository with name '{name}' does not exist")
        return self.repositories[name]

    def batch_check_layer_availability(self, body: Mapping[str, Any]) -> Answer:
        repo, digests = self._repository(body), body["layerDigests"]
        assert 1 <= len(digests) <= 100
        layers = [
            {"layerDigest": digest, "layerAvailability": repo.blobs.get(digest, "UNAVAILABLE")}
            for digest in digests
        ]
        return {"layers": layers, "failures": []}

    def describe_images(self, body: Mapping[str, Any]) -> Answer:
        repo, ids = self._repository(body), body["imageIds"]
        assert 1 <= len(ids) <= 100
        assert "maxResults" not in body
        found: dict[str, dict[str, Any]] = {}
        for each in ids:
            digest = each.get("imageDigest") or repo.tags.get(each.get("imageTag", ""))
            if digest not in repo.images:
                raise Refusal(
                    "ImageNotFoundException",
                    f"The image with imageId {each} does not exist within the repository",
                )
            found[digest] = {"imageDigest": digest, "imageStatus": repo.images[digest]}
        return {"imageDetails": list(found.values())}

    def describe_repositories(self, body: Mapping[str, Any]) -> Answer:
        found = []
        for name in body["repositoryNames"]:
            repo = self._repository({**body, "repositoryName": name})
            defaults = {
                "imageTagMutability": "MUTABLE",
                "encryptionConfiguration": {"encryptionType": "AES256"},
            }
            found.append({"repositoryName": name, "registryId": ACCOUNT, **defaults, **repo.settings})
        return {"repositories": found}

    def describe_repository_creation_templates(self, body: Mapping[str, Any]) -> Answer:
        at = int(body.get("nextToken", 0))
        page: dict[str, Any] = {
            "registryId": ACCOUNT,
            "repositoryCreationTemplates": self.templates[at : at + 2],
        }
        if at + 2 < len(self.templates):
            page["nextToken"] = str(at + 2)
        return page

    def describe_pull_through_cache_rules(self, body: Mapping[str, Any]) -> Answer:
        rules = [{"ecrRepositoryPrefix": prefix, "registryId": ACCOUNT} for prefix in self.pull_through]
        return {"pullThroughCacheRules": rules}

    def get_account_setting(self, body: Mapping[str, Any]) -> Answer:
        return {"name": body["name"], "value": self.account_settings[body["name"]]}
