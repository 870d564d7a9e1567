"""A gate after a push: are all layers of this manifest in the repository?

crane manifest "$IMAGE" | python examples/ci_gate.py team/app

Exit codes: 0 all are there; 1 some are not; 2 unknown, because some digests got no answer or the
check failed or was not called rightly. Keep the gate shut for 1 and for 2.
"""

import json
import sys

import layercheck as lc


def digests_of(manifest: dict) -> list[str]:
    """The config and the layers of an image's manifest."""
    if "manifests" in manifest:
        raise ValueError(
            "this is an index: pass the manifest of one platform (crane manifest --platform ...)"
        )
    # A layer with urls is a foreign layer, usually of Windows, that is never uploaded.
    layers = [layer for layer in manifest["layers"] if not layer.get("urls")]
    return [each["digest"] for each in (manifest["config"], *layers)]


def main(repository: str) -> int:
    """Check the manifest on standard input; returns the exit code."""
    try:
        report = lc.check(digests_of(json.load(sys.stdin)), repository, timeout_s=60)
    except (lc.LayercheckError, ValueError, KeyError) as error:
        print(f"unknown: {error}", file=sys.stderr)
        return 2
    if not report.complete:
        print(f"unknown: {report.stats.ended}, {report.counts}", file=sys.stderr)
        return 2
    for verdict in ("unavailable", "archived", "refused", "other"):
        for digest in report.digests(verdict):
            print(f"{verdict}: {digest}", file=sys.stderr)
    return 0 if report.counts["available"] == report.rows else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
