#!/bin/bash
# A Python program of the newest release, beside Debian's own: tools/venv.sh NAME installs what tools/python/NAME.txt lists into
# .cache/venv/NAME, once.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
wanted=tools/python/$name.txt
venv=.cache/venv/$name
if ! cmp -s "$wanted" "$venv/installed.txt"; then
  tools/packages.sh ensure venv
  rm -rf "$venv"
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted"
  cp "$wanted" "$venv/installed.txt"
fi
