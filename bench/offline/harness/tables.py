"""Results as text: all cases for the terminal, the headline cases for the published page."""

from __future__ import annotations

from typing import Any

from offline.harness import results

Document = dict[str, Any]
Line = dict[str, Any]


def as_text(document: Document) -> str:
    """Every case with ratios to its first contender and peak memory, and what layercheck lost."""
    out = [_about(document)]
    lost: list[str] = []
    for case in document["cases"]:
        each = f"a {case['unit']}"
        out += [
            "",
            case["name"],
            f"  {'':36} {'median':>9} {'min':>9} {'cpu':>9} {each:>9} {'ratio':>7} {'peak':>8}",
        ]
        first = _first(case)
        for line in case["lines"]:
            ratio = line["median_s"] / first["median_s"] if first else None
            behind = ratio is not None and ratio < 1 and line.get("rival", False)
            out.append(f"  {_row(line, ratio)}{'  LOST' if behind else ''}{_remarks(line)}")
            if behind:
                lost.append(f"{case['name']}: {line['name']} takes {ratio:.2f} of the time")
        for bar in case["bars"]:
            out.append(f"  {_bar(bar)}")
            if not bar["reached"]:
                lost.append(f"{case['name']}: {_bar(bar)}")
    failed = [
        f"{case}: {name} FAILED: {'; '.join(problems).strip().splitlines()[-1]}"
        for case, by_name in document["problems"].items()
        for name, problems in by_name.items()
    ]
    lost += failed
    out += ["", "Lost, not reached or failed:" if lost else "Nothing lost, every bar reached."]
    return "\n".join(out + [f"  {what}" for what in lost])


def _first(case: dict[str, Any]) -> Line | None:
    """The line to compare the others with; None if it failed."""
    return next((line for line in case["lines"] if line["name"] == case["first"]), None)


def _about(document: Document) -> str:
    machine = document["machine"]
    capped = f", at most {document['most_rows']:,} rows" if document["most_rows"] else ""
    load = "/".join(str(load) for load in document["load_at_end"])
    return (
        f"{document['date']}, {machine['kind']}, {machine['cpu']}, Python {machine['python']}, "
        f"commit {document['commit']}, {document['rounds']} rounds{capped}, load at the end {load}\n"
        "cpu: processor time of all threads; ratio: the line's median time by the first line's; "
        "peak: resident memory, the job's input included"
    )


def _row(line: Line, ratio: float | None) -> str:
    each = seconds(line["median_s"] / line["rows"]) if "rows" in line else ""
    peak = memory(line["peak_bytes"]) if "peak_bytes" in line else ""
    times_as_long = "" if ratio is None else f"{ratio:.2f}x"
    cpu = seconds(line["cpu_s"]) if "cpu_s" in line else ""
    times = f"{seconds(line['median_s']):>9} {seconds(line['min_s']):>9} {cpu:>9}"
    return f"{line['name']:36} {times} {each:>9} {times_as_long:>7} {peak:>8}"


def _remarks(line: Line) -> str:
    remarks = []
    if line.get("unique", 0) >= results.ENOUGH_DIGESTS:  # with fewer, fixed costs are the larger part
        remarks.append(f"{results.spare_bytes(line):.0f} B a digest beyond 8 B a row")
    if "file_bytes" in line:
        rate = line["file_bytes"] / line["median_s"]
        beyond = line["beyond_input_bytes"]
        remarks.append(
            f"{memory(line['file_bytes'])} at {memory(int(rate))}/s, peak {memory(beyond)} above its input"
        )
    if "progress" in line:
        remarks.append(f"another thread got {line['progress']:.0%} of its pace")
    if "modules" in line:
        remarks.append(f"{line['modules']} modules; heavy: {', '.join(line['heavy']) or 'none'}")
    if "note" in line:
        remarks.append(line["note"])
    return "".join(f"; {remark}" for remark in remarks)


def _bar(bar: dict[str, Any]) -> str:
    than = f" {bar['peer']}" if bar["peer"] else ""
    if bar["got"] is None:
        got = f"NOT MEASURED{than}"
    else:
        word = "aim reached" if bar["aim_reached"] else "reached" if bar["reached"] else "NOT REACHED"
        got = f"{word}: {_amount(bar['got'], bar['unit'])}{than}"
    most = "at most" if bar["less"] else "at least"
    return f"{got}; {most} {_amount(bar['at_least'], bar['unit'])}, aim {_amount(bar['aim'], bar['unit'])}"


def _amount(number: float, unit: str) -> str:
    if unit.startswith("x"):
        return f"{number:.1f}{unit}"
    if unit.startswith("s"):
        return f"{seconds(number)}{unit[1:]}"
    return f"{number:,.0f} {unit}"


def as_markdown(document: Document) -> str:
    """The headline cases, a line for each peer; a figure is bold where layercheck was slower."""
    machine = document["machine"]
    out = [
        "| job | layercheck | peer | peer's time | times as fast | peak memory, both |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for case in document["cases"]:
        if not case["headline"]:
            continue
        first = _first(case)
        for line in case["lines"]:
            if first is None or not line.get("rival"):
                continue
            ratio = line["median_s"] / first["median_s"]
            shown = f"{ratio:.1f}" if ratio >= 1 else f"**{ratio:.2f}**"
            peak = f"{memory(first['peak_bytes'])}, {memory(line['peak_bytes'])}"
            name = line["name"] + (f" ({line['note']})" if "note" in line else "")
            own, other = (seconds(each["median_s"]) for each in (first, line))
            out.append(f"| {case['name']} | {own} | {name} | {other} | {shown} | {peak} |")
    versions = ", ".join(f"{name} {version}" for name, version in document["peers"].items())
    capped = f" No input had more than {document['most_rows']:,} rows." if document["most_rows"] else ""
    out += [
        "",
        f"Medians of {document['rounds']} interleaved rounds, each in a process of its own, "
        f"on {document['date']}: {machine['cpu']}, {machine['kind']}, Python {machine['python']}, "
        f"{versions}.{capped}",
        "The answers were compared before their times counted. Bold: layercheck was slower. `make bench`",
        "measures all cases again and writes this table; `bench/results` has all cases and rounds.",
    ]
    beyond = lost(document)
    if beyond:
        # The page shows every lost case, not only those that are in the table.
        verdict = f"Cases outside the table in which a peer was faster: {len(beyond)}"
        out += ["", f"<details><summary>{verdict}</summary>", "", *beyond, "", "</details>"]
    return "\n".join(out)


def lost(document: Document) -> list[str]:
    """The cases outside the table in which a peer was faster, an item of a list for each."""
    out = []
    for case in document["cases"]:
        first = _first(case)
        if first is None or case["headline"]:
            continue
        for line in case["lines"]:
            ratio = line["median_s"] / first["median_s"]
            if line.get("rival") and ratio < 1:
                own, other = (seconds(each["median_s"]) for each in (first, line))
                out.append(f"* {case['name']}: {line['name']} takes {other}, layercheck {own}")
    return out


def seconds(number: float) -> str:
    """A duration with three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(number) >= size:
            return f"{number / size:.3g} {unit}" if number / size < 100 else f"{number / size:.0f} {unit}"
    return f"{number * 1e9:.0f} ns"


def memory(number: int) -> str:
    """An amount of memory in MB or GB."""
    return f"{number / 1e9:.2f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"
