#!/usr/bin/env bash
# Installs a wheel into a new virtual environment of each Python that is named and there, and runs a program with it.
# usage: tests/wheel/try.sh WHEEL PYTHON ...
set -euo pipefail
wheel=$(realpath "$1"); shift
here=$(realpath "$(dirname "$0")")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place" # away from the sources
for python in "$@"; do
  # A command that a manager of versions left there may be of a version that is not chosen, and fail.
  if ! "$python" -c pass > /dev/null 2>&1; then
    echo "SKIPPED: no $python runs on this machine"
    continue
  fi
  rm -rf venv
  "$python" -m venv venv
  venv/bin/python -m pip install --quiet --disable-pip-version-check "$wheel"
  # A free-threaded interpreter says so in a warning if a module brings the lock back; here that is an error.
  venv/bin/python -W error::RuntimeWarning "$here/user.py"
  venv/bin/layercheck --version
  echo "$(venv/bin/python -c 'import sys; print(sys.version)'): works"
done
