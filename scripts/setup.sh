#!/usr/bin/env bash
# Checks what building and running hob needs, and installs what is missing with apt where that is possible without asking.
#   setup.sh           what `make build` and `make run` need
#   setup.sh --tests   also what `make test` calls: busctl, gdbus, dasbus, dbusmock
set -euo pipefail
. "$(dirname "$0")/lib.sh"

with_tests=false
[ "${1:-}" = --tests ] && with_tests=true

needed=()  # packages without which nothing works
wished=()  # packages for some of the tests

has() { command -v "$1" >/dev/null 2>&1; }
need() { needed+=("$@"); }

# any FILE...: one of them is there; for patterns that may have matched nothing
any() {
    local f
    for f in "$@"; do [ -e "$f" ] && return 0; done
    return 1
}

# The library alone is not enough: bindgen also needs the compiler's own headers beside it.
has_libclang() {
    [ -z "${LIBCLANG_PATH:-}" ] || return 0
    any /usr/lib/llvm-*/lib/libclang.so* /usr/lib/llvm-*/lib/libclang-[0-9]*.so* /usr/lib/*/libclang.so* \
        /usr/lib/*/libclang-[0-9]*.so* /usr/lib/libclang.so* /usr/lib64/libclang.so* /usr/lib64/llvm*/lib/libclang.so* \
        /usr/local/lib/libclang.so* &&
        any /usr/lib/llvm-*/lib/clang/*/include/stddef.h /usr/lib/clang/*/include/stddef.h \
            /usr/lib64/clang/*/include/stddef.h /usr/local/lib/clang/*/include/stddef.h
}

check_packages() {
    local python
    has cmake || need cmake
    has g++ || need g++
    has make || need make
    has pkg-config || need pkg-config
    has git || need git
    has_libclang || need libclang-dev
    { has dbus-daemon && has dbus-run-session && has dbus-send; } || need dbus
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ||
        [ -e /etc/ssl/cert.pem ] || need ca-certificates
    if ! python=$(find_python); then
        [ -n "$python" ] || need python3
        need python3-pip python3-venv
    fi
}

check_test_packages() {
    has busctl || wished+=(systemd)
    has gdbus || wished+=(libglib2.0-bin)
    /usr/bin/python3 -c 'import sys
from importlib.util import find_spec
sys.exit(find_spec("dasbus") is None)' 2>/dev/null || wished+=(python3-dasbus)
    /usr/bin/python3 -c 'import sys
from importlib.util import find_spec
sys.exit(find_spec("dbusmock") is None)' 2>/dev/null || wished+=(python3-dbusmock)
}

# Words that put a command before apt-get: none for root, sudo where it asks for no password; fails otherwise.
privilege() {
    if [ "$(id -u)" = 0 ]; then
        return 0
    elif has sudo && sudo -n true 2>/dev/null; then
        echo "sudo -n"
    else
        return 1
    fi
}

install_with_apt() {
    local before
    if ! before=$(privilege); then return 1; fi
    step "installing: $*"
    # shellcheck disable=SC2086
    $before env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 &&
        $before env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

install_packages() {
    [ ${#needed[@]} -gt 0 ] || return 0
    if ! has apt-get; then
        say "hob needs these packages (Debian's names): ${needed[*]}"
        die "This system has no apt-get: please install them with its own package tool and run this again."
    fi
    install_with_apt "${needed[@]}" && return 0
    say "hob needs some packages first. Please run this line and then the same command again:"
    say ""
    say "    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${needed[*]}"
    say ""
    exit 1
}

install_test_packages() {
    [ ${#wished[@]} -gt 0 ] || return 0
    if has apt-get && install_with_apt "${wished[@]}"; then return 0; fi
    say "note: some tests are skipped without these packages: ${wished[*]}"
}

# version_at_least HAVE WANT, both as numbers with dots
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

check_rust() {
    local want have
    want=$(sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$ROOT/Cargo.toml" | head -n 1)
    if ! has cargo || ! has rustc; then
        say "hob needs Rust $want or newer, and there is no cargo here. This gets it (https://rustup.rs):"
        say ""
        say "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c rustfmt -c clippy"
        say ""
        exit 1
    fi
    if ! have=$(cd "$ROOT" && rustc --version 2>&1); then
        say "$(printf '%s\n' "$have" | head -n 2)"
        die "rustc does not start. With rustup: rustup default stable (or set RUSTUP_HOME to where the toolchains are)."
    fi
    have=${have#rustc }
    have=${have%%[ -]*}
    if ! version_at_least "$have" "$want"; then
        say "hob needs Rust $want or newer, and this is $have. With rustup:"
        say ""
        say "    rustup update stable && rustup default stable"
        say ""
        exit 1
    fi
}

check_packages
install_packages
if $with_tests; then
    check_test_packages
    install_test_packages
fi
check_rust
