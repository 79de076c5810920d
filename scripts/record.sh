#!/usr/bin/env bash
# Records docs/demo.svg from a real `make run`: what the commands print, without the set-up's and the build's words.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

python=$(find_python) || true
"$ROOT/scripts/run.sh" </dev/null >/dev/null # once before, so that nothing of the first time is in the picture
exec "$python" "$ROOT/scripts/record.py" "$ROOT/docs/demo.svg" --title "make run" -- "$ROOT/scripts/run.sh"
