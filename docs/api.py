"""Write docs/reference/api.md from the docstrings: `make api`, or `python docs/api.py`.

griffe reads signatures and docstrings of the sources without importing them. The docstrings of the native
module stand in the compiled core, so those are asked of the imported objects.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import griffe

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "api.md"
WIDTH = 100

INTRODUCTION = """# The API

`make api` writes this page from the docstrings of the sources; change those, not this page. The
[guide](../guide/python.md) shows the same with examples. What does not stand here is private and may change
without notice.
"""
MODULES = {
    "layercheck": "What `import layercheck` offers.",
    "layercheck.dask": "Audits on Dask.",
    "layercheck.ray": "Audits on Ray.",
    "layercheck.shard": "What a distributed run does on every engine, without an engine.",
    "layercheck.spark": "Audits on Spark.",
    "layercheck.testing": "A local endpoint to test against.",
    "layercheck.types": "Types that annotations speak of.",
}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


def load() -> Any:
    """The sources of the package, not imported."""
    return griffe.load(
        "layercheck",
        search_paths=[ROOT / "python"],
        docstring_parser="google",
        docstring_options={"trim_doctest_flags": False, "warnings": False},
        allow_inspection=False,
    )


def page() -> str:
    """All of it."""
    sources = load()
    names = {module: public(sources, module) for module in MODULES}
    parts = [INTRODUCTION]
    for module, about in MODULES.items():
        entries = [Entry(sources, module, name) for name in names[module]]
        shown = " · ".join(f"[{plain(entry.name)}](#{entry.anchor})" for entry in entries)
        parts += [f"## {module}", about, shown, *(part for entry in entries for part in entry.parts())]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def public(sources: Any, module: str) -> list[str]:
    """The names in `__all__`; of a module without it, what is public there and not in the package itself."""
    listed = getattr(import_module(module), "__all__", None)
    if listed is not None:
        return list(listed)
    above = set(import_module("layercheck").__all__)
    members = at(sources, module).members.items()
    return [
        name
        for name, member in members
        if not name.startswith("_")
        and name not in above
        and (member.is_public if not member.is_alias else member.target_path.startswith("layercheck."))
    ]


def at(sources: Any, path: str) -> Any:
    """The object at a dotted path that begins with the package, aliases followed."""
    rest = path.removeprefix("layercheck").removeprefix(".")
    found = sources[rest] if rest else sources
    return found.final_target if found.is_alias else found


class Entry:
    """One name: how it is called, and what its docstring says."""

    def __init__(self, sources: Any, module: str, name: str) -> None:
        self.name = name
        self.value = getattr(import_module(module), name)
        self.source = self._find(sources, module)
        self.kind = "class" if self.source.is_class else "function" if self.source.is_function else "value"
        self.anchor = f"{self.kind}-{name.lower()}"

    def _find(self, sources: Any, module: str) -> Any:
        # A function may have the name of its module, which griffe would find first.
        home, name = getattr(self.value, "__module__", None), getattr(self.value, "__qualname__", None)
        for path in (f"{home}.{name}", f"layercheck._core.{self.name}", f"{module}.{self.name}"):
            if not path.startswith("layercheck"):
                continue
            try:
                found = at(sources, path)
            except (KeyError, griffe.AliasResolutionError):
                continue
            if not found.is_module:
                return found
        raise LookupError(f"no source of {module}.{self.name}")

    def parts(self) -> Iterator[str]:
        """Heading, signature and docstring; of a class its members too."""
        yield f"### {self.kind} {plain(self.name)}"
        yield from described(self.source, self.value, self.name)
        if self.source.is_class:
            yield from self._members()

    def _members(self) -> Iterator[str]:
        attributes = documented_attributes(self.source, self.value)
        lines = []
        for name, member in self.source.members.items():
            if name.startswith("_") or member.is_alias:
                continue
            value = inspect.getattr_static(self.value, name, None)
            if member.is_function:
                continue
            text = first_paragraph(docstring(member, value))
            if name in attributes or not (text or "property" in member.labels):
                continue
            kind = f" ({code(member.annotation)})" if member.annotation else ""
            lines.append(f"* `{name}`{kind}{': ' + text if text else ''}")
        if lines:
            yield "Properties:" if not attributes else "More properties:"
            yield "\n".join(lines)
        for name, member in self.source.members.items():
            if member.is_alias or not member.is_function or name.startswith("_"):
                continue
            yield f"#### {self.name}.{name}"
            yield from described(member, inspect.getattr_static(self.value, name, None), name)


def described(source: Any, value: Any, name: str) -> Iterator[str]:
    """Signature and docstring."""
    shown = signature(source, name)
    if shown:
        yield f"```python\n{shown}\n```"
    text = docstring(source, value)
    if not text:
        return
    parsed = griffe.Docstring(text, parent=source).parse(
        "google", trim_doctest_flags=False, warnings=False, returns_named_value=False
    )
    for section in parsed:
        yield from rendered(section)


def docstring(source: Any, value: Any) -> str:
    """From the source, or for the native module from the object."""
    if source.docstring is not None:
        # Several classes before one colon: the parser takes them from one line.
        return re.sub(r"(?m)^( +\w+(?:, \w+)*),\n +(?=\w+(?:, \w+)*:)", r"\1, ", str(source.docstring.value))
    if source.is_attribute and "property" not in source.labels:
        return ""
    text = inspect.getdoc(value) or ""
    # Of a plain value this would be the docstring of its type.
    return "" if text == inspect.getdoc(type(value)) else text


def documented_attributes(source: Any, value: Any) -> set[str]:
    """What the class docstring lists under "Attributes"."""
    parsed = griffe.Docstring(docstring(source, value), parent=source).parse("google", warnings=False)
    return {each.name for section in parsed if section.kind.value == "attributes" for each in section.value}


def signature(source: Any, name: str) -> str:
    """As it is written in a source, on one line or with a line for each argument."""
    if source.is_attribute:
        if source.value is None:
            return f"{name}: {source.annotation}" if source.annotation else ""
        return f"{name} = {source.value}" if len(str(source.value)) < 4 * WIDTH else name
    called, suffix = source, ""
    if source.is_class:
        called = source.members.get("__init__")
        bases = ", ".join(str(base) for base in source.bases)
        if called is None and "dataclass" in source.labels:
            called = source.all_members.get("__init__")
        # Others are made by functions of the package, and how is private.
        told = "" if source.docstring is None else source.docstring.value
        if called is None or not ("dataclass" in source.labels or "Args:" in told or "Raises:" in told):
            return f"class {name}({bases})" if bases else f"class {name}"
    elif source.returns is not None:
        suffix = f" -> {source.returns}"
    prefix = "async " if "async" in source.labels else ""
    arguments = list(parameters(called))
    line = f"{prefix}{name}({', '.join(arguments)}){suffix}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{prefix}{name}(", *(f"    {each}," for each in arguments), f"){suffix}"])


def parameters(function: Any) -> Iterator[str]:
    """The arguments with their annotations and defaults, without `self` and private ones."""
    keyword_only = False
    for index, each in enumerate(function.parameters):
        if (index == 0 and each.name in {"self", "cls"}) or each.name.startswith("_"):
            continue
        kind = each.kind.value if each.kind else ""
        if kind == "keyword-only" and not keyword_only:
            keyword_only = True
            yield "*"
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        keyword_only = keyword_only or star == "*"
        text = f"{star}{each.name}" + (f": {each.annotation}" if each.annotation else "")
        if each.default is not None and not star:
            text += f" = {each.default}" if each.annotation else f"={each.default}"
        yield text


def rendered(section: Any) -> Iterator[str]:
    """A section of a docstring as Markdown."""
    kind = section.kind.value
    if kind == "text":
        yield table_of(section.value)
    elif kind == "examples":
        yield "Examples:"
        for part, text in section.value:
            yield f"```python\n{text}\n```" if part.value == "examples" else text
    elif kind in {"parameters", "attributes", "other parameters"}:
        yield "Arguments:" if kind == "parameters" else "Attributes:"
        yield "\n".join(f"* `{each.name}`: {one_line(each.description)}" for each in section.value)
    elif kind in {"raises", "warns"}:
        yield "Raises:"
        yield "\n".join(
            f"* `{str(each.annotation).strip('()')}`: {one_line(each.description)}" for each in section.value
        )
    elif kind in {"returns", "yields", "receives"}:
        # What stands before a colon is a type to the parser; here it is the beginning of a sentence.
        told = [
            f"{each.annotation}: {each.description}" if isinstance(each.annotation, str) else each.description
            for each in section.value
        ]
        yield f"{kind.capitalize()}: {one_line(' '.join(told))}"
    elif kind == "admonition":
        # A heading that the parser does not know, such as several classes before a colon.
        yield f"{section.title}: {one_line(section.value.description)}"
    else:
        raise LookupError(f"no rendering of a section {kind!r}")


def table_of(text: str) -> str:
    """The text, with a simple table of reStructuredText kept as it is drawn."""
    return re.sub(r"(?ms)^(=+ +=+$.*?^=+ +=+)$", r"```\n\1\n```", text)


def plain(name: str) -> str:
    """A name with two underscores that make nothing bold."""
    return name.replace("__", r"\_\_")


def one_line(text: str) -> str:
    """White space collapsed."""
    return " ".join(text.split())


def first_paragraph(text: str) -> str:
    """The summary and what belongs to it, on one line."""
    return one_line(text.partition("\n\n")[0])


def code(annotation: Any) -> str:
    """An annotation in backticks."""
    return f"`{annotation}`"


if __name__ == "__main__":
    sys.exit(main())
