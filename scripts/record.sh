#!/usr/bin/env bash
# Records docs/demo.svg from a real `make run`: what the commands print, without the set-up's and the build's words.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

python=$(find_python) || true
# A short path that says nothing about whose machine this was.
copy=/tmp/clara
mkdir "$copy" || die "$copy is in the way: remove it first"
trap 'rm -rf -- "$copy"' EXIT
cp -a "$ROOT/examples/home/." "$copy"
export HOB_EXAMPLES=$copy
"$ROOT/scripts/run.sh" </dev/null >/dev/null # once before, so that nothing of the first time is in the picture
"$python" "$ROOT/scripts/record.py" "$ROOT/docs/demo.svg" --title "make run" -- "$ROOT/scripts/run.sh"
