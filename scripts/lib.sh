# Shared by the scripts; sourced, never run. Owns: where the project is, which python3 and cargo are used, how to speak.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
RELEASE=$TARGET/release
export PYTHONDONTWRITEBYTECODE=1

# rustup puts cargo here and a fresh shell may not know it yet.
case ":$PATH:" in
*":$HOME/.cargo/bin:"*) ;;
*) PATH="$PATH:$HOME/.cargo/bin" ;;
esac

say() { printf '%s\n' "$*" >&2; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# step TEXT: a heading in the output.
step() {
    if [ -t 2 ]; then printf '\033[1m==> %s\033[0m\n' "$*" >&2; else printf '==> %s\n' "$*" >&2; fi
}

# A python3 that starts (a version manager's shim may not, with another HOME), is new enough and has pip.
# Without one: status 1, and whatever is nearest, or nothing.
find_python() {
    local python nearest=
    for python in /usr/bin/python3 python3; do
        "$python" -c 'import sys
from importlib.util import find_spec
sys.exit(3 if sys.version_info < (3, 9) else 4 if find_spec("pip") is None else 0)' 2>/dev/null && {
            printf '%s\n' "$python"
            return 0
        }
        [ $? = 4 ] && [ -z "$nearest" ] && nearest=$python
    done
    printf '%s\n' "$nearest"
    return 1
}

# The default models' folder, as scripts/models.py and hobd see it.
models_folder() { printf '%s\n' "${XDG_DATA_HOME:-$HOME/.local/share}/hob/models"; }
