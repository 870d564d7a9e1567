"""Runs the Rust tests with the oldest toolchain that can build the core: `make msrv`.

`rust-version` in Cargo.toml may not be older than what a dependency demands, so the demand of each is read
from `cargo metadata`. The tests then run with exactly that version: the one on the PATH if it fits, else by
rustup.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def number(version: str | None) -> tuple[int, ...]:
    """1.95 and 1.95.0 are one version."""
    parts = tuple(int(part) for part in (version or "0").split("."))
    return (*parts, 0, 0)[:3]


def shown(*command: str) -> str:
    """What a command writes."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def main() -> int:
    """Compare, then test."""
    wanted = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["rust-version"]
    metadata = shown("cargo", "metadata", "--format-version", "1", "--locked", "--all-features")
    packages = json.loads(metadata)["packages"]
    demands = sorted((number(each["rust_version"]), f"{each['name']} {each['version']}") for each in packages)
    floor, who = max(each for each in demands if not each[1].startswith("layercheck "))
    least = ".".join(map(str, floor))
    print(f"rust-version is {wanted}; the most that a dependency demands is {least} ({who})")
    if number(wanted) < floor:
        print(f"raise rust-version in Cargo.toml to {least}, or take an older {who.split()[0]}")
        return 1
    cargo = ["cargo"]
    if number(shown("rustc", "--version").split()[1].partition("-")[0])[:2] != number(wanted)[:2]:
        cargo = ["rustup", "run", wanted, "cargo"]
        if subprocess.run([*cargo, "--version"], cwd=ROOT, capture_output=True, check=False).returncode:
            print(f"not tested: this needs the toolchain {wanted}: rustup toolchain install {wanted}")
            return 1
    print("tested with " + shown(*cargo, "--version").strip(), flush=True)
    command = [*cargo, "test", "--locked", "--quiet", "--features", "local-ecr,arrow,wire"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
