"""Writes the pages that `test_browser.py` opens: `python tests/page/make_pages.py FOLDER`.

It runs where layercheck is installed, with `tests/python` on the path; the browser has an environment of its
own.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import layercheck as lc
import made_images
from layercheck.push.actions import PushRow
from layercheck.testing import LocalEcr
from page import reports

HOSTILE = [
    "<script>document.title='run'</script>",
    "</script><script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    '"><svg onload="document.title=\'run\'">',
    "</style><style>*{display:none}</style>",
    "\u202egnp.exe\u202c \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "a\u200bb\ufeffc\x00\x1b[2Jd",
    "e\u0301\u0316\u0317" * 60,
    "x" * 2_048,
    "\U0010ffff" * 2_048,
    "javascript:document.title='run'",
]


def hostile() -> lc.Report:
    """A report of rows, reasons and a name that would run if they were markup."""
    with LocalEcr({"team/app": [reports.digest(0)]}) as ecr:
        report = lc.check([*HOSTILE, reports.digest(0), reports.digest(1)], "team/app", client=ecr.client())
    name = HOSTILE[0] + HOSTILE[5]
    return lc.Report(report._columns, target=lc.Target(name, HOSTILE[2], HOSTILE[3]), stats=report.stats)


def audit() -> lc.ImageReport:
    """An audit of 3,540 images of four repositories, some of them broken, with a tag of 128 characters."""
    sizes = {"team/app": (2_000, 25), "team/web": (900, 3), "team/batch": (600, 0), "base/debian": (40, 1)}
    with LocalEcr({}, region_name="eu-west-1") as ecr:
        for name, (images, broken) in sizes.items():
            ecr.set_image_rule(name, images, layers=6, broken=broken, shared=0.5, indexes=images // 10)
        long = "v" + "1" * 127
        made_images.put(ecr, made_images.manifest("a", "c"), long, repository="team/long", lacking=["c"])
        return made_images.check(ecr, "*")


def million() -> lc.Report:
    plan = lc.plan(np.random.default_rng(7).integers(0, 256, (1_000_000, 32), dtype=np.uint8))
    verdicts = [lc.Verdict.UNAVAILABLE, *[lc.Verdict.AVAILABLE] * 9] * 100_000
    return reports.report_on(plan, verdicts)


def push() -> lc.PushPlan:
    rows = [PushRow("upload", reports.digest(each), 1_000_000 * each, "a/b", "layer") for each in range(9)]
    rows += [PushRow("skip", reports.digest(each), 5_000_000, "a/b", "layer") for each in range(20, 30)]
    rows += [PushRow("mount", reports.digest(40), 9_000_000, "a/b", "layer", mount_from="team/base")]
    why = ("the tag 'v2' is immutable and names another image; choose another tag",)
    return lc.PushPlan("image.tar", reports.TARGET, "v2", "moves", tuple(rows), (), why)


def changes() -> lc.Changes:
    there, gone = lc.Verdict.AVAILABLE, lc.Verdict.UNAVAILABLE
    after = [gone if number % 70 == 0 else there for number in range(3_000)]
    return lc.diff(reports.report_of([there] * 3_000), reports.report_of([*after, there]))


def main(folder: Path) -> None:
    """Write every page, and say how large it is and how long that took."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "zero": reports.report_of([]),
        "one": reports.report_of([lc.Verdict.AVAILABLE]),
        "small": reports.report(),
        "million": million(),
        "hostile": hostile(),
        "interrupted": reports.report_of(
            [lc.Verdict.AVAILABLE, lc.Verdict.UNAVAILABLE, *[lc.Verdict.NOT_CHECKED] * 98], ended="cancelled"
        ),
        "images": audit(),
        "push": push(),
        "diff": changes(),
    }
    for name, report in made.items():
        begun = time.perf_counter()
        path = folder / f"{name}.html"
        report.write(path, full=folder / f"{name}.parquet")
        taken = time.perf_counter() - begun
        sys.stdout.write(f"{path}: {path.stat().st_size / 1_000:,.0f} kB in {taken:.2f} s\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
