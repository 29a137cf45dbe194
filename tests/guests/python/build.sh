#!/usr/bin/env bash
# Builds the plugin.py of a folder (the second argument; this one where absent) into the file that the first argument names. Needs
# python3 with venv and pip; installs only below target/.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="${1:-$here/../target/python.wasm}"
from="${2:-$here}"
tools="$here/../target/python"
mkdir -p "$(dirname "$out")"
if [ ! -x "$tools/bin/componentize-py" ]; then
  python3 -m venv "$tools"
fi
"$tools/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
"$tools/bin/componentize-py" --quiet --wit-path "$here/../../../wit/v1" --world router-plugin componentize \
  --python-path "$from" --stub-wasi --output "$out" plugin
