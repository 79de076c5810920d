#!/usr/bin/env bash
# Installs what `make build` made.   PREFIX=/usr/local DESTDIR= install.sh
#                                    PREFIX=/usr/local DESTDIR= install.sh --remove
set -euo pipefail
. "$(dirname "$0")/lib.sh"

prefix=${PREFIX:-/usr/local}
dest=${DESTDIR:-}
case $prefix in
/*) ;;
*) die "PREFIX must be an absolute path, not '$prefix'" ;;
esac

libexec=$prefix/libexec/hob
skills=$prefix/lib/hob/skills
llama=$prefix/lib/hob/llama
units=$prefix/lib/systemd/user
services=$prefix/share/dbus-1/services
files=()  # everything installed, relative to DESTDIR

# put MODE FILE PATH
put() {
    install -D -m "$1" -- "$2" "$dest$3"
    files+=("$3")
}

# fill MODE TEMPLATE PATH: the same, with @PREFIX@ filled in
fill() {
    local filled
    filled=$(mktemp)
    sed "s|@PREFIX@|$prefix|g" "$2" >"$filled"
    put "$1" "$filled" "$3"
    rm -f -- "$filled"
}

completion() {
    local made
    made=$(mktemp)
    "$RELEASE/hob" completions "$1" >"$made"
    put 644 "$made" "$2"
    rm -f -- "$made"
}

install_all() {
    local skill id mode
    [ -x "$RELEASE/hobd" ] || die "nothing is built yet: run \`make build\` first"
    put 755 "$RELEASE/hob" "$prefix/bin/hob"
    put 755 "$RELEASE/hobd" "$prefix/bin/hobd"
    for host in model skill extract fetch proxy; do put 755 "$RELEASE/hob-$host-host" "$libexec/hob-$host-host"; done
    for file in "$RELEASE"/llama/*.so "$RELEASE"/llama/*.so.[0-9]; do put 644 "$file" "$llama/$(basename "$file")"; done
    for skill in "$RELEASE"/skills/*/; do
        id=$(basename "$skill")
        for file in "$skill"*; do
            mode=644
            [ ! -x "$file" ] || mode=755
            put "$mode" "$file" "$skills/$id/$(basename "$file")"
        done
    done
    put 755 "$RELEASE/hob-apps" "$libexec/hob-apps"
    for file in hobd hob-apps; do fill 644 "$ROOT/systemd/$file.service" "$units/$file.service"; done
    for file in org.hob.Hob1 org.hob.Apps1; do fill 644 "$ROOT/systemd/$file.service" "$services/$file.service"; done
    put 644 "$ROOT/daemon/data/catalogue.toml" "$prefix/share/hob/catalogue.toml"
    for file in README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE; do put 644 "$ROOT/$file" "$prefix/share/doc/hob/$file"; done
    completion bash "$prefix/share/bash-completion/completions/hob"
    completion zsh "$prefix/share/zsh/site-functions/_hob"
    completion fish "$prefix/share/fish/vendor_completions.d/hob.fish"
    local list
    list=$(mktemp)
    printf '%s\n' "${files[@]}" "$prefix/share/hob/installed-files" >"$list"
    install -D -m 644 -- "$list" "$dest$prefix/share/hob/installed-files"
    rm -f -- "$list"
    say "installed ${#files[@]} files under $dest$prefix"
    [ -n "$dest" ] || say "start it with: systemctl --user daemon-reload && systemctl --user enable --now hobd"
}

# Removes the files that the last installation listed, then the folders of hob's own that this leaves empty.
remove_all() {
    local list=$dest$prefix/share/hob/installed-files path
    [ -f "$list" ] || die "no installation found: $list is not there"
    while IFS= read -r path; do
        case $path in
        "$prefix"/*) rm -f -- "$dest$path" ;;
        *) die "$list names $path, which is outside $prefix; nothing more is removed" ;;
        esac
    done < <(cat "$list")
    for path in "$libexec" "$prefix/lib/hob" "$prefix/share/hob" "$prefix/share/doc/hob"; do
        if [ -d "$dest$path" ]; then find "$dest$path" -depth -type d -empty -delete; fi
    done
    say "removed hob from $dest$prefix; models, index and settings in the home folders were left alone"
}

if [ "${1:-}" = --remove ]; then remove_all; else install_all; fi
