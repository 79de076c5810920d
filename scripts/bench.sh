#!/usr/bin/env bash
# Runs the benchmarks named (default: the engine's, and those over the retrieval sets in HOB_DATA) and writes
# bench/results/*.md.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$ROOT/scripts/setup.sh" --tests
HOB_NO_SETUP=1 "$ROOT/scripts/build.sh"
"$ROOT/scripts/get-models.sh" >/dev/null
python=/usr/bin/python3 # the one that the package python3-dasbus belongs to
"$python" -c 'import gi' 2>/dev/null || die "the benchmarks need PyGObject for $python (Debian: python3-dasbus)"
[ $# -gt 0 ] || set -- engine retrieval asking footprint memory index/latency
status=0
for script in "$@"; do
    step "$script"
    program=$ROOT/bench/$script.py
    [ -f "$program" ] || program=$ROOT/bench/$script/run.py
    "$python" "$program" || status=1
done
exit "$status"
