#!/usr/bin/env bash
# Installs a wheel or an sdist into a new virtual environment, runs a program against it, and shows the program to
# mypy and pyright, both strict. usage: tests/wheel/check.sh FILE [PIP OPTION ...]
set -euo pipefail
file=$(realpath "$1"); shift
cd "$(dirname "$0")"
tools=$PWD/../../.venv/bin
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$tools/python" -m venv "$place/venv"
python=$place/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check "$@" "$file"
cp user.py mistake.py "$place"
cd "$place" # away from the sources
"$python" user.py
"$place/venv/bin/layercheck" --version
"$python" -c 'import importlib.resources as r; assert (r.files("layercheck") / "py.typed").is_file(), "no py.typed"'
"$tools/mypy" --strict --no-incremental --python-executable "$python" user.py
"$tools/pyright" --pythonpath "$python" user.py
for checker in "mypy --strict --no-incremental --python-executable" "pyright --pythonpath"; do
  # shellcheck disable=SC2086 (the words are apart)
  if "$tools/"$checker "$python" mistake.py > found.txt; then
    echo "$checker does not find the mistake in mistake.py"; exit 1
  fi
  grep -q 'repository_name.*int\|int.*"repository_name"\|incompatible type "int"\|"Literal\[5\]"' found.txt || { cat found.txt; exit 1; }
done
echo "$(basename "$file"): installed, run, and its types read by mypy and pyright"
