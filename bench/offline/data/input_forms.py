"""Prepares the input of each form before the clock starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from offline.data import datasets
from offline.data.datasets import Mix

Source = dict[str, Any]


def text_file(source: Source) -> Path:
    return Path(source["path"])


def text_list(source: Source) -> list[str]:
    return datasets.text_rows(Path(source["path"]))


def polars_column(source: Source) -> Any:
    return datasets.polars_column(Path(source["path"]))


def pyarrow_column(source: Source) -> Any:
    return datasets.pyarrow_column(Path(source["path"]))


def raw(source: Source) -> Any:
    if "pattern" in source:
        from offline.data.adversarial_keys import crafted

        return crafted(source["pattern"], source["rows"])
    return datasets.raw_digests(Mix(**source))[0]


def hex_encode(source: Source) -> Any:
    return raw(source)


def calls(source: Source) -> Source:
    return source


def process(source: Source) -> str:
    return str(source["statement"])


def body(source: Source) -> list[str]:
    from offline.data.answer_bodies import asked

    return asked(source["digests"])


def manifests(source: Source) -> tuple[list[bytes], list[str]]:
    from offline.data.manifests import documents

    return documents(source["documents"], source["layers"])


def merge(source: Source) -> bytes:
    from offline.data.answer_bodies import answer_body

    return answer_body(source["digests"])


def report_csv(source: Source) -> Any:
    from offline.data.report_files import report

    return report(Path(source["path"]))


report_jsonl = report_parquet = report_csv


def compare(source: list[str]) -> list[str]:
    return source
