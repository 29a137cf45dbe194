#!/usr/bin/env bash
# Builds the plugin.js of a folder (the second argument; this one where absent) into the file that the first argument names. Needs npm;
# installs only below target/.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="${1:-$here/../target/javascript.wasm}"
from="${2:-$here}"
tools="$here/../target/js"
mkdir -p "$tools" "$(dirname "$out")"
cp "$here/package.json" "$here/package-lock.json" "$tools/"
# Not `npm ci`: the package names bindings for platforms that were never published, and `ci` takes their absence from the lock for a fault.
(cd "$tools" && npm install --no-audit --no-fund --loglevel=error)
"$tools/node_modules/.bin/componentize-qjs" --wit "$here/../../../wit/v1" --world router-plugin --js "$from/plugin.js" \
  --sync --stub-wasi --output "$out"
