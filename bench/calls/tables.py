"""Calls as text: all points for the terminal, the headline points for the published page."""

from __future__ import annotations

from typing import Any

BEGIN = "<!-- calls: begin (written by `make bench-calls`) -->"
END = "<!-- calls: end -->"

Document = dict[str, Any]


def problems(document: Document) -> list[str]:
    """Everything that failed, a line each."""
    return [
        f"{point['name']}: {line['name']}: {line['problem'].strip().splitlines()[-1]}"
        for point in document["points"]
        for line in point["lines"]
        if line["problem"]
    ]


def names(document: Document, what: str) -> set[str]:
    """The contenders that are so."""
    return {one["name"] for one in document["contenders"] if one.get(what)}


def from_texts(document: Document) -> set[str]:
    """The lines of layercheck that take the same texts as the peers."""
    return names(document, "ours") - names(document, "ready")


def lost(document: Document) -> list[str]:
    """Points where a peer made more calls a second than the fastest transport of layercheck from texts."""
    ours, texts = names(document, "ours"), from_texts(document)
    out = []
    for point in document["points"]:
        rates = {line["name"]: line["calls_per_s"] for line in point["lines"] if not line["problem"]}
        best = max((rate for name, rate in rates.items() if name in texts), default=0.0)
        ready = "".join(f", of a ready plan {rates[name]:,.0f}" for name in ours - texts if name in rates)
        out += [
            f"{point['name']}: {name} makes {rate:,.0f} calls/s, layercheck {best:,.0f}{ready}"
            for name, rate in rates.items()
            if name not in ours and rate > best
        ]
    return out


def as_text(document: Document) -> str:
    """Every point, the points that layercheck lost, and the contenders that could not run."""
    out = []
    head = f"  {'':28} {'calls/s':>8} {'p50':>9} {'p99':>9} {'CPU s/M':>8} {'peak':>8}"
    for point in document["points"]:
        out += ["", point["name"], head]
        for line in point["lines"]:
            if line["problem"]:
                out.append(f"  {line['name']:28} FAILED")
                continue
            times = f"{line['p50_ms']:6.1f} ms {line['p99_ms']:6.1f} ms"
            out.append(
                f"  {line['name']:28} {line['calls_per_s']:8,.0f} {times}"
                f" {line['cpu_s_per_million_digests']:8.1f} {line['peak_bytes'] / 1e6:5.0f} MB"
            )
    out += ["", "interpreter-level calls for each call of the API"]
    for one in document["contenders"]:
        count = one["interpreter_calls_per_call"]
        out.append(f"  {one['name']:28} {'not counted' if count is None else f'{count:,.0f}'}")
    out += [
        "",
        *(f"NOT RUN: {one['name']}: {one['missing']}" for one in document["contenders"] if one["missing"]),
    ]
    out += [f"LOST: {each}" for each in lost(document)]
    out += [f"FAILED: {each}" for each in problems(document)]
    return "\n".join(out)


def as_markdown(document: Document) -> str:
    """The headline points; a rate is bold if it is higher than the best of layercheck."""
    counts = {one["name"]: one["interpreter_calls_per_call"] for one in document["contenders"]}
    ours, texts = names(document, "ours"), from_texts(document)
    out = [
        "| where | client | calls/s | p50, p99 | CPU s a million digests | interpreter calls a call | peak |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for point in document["points"]:
        if point["name"] not in document["headlines"]:
            continue
        lines = [line for line in point["lines"] if not line["problem"]]
        best = max((line["calls_per_s"] for line in lines if line["name"] in texts), default=0.0)
        for line in lines:
            rate = f"{line['calls_per_s']:,.0f}"
            rate = f"**{rate}**" if line["name"] not in ours and line["calls_per_s"] > best else rate
            count = counts.get(line["name"])
            times = f"{line['p50_ms']:.0f}, {line['p99_ms']:.0f} ms"
            out.append(
                f"| {point['name']} | {line['name']} | {rate} | {times} "
                f"| {line['cpu_s_per_million_digests']:.1f} | {'-' if count is None else f'{count:,.0f}'} "
                f"| {line['peak_bytes'] / 1e6:.0f} MB |"
            )
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in document["versions"].items() if version)
    losses = lost(document)
    out += [
        "",
        "100 digests a call. Each answer is compared with the truth before its time counts. The local "
        f"endpoint runs in a process of its own on the same machine. {document['date']}: {machine['cpu']}, "
        f"{machine['kind']}, "
        f"Python {machine['python']}, {versions}. Bold: faster than layercheck from texts. "
        "A ready plan is made before the clock starts; all other lines begin with texts, which layercheck "
        "validates and deduplicates, and the peers take as they are. "
        "`make bench-calls` measures all points again and writes this table.",
        "",
    ]
    verdict = f"Of all {len(document['points'])} points measured, a peer was faster at {len(losses)}"
    if not losses:
        return "\n".join([*out, f"{verdict}."])
    # The page shows every lost point, folded, so that the list does not hide the table.
    cases = (f"* {each}" for each in losses)
    return "\n".join([*out, f"<details><summary>{verdict}</summary>", "", *cases, "", "</details>"])
