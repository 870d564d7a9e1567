"""Compares libraries that draw the plots of a report: `python bench studies.plots`.

Each library is installed from the package index into a virtual environment of its own, and draws the same
bars with hostile labels in a process of its own. The figures are those of one machine; the times are medians
of several processes. docs/plots.md says what followed from them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from offline.harness import results
from offline.harness.page import insert_table

ROOT = Path(__file__).parent.parent.parent
RESULT = ROOT / "bench" / "results" / "plots.json"
PAGE = ROOT / "docs" / "plots.md"
BEGIN = "<!-- plots: begin (written by `make bench-plots`) -->"
END = "<!-- plots: end -->"
HERE = Path(__file__).parent / "plot_candidates"
CANDIDATES = {
    "altair": ["altair", "vl-convert-python"],
    "vl_convert": ["vl-convert-python"],
    "matplotlib": ["matplotlib"],
    "lets_plot": ["lets-plot"],
    "plotly": ["plotly", "kaleido"],
    "pygal": ["pygal"],
}
HOSTILE = "</script><b>$x^2$ {{datum.x}} &"
LABELS = ["available", HOSTILE, "long " * 60]
COLOURS = ["var(--lc-a, #2e9e5b)", "var(--lc-b, #d9483b)", "var(--lc-c, #b07c1f)"]
_PROGRAM = """
import json, resource, sys, time, importlib.util
name, folder, labels, colours = json.loads(sys.argv[1])
spec = importlib.util.spec_from_file_location("candidate", f"{folder}/{name}.py")
sys.path = [each for each in sys.path if each not in ("", folder)]
start = time.perf_counter()
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
imported = time.perf_counter()
told = {"import_s": imported - start}
try:
    svg = module.draw(labels, [900, 90, 10], colours)
    first = time.perf_counter()
    for _ in range(5):
        svg = module.draw(labels, [900, 90, 10], colours)
    told |= {"first_s": first - imported, "next_s": (time.perf_counter() - first) / 5, "svg": svg}
except Exception as error:
    told |= {"error": f"{type(error).__name__}: {error}"[:200]}
told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
told["modules"] = len(sys.modules)
shown = module.shown(labels, [900, 90, 10], colours)
views = [each for each in dir(type(shown)) if each.startswith("_repr_") and each.endswith("_")]
parts = []
for each in list(views):
    try:
        parts.append(json.dumps(getattr(shown, each)(), default=str))
    except Exception:  # it needs more packages
        views.remove(each)
told["views"] = views
told["view_loads"] = any("<script" in part and "https://" in part for part in parts)
print(json.dumps(told))
"""


def main() -> None:
    """Print the figures, and write them to bench/results with --keep."""
    options = argparse.ArgumentParser()
    options.add_argument("names", nargs="*", default=list(CANDIDATES))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--environments", type=Path, help="folder of environments to keep")
    options.add_argument("--keep", action="store_true", help=f"write {RESULT.parent.name}/{RESULT.name}")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.environments or Path(scratch)
        lines = [study(name, folder, given.rounds) for name in given.names]
    for line in lines:
        print(json.dumps(line))
    if given.keep:
        RESULT.write_text(json.dumps({"machine": results.machine(), "lines": lines}, indent=1) + "\n")
        publish(lines)


def publish(lines: list[dict[str, Any]]) -> None:
    """Write the table of docs/plots.md."""
    head = ["", "packages", "MB", "import, s", "first drawing, s", "next, s", "memory, MB", "drawing, kB"]
    head += ["hostile text", "CSS colours", "roles", "scripts", "shows offline"]
    table = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for line in lines:
        answers = [line["hostile_is_text"], line["css_colours"], line["roles"], line["scripts"]]
        said = ["yes" if each else "no" for each in answers]
        offline = "no" if line["view_loads"] or not line["views"] else "yes"
        cells = [
            line["name"].replace("_", "-"),
            len(line["packages"]),
            f"{line['mb'] - line['mb_of_numpy']:.0f}",
        ]
        cells += [f"{line[each]:.2f}" for each in ("import_s", "first_s", "next_s")]
        cells += [line["peak_mb"], f"{line['svg_bytes'] / 1000:.0f}", *said, offline]
        table.append("| " + " | ".join(map(str, cells)) + " |")
    PAGE.write_text(insert_table(PAGE.read_text(), "\n".join(table), begin=BEGIN, end=END))


def study(name: str, folder: Path, rounds: int) -> dict[str, Any]:
    """The figures of one library."""
    python = environment(folder / name, CANDIDATES[name])
    told = [draw(python, name) for _ in range(rounds)]
    line = {"name": name, **installed(python), "modules": told[0]["modules"]}
    for figure in ("import_s", "first_s", "next_s", "peak_mb"):
        seen = [each[figure] for each in told if figure in each]
        line[figure] = round(statistics.median(seen), 3) if seen else None
    line |= {"views": told[0]["views"], "view_loads": told[0]["view_loads"], "error": told[0].get("error")}
    return line | (looked_at(told[0]["svg"]) if "svg" in told[0] else {})


def environment(folder: Path, packages: list[str]) -> Path:
    """The interpreter of a virtual environment with the packages and without pip."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=False)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *packages]
        subprocess.run(pip, check=True)
    return python


def draw(python: Path, name: str) -> dict[str, Any]:
    """What the library drew, in a new process."""
    argument = json.dumps([name, str(HERE), LABELS, COLOURS])
    command = [str(python), "-I", "-c", _PROGRAM, argument]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def installed(python: Path) -> dict[str, Any]:
    """Packages and megabytes; numpy apart, because layercheck needs it anyway."""
    site = next(python.parent.parent.glob("lib/python*/site-packages"))
    packages = sorted(each.name.partition("-")[0] for each in site.glob("*.dist-info"))

    def megabytes(folders: list[Path]) -> float:
        files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
        return round(sum(file.stat().st_size for file in files if file.suffix != ".pyc") / 1e6, 1)

    return {
        "packages": packages,
        "mb": megabytes([site]),
        "mb_of_numpy": megabytes(list(site.glob("numpy*"))),
    }


def looked_at(svg: str) -> dict[str, Any]:
    """What is true of an SVG."""
    parts = list(ElementTree.fromstring(svg).iter())  # noqa: S314 - what was drawn here is not from outside
    named = [(part.tag.rpartition("}")[2], part) for part in parts]
    texts = [(part.text or "").strip() for tag, part in named if tag in ("text", "tspan")]
    attributes = [(key.rpartition("}")[2], value) for part in parts for key, value in part.attrib.items()]
    return {
        "svg_bytes": len(svg.encode()),
        "text_is_text": "available" in texts,
        "hostile_is_text": HOSTILE in texts,
        "css_colours": svg.count("var(--lc-") >= len(COLOURS),
        "scripts": sum(tag == "script" for tag, _ in named),
        "outside_references": sum(
            key in ("href", "src") and not value.startswith("#") for key, value in attributes
        ),
        "labelled_parts": sum(key == "aria-label" for key, _ in attributes),
        "roles": sum(key == "role" for key, _ in attributes),
    }


if __name__ == "__main__":
    main()
