#!/usr/bin/env bash
# Every test and check, with the one profile that the build uses, so that llama.cpp is compiled once.
# Ends in a line "N passed, N failed, N skipped", summed over all of cargo's.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"

# stage TEXT: a step whose time is told at the end.
took=() name=
stage() {
    [ -z "$name" ] || took+=("$(printf '%5d s  %s' $((SECONDS - began)) "$name")")
    name=$1 began=$SECONDS
    [ -z "$name" ] || step "$name"
}
tell_times() {
    stage ""
    [ ${#took[@]} = 0 ] || printf '%s\n' "${took[@]}"
    took=()
}
log=$(mktemp)
trap 'tell_times; rm -f -- "$log"' EXIT

stage "checking what is needed"
scripts/setup.sh --tests
for component in fmt clippy; do
    cargo "$component" --version >/dev/null 2>&1 ||
        die "cargo $component is missing; with rustup: rustup component add rustfmt clippy"
done
stage "the default models, in $(models_folder)"
scripts/get-models.sh >/dev/null
HOB_TEST_MODELS=$(models_folder)
export HOB_TEST_MODELS

stage "scripts"
for script in scripts/*.sh examples/home/Code/*.sh .ci/run; do bash -n "$script"; done
python=$(find_python)
"$python" - scripts/*.py bench/*.py bench/*/*.py examples/*.py sdk/python/*.py skills/*/*.py <<'CHECK'
import ast, sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        ast.parse(f.read(), path, feature_version=(3, 9))
CHECK

stage "formatting"
cargo fmt --all --check
stage "build"
HOB_NO_SETUP=1 scripts/build.sh
stage "clippy"
cargo clippy --release --locked --workspace --all-targets -- -D warnings
stage "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps --quiet

stage "the Python library, and the skills written with it"
for folder in sdk/python/tests skills/*/tests; do "$python" -m unittest discover -q "$folder"; done

stage "building the tests"
cargo test --release --locked --workspace --no-run
stage "tests"
status=0
cargo test --release --locked --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?
tell_times
# "test result: ok. 12 passed; 0 failed; 1 ignored; ..."
awk '/^test result:/ {
    for (i = 2; i <= NF; i++) {
        if ($i ~ /^passed/) passed += $(i - 1)
        if ($i ~ /^failed/) failed += $(i - 1)
        if ($i ~ /^ignored/) skipped += $(i - 1)
    }
}
END { printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped }' "$log"
exit "$status"
