"""The public interface as data, and the rule that each change of it has a line in the changelog.

`make interface` writes docs/reference/interface.json: every public name, parameter, option and column with
its type and default, and a fingerprint of each line that CHANGELOG.md then had under "Unreleased". What
differs from that file must be named in a line that the file does not know. So the check needs no history and
no network.

usage: python docs/interface.py [--check]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import api
import click

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "reference" / "interface.json"
CHANGELOG = ROOT / "CHANGELOG.md"


def interface() -> dict[str, str]:
    """Everything that users may rely on, one entry for each thing that can change by itself."""
    return dict(sorted([*python_names(), *command_line(), *columns()]))


def python_names() -> Iterator[tuple[str, str]]:
    """Public functions, classes, methods and attributes, with their parameters."""
    sources = api.load()
    for module in api.MODULES:
        for name in api.public(sources, module):
            entry = api.Entry(sources, module, name)
            yield from of_object(f"{module}.{name}", entry.source, entry.value)


def of_object(path: str, source: Any, value: Any) -> Iterator[tuple[str, str]]:
    """A name, its parameters, and of a class its public members."""
    if source.is_class:
        yield path, f"class of {', '.join(str(base) for base in source.bases)}".removesuffix(" of ")
        made_by = source.members.get("__init__")
        if made_by is None and "dataclass" in source.labels:
            made_by = source.all_members.get("__init__")
        if made_by is not None:
            yield from of_parameters(path, made_by)
        for name, member in source.members.items():
            if not name.startswith("_") and not member.is_alias:
                yield from of_object(f"{path}.{name}", member, getattr(value, name, None))
    elif source.is_function:
        prefix = "async " if "async" in source.labels else ""
        yield path, f"{prefix}function -> {source.returns}"
        yield from of_parameters(path, source)
    else:
        kind = "property" if "property" in source.labels else "value"
        yield path, f"{kind}: {source.annotation or source.value}"


def of_parameters(path: str, function: Any) -> Iterator[tuple[str, str]]:
    """Each with its kind, type and default; the position of those that may be given by position."""
    for index, each in enumerate(function.parameters):
        if (index == 0 and each.name in {"self", "cls"}) or each.name.startswith("_"):
            continue
        kind = each.kind.value if each.kind else ""
        place = f"{kind}" if kind.startswith(("keyword", "variadic")) else f"{kind}, number {index}"
        default = "" if each.default is None else f" = {each.default}"
        yield f"{path}({each.name})", f"{place}: {each.annotation}{default}"


def command_line() -> Iterator[tuple[str, str]]:
    """Commands, their arguments and options."""
    cli = import_module("layercheck.cli.main").cli
    yield from of_command("layercheck", cli)


def of_command(
    path: str, command: click.Command, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """A command, and of a group its commands."""
    yield path, "command"
    with click.Context(command, parent=parent, **command.context_settings) as context:
        for each in command.params:  # without the help option, which click adds
            told = {"type": each.to_info_dict()["type"]["param_type"], "default": default(each)}
            told |= {"choices": list(getattr(each.type, "choices", ())), "multiple": each.multiple}
            told |= {"nargs": each.nargs if each.nargs != 1 else None, "required": each.required}
            told |= {"flag": getattr(each, "is_flag", False), "names": [*each.opts, *each.secondary_opts]}
            shown = ", ".join(f"{key}={item}" for key, item in told.items() if item not in (None, False, []))
            yield f"{path} {max(each.opts, key=len)}", shown
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                part = command.get_command(context, name)
                if part is not None:
                    yield from of_command(f"{path} {name}", part, context)


def default(parameter: click.Parameter) -> str | None:
    """As text, the same in every run and with every click."""
    given = parameter.default
    if given is None or type(given).__module__.startswith("click"):
        return None
    return repr(sorted(map(str, given))) if isinstance(given, frozenset | set) else repr(given)


def columns() -> Iterator[tuple[str, str]]:
    """The columns of every table that is written, with their types."""
    import layercheck as lc
    from layercheck import shard
    from layercheck.testing import LocalEcr

    held = "sha256:" + "a0" * 32
    manifest = {"schemaVersion": 2, "config": {"digest": held, "size": 3}, "layers": []}
    with LocalEcr({"team/app": [held]}) as ecr:
        report = lc.check([held], "team/app", client=ecr.client())
        push = lc.push_plan(io.BytesIO(json.dumps(manifest).encode()), "team/app:v2", client=ecr.client())
        ecr.set_image_rule("team/made", 2, layers=2)
        images = lc.check_images("team/made", client=ecr.client())
    tables = {"report": report, "plan": report.plan, "push plan": push, "changes": lc.diff(report, report)}
    schemas = {name: table.to_arrow().schema for name, table in tables.items()}
    schemas |= {f"image report, {name}": images.to_arrow(name).schema for name in images.tables}
    schemas["verdict table"] = shard.SCHEMA
    for name, schema in schemas.items():
        for place, field in enumerate(schema):
            yield f"table {name}: {field.name}", f"number {place}, {field.type}"


def unreleased(changelog: str) -> list[str]:
    """The lines for users under "Unreleased", each joined to one line."""
    section = re.split(r"(?m)^## ", changelog.partition("## [Unreleased]")[2])[0]
    return [" ".join(item.split()) for item in re.split(r"(?m)^(?:- |### .*$)", section) if item.strip()]


def fingerprint(line: str) -> str:
    """Of a line of the changelog."""
    return hashlib.sha256(line.encode()).hexdigest()[:12]


def unexplained(kept: Mapping[str, Any], now: Mapping[str, str], changelog: str) -> list[str]:
    """Changes of the interface that no new line of the changelog names, each as a message."""
    new = [line for line in unreleased(changelog) if fingerprint(line) not in kept["changelog"]]
    before: Mapping[str, str] = kept["interface"]
    messages = []
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) == now.get(name):
            continue
        word = re.split(r"[.(: ]+", name.rstrip(")"))[-1]
        if any(re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", line) for line in new):
            continue
        change = (
            "was added"
            if name not in before
            else "was removed"
            if name not in now
            else "is no longer the same"
        )
        detail = "; ".join(
            f"{when} {it[name]}" for when, it in (("before:", before), ("now:", now)) if name in it
        )
        messages.append(
            f"{name} {change} ({detail}): name `{word}` in a new or changed line under Unreleased "
            "of CHANGELOG.md"
        )
    return messages


def main() -> int:
    """Write the file, or with --check only compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    chosen = parser.parse_args()
    now, changelog = interface(), CHANGELOG.read_text()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {"changelog": [], "interface": now}
    if messages := unexplained(kept, now, changelog):
        print("\n".join(messages), file=sys.stderr)
        return 1
    if not chosen.check:
        lines = sorted(fingerprint(line) for line in unreleased(changelog))
        KEPT.write_text(json.dumps({"changelog": lines, "interface": now}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
