"""Broken and crafted report files, read by the public functions in a process of their own.

`python -m comparison.hostile_reports FOLDER SEED COUNT` reads the files in FOLDER and COUNT mutations of
each, and writes a line for each error that is not promised. A crash of the process shows itself by its exit
code.
"""

from __future__ import annotations

import random
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import layercheck as lc
from layercheck.comparison.changes import CHANGES

MEMORY = 6 << 30
"""Address space of the process, so that a huge number in a file cannot take the whole machine."""


def mutations(whole: bytes, count: int, chance: random.Random) -> Iterator[bytes]:
    """The bytes of a file with some flipped, cut out, repeated or inserted."""
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 1, 2, 8))):
            at = chance.randrange(len(data)) if data else 0
            end = min(len(data), at + chance.choice((1, 1, 4, 8, 64)))
            match chance.randrange(5):
                case 0:
                    data[at : at + 1] = bytes([data[at] ^ 1 << chance.randrange(8)]) if data else b""
                case 1:
                    data[at:end] = chance.randbytes(end - at)
                case 2:
                    del data[at:end]
                case 3:
                    data[at:at] = data[at:end]
                case 4:
                    data[at:end] = chance.choice((b"\0", b"\xff", b"\x7f")) * (end - at)
        if chance.random() < 0.1:
            del data[chance.randrange(len(data) + 1) :]
        yield bytes(data)


def problem(path: Path, good: Path) -> str | None:
    """What is wrong with how a file is read; None if it gives an answer or the promised error."""
    for name, door in (("diff", _diff), ("plan", _plan), ("read", _read)):
        if name == "diff" and path.suffix == ".pq":
            continue
        try:
            door(path, good)
        except (ValueError, TypeError, lc.JournalError) as error:
            # A column that holds no digests is a TypeError, wherever it comes from.
            if type(error) not in (ValueError, lc.JournalError if name == "diff" else TypeError):
                return f"{name}: {type(error).__name__} is another class: {error}"
            text = str(error)
            if not text or not text.isprintable() or (name == "diff" and path.name not in text):
                return f"{name}: not one line that names the file: {text!r}"
        except BaseException as error:  # noqa: BLE001 (that is the question)
            return f"{name}: {type(error).__name__}: {error}"
    return None


def _diff(path: Path, good: Path) -> None:
    for pair in ((path, good), (good, path)):
        changes = lc.diff(*pair)
        assert sum(changes.counts.values()) == changes.plan.unique
        assert len(list(changes.lines(CHANGES))) == changes.plan.unique


def _plan(path: Path, good: Path) -> None:
    plan = lc.plan(lc.read(path, column="digest"))
    assert plan.rows == plan.unique + plan.duplicates + plan.invalid


def _read(path: Path, good: Path) -> None:
    lc.plan(lc.read(path))


def main(folder: str, seed: str, count: str) -> int:
    """Read all files and their mutations; return the number of problems."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    place, problems = Path(folder), 0
    good = place / "good.csv"
    for original in sorted(each for each in place.iterdir() if each.is_file()):
        chance = random.Random(f"{seed} {original.name}")
        mutant = place / "mutants" / f"mutant{''.join(original.suffixes)}"
        mutant.parent.mkdir(exist_ok=True)
        whole = original.read_bytes()
        for number, data in enumerate([whole, *mutations(whole, int(count), chance)]):
            mutant.write_bytes(data)
            found = problem(mutant, good)
            if found is not None:
                sys.stdout.write(f"{original.name} {number}: {found[:300]}\n")
                sys.stdout.flush()
                (place / "mutants" / f"kept-{number}-{original.name}").write_bytes(data)
                problems += 1
    return min(problems, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
