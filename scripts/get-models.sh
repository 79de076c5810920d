#!/usr/bin/env bash
# Gets the default models into $XDG_DATA_HOME/hob/models; arguments go to models.py.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

python=$(find_python) || true  # without pip, models.py says what to do
[ -n "$python" ] || die "python3 (3.9 or newer) is missing: scripts/setup.sh installs it, or says how"
exec "$python" "$ROOT/scripts/models.py" "$@"
