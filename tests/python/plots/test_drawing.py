"""Drawings of plot tables: SVG for pages, charts for notebooks, and any text from outside as text."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import altair
import pytest

from layercheck.plots import PlotTable, available, chart, svg
from layercheck.plots.drawing import picture
from layercheck.plots.table import PlotKind
from layercheck.redact import visible

HOSTILE = [
    "</script><script>alert(1)</script>",
    "</svg><img src=x onerror=alert(1)>",
    "{{datum.value}} ${x} datum['a'] signal(1)",
    "$x^2$ \\frac{1}{2}",
    "' \" & &amp; &lt; ]]> --> <!--",
    "שלום עולם",
    "var(--lc-bad, #db1e16) currentColor url(https://example.com/x)",
    visible("tag\u202e\x1b[2J\x00\n"),
]
KINDS: list[PlotKind] = ["ranked", "histogram", "verdicts", "timeline"]


def table(kind: PlotKind, names: list[str]) -> PlotTable:
    if kind == "timeline":
        rows = tuple((at * 0.5, 100 + at, at % 2, 500.0) for at in range(20))
        columns = ("second", "requests", "throttles", "rate limit")
        return PlotTable(kind, "t", names[0], names[0], columns, ("s", "r/s", "r/s", "r/s"), rows)
    rows_of_names = tuple((name, 1 + at) for at, name in enumerate(names))
    return PlotTable(kind, "t", names[0], names[0], ("name", "images"), ("", "images"), rows_of_names)


def parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)  # noqa: S314 - what is drawn here is not from outside


def shown(made: Any) -> dict[str, str]:
    """What a notebook gets of a chart."""
    bundle: dict[str, str] = made._repr_mimebundle_()
    return bundle


def picture_of(made: Any) -> str:
    return shown(made)["image/svg+xml"]


def texts(drawn: str) -> list[str]:
    return [each.text or "" for each in parsed(drawn).iter() if each.tag.endswith("}text")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_text_in_every_drawing(kind: PlotKind, hostile: str) -> None:
    made = table(kind, [hostile, hostile * 40])
    for drawn in (svg(made), picture_of(chart(made))):
        tree = parsed(drawn)
        tags = {each.tag.rpartition("}")[2] for each in tree.iter()}
        assert tags <= {"svg", "g", "path", "line", "text", "rect", "defs", "clipPath", "tspan"}
        names = {key.rpartition("}")[2] for each in tree.iter() for key in each.attrib}
        assert not [name for name in names if name.startswith("on") or name in ("href", "src", "style")]
        assert tree.attrib["role"] == "img"
        assert hostile in tree.attrib["aria-label"]


@pytest.mark.parametrize("kind", ["ranked", "histogram"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_name_beside_a_bar_is_shown_as_it_is_and_cut_where_it_has_no_room(
    kind: PlotKind, hostile: str
) -> None:
    made = replace(table(kind, [hostile, hostile * 40]), title="t", summary="s")
    for drawn in (svg(made), picture_of(chart(made))):
        names = [text for text in texts(drawn) if text not in ("1", "2", "t", "s")]
        assert len(names) == 2
        for name in names:
            assert (hostile * 40).startswith(name.rstrip("…").rstrip())
            assert len(name) > 10 or name == hostile


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["\U0001f600" * 60, "x" * 30 + "\U00020000" * 60])
def test_long_names_with_characters_beyond_ffff_are_drawn(kind: PlotKind, name: str) -> None:
    made = table(kind, [name, "other"])
    for drawn in (svg(made), picture_of(chart(made))):
        assert name in parsed(drawn).attrib["aria-label"]
        assert kind == "timeline" or "other" in texts(drawn)


@pytest.mark.parametrize("kind", KINDS)
def test_a_drawing_for_a_page_has_texts_and_takes_its_colours_from_the_page(kind: PlotKind) -> None:
    made = table(kind, ["available", "unavailable"])
    drawn = svg(made)
    assert texts(drawn)
    colours = set(re.findall(r' (?:fill|stroke)="([^"]+)"', drawn)) - {"none", "transparent"}
    assert all(each == "currentColor" or each.startswith("var(--lc-") for each in colours), colours
    alone = picture_of(chart(made))
    assert "var(" not in alone
    assert "currentColor" not in alone


def test_two_drawings_on_a_page_share_no_id() -> None:
    drawn = [svg(table(kind, ["available", "b"])) for kind in KINDS * 2]
    found = [set(re.findall(r' id="([^"]+)"', each)) for each in drawn]
    assert sum(map(len, found)) == len(set().union(*found))


def test_a_verdict_bar_names_each_word_with_its_number_in_the_order_of_the_parts() -> None:
    rows = (("available", 999_990), ("unavailable", 9), ("not_checked", 1))
    made = PlotTable("verdicts", "v", "Rows", "s", ("verdict", "rows"), ("", "rows"), rows)
    assert texts(svg(made)) == [
        *("available", "unavailable", "not checked"),
        *("999,990  (>99.9 %)", "9  (<0.1 %)", "1  (<0.1 %)"),
    ]
    parts = re.findall(r'd="(M[^"]+Z)" fill="var', svg(made))[:3]
    edges = [[float(x) for x in re.findall(r"([\d.]+),[\d.]+", part)] for part in parts]
    assert all(max(edge) - min(edge) > 2 for edge in edges)  # one row of a million can be seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_chart_is_one_of_altair_and_shows_itself_as_svg_without_the_network(kind: PlotKind) -> None:
    made = chart(table(kind, ["available", "b"]))
    assert isinstance(made, altair.TopLevelMixin)
    bundle = shown(made)
    assert set(bundle) == {"image/svg+xml", "text/plain"}
    assert "http" not in bundle["image/svg+xml"].replace("http://www.w3.org/", "")
    assert bundle["text/plain"] == "available"
    # What a user does with a chart of Altair works.
    assert made.properties(title="mine").to_dict()["title"] == "mine"


def test_a_row_without_a_number_and_a_plot_of_one_row_are_drawn() -> None:
    made = PlotTable("ranked", "r", "t", "s", ("name", "bytes"), ("", "bytes"), (("a", None),))
    assert texts(svg(made)) == ["a", "unknown"]
    one = PlotTable("timeline", "r", "t", "s", ("second", "requests"), ("s", "r/s"), ((0.0, 0),))
    assert "svg" in svg(one)
    assert picture({"mark": "bar", "data": {"values": []}}).startswith("<svg")


_WITHOUT = """
import sys
sys.modules["altair"] = sys.modules["vl_convert"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in ("altair", "vl_convert") else find(name, *more)
import layercheck as lc
from layercheck.plots import available
from layercheck.testing import LocalEcr
rows = ["sha256:%064x" % row for row in range(2_000)]
with LocalEcr({"app": rows}) as ecr:
    report = lc.check(lc.plan(rows, batch_size=10), "app", client=ecr.client())
assert not available()
assert "<svg" not in report._repr_html_()
assert "layercheck[plots]" in report.plot._repr_html_()
print([table.name for table in report.plot.tables()])
for plot in (report.plot.verdicts, report.plot.timeline):
    try:
        plot()
    except ImportError as error:
        print(error)
"""


def test_without_the_extra_there_are_tables_and_an_error_that_names_it() -> None:
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True)
    told = done.stdout.splitlines()
    assert told[0] == "['verdicts', 'sizes', 'timeline']"
    expected = "a chart needs altair, which is not installed: pip install 'layercheck[plots]'"
    assert told[1:] == [expected, expected]


def test_a_table_and_a_view_of_a_short_run_load_no_plot_library() -> None:
    code = (
        "import sys, layercheck as lc\n"
        "from layercheck.testing import LocalEcr\n"
        "row = 'sha256:' + 'aa' * 32\n"
        "with LocalEcr({'app': [row]}) as ecr:\n"
        "    report = lc.check([row], 'app', client=ecr.client())\n"
        "report.plot.tables(), report._repr_html_(), repr(report.plot)\n"
        "print([name for name in ('altair', 'vl_convert', 'narwhals') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert available()


FORKS = """
    import os, signal, sys
    import layercheck as lc
    from layercheck.plots import PlotTable, svg
    from layercheck.testing import LocalEcr

    def drawn():
        return svg(PlotTable("ranked", "t", "t", "t", ("a", "b"), ("", ""), (("x", 1),)))

    def in_child(work):
        child = os.fork()
        if child == 0:
            signal.alarm(60)  # ends a child that hangs
            os._exit(not work())
        return os.waitpid(child, 0)[1]

    def is_refused():
        try:
            drawn()
        except lc.LayercheckError as error:
            return str(os.getppid()) in str(error)

    def writes_numbers():
        report.write(sys.argv[1])
        return True

    with LocalEcr({"app": []}) as ecr:
        report = lc.check(["sha256:" + "aa" * 32, "junk"], "app", client=ecr.client())
    before = in_child(lambda: bool(drawn()))
    drawn()
    print(before, in_child(is_refused), in_child(writes_numbers))
"""


def test_a_child_of_a_process_that_drew_is_refused_and_writes_pages_with_numbers(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    program = textwrap.dedent(FORKS)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(page)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "0", "0"]
    assert "Invalid rows" in page.read_text()
    assert "lc-plot" not in page.read_text()
