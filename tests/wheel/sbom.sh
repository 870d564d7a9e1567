#!/usr/bin/env bash
# Writes the SBOM (CycloneDX, JSON) of a wheel's Python dependencies beside it, and requires that of its Rust crates,
# which maturin put into it. usage: tests/wheel/sbom.sh WHEEL CYCLONEDX_PY
set -euo pipefail
wheel=$(realpath "$1")
cyclonedx=$(realpath -s "$2")
python=$(dirname "$cyclonedx")/python
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$python" -m venv --without-pip "$place/venv"
"$python" -m pip --python "$place/venv/bin/python" install --quiet --disable-pip-version-check "$wheel"
"$cyclonedx" environment --output-reproducible --spec-version 1.6 --output-format JSON \
  --output-file "$(dirname "$wheel")/layercheck-python.cdx.json" "$place/venv/bin/python"
"$python" - "$wheel" <<'PROGRAM'
import json, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
(name,) = [each for each in wheel.namelist() if "/sboms/" in each]
crates = json.loads(wheel.read(name))["components"]
assert {"pyo3", "rustls", "zstd"} <= {each["name"] for each in crates}, "an SBOM without the crates"
print(f"{name}: {len(crates)} crates")
PROGRAM
