#!/usr/bin/env bash
# Builds the release binaries, and puts the built-in skills where a hobd started from target/release looks for them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ -n "${HOB_NO_SETUP:-}" ] || "$ROOT/scripts/setup.sh"
cd "$ROOT"
# llama.cpp's build leaves links there that lead nowhere, and fails when it meets them again, as with other features.
for folder in "$RELEASE" "$RELEASE/deps" "$RELEASE/examples"; do
    [ ! -d "$folder" ] || find "$folder" -maxdepth 1 -xtype l -name 'lib*.so*' -delete
done
# FEATURES=vulkan or cuda: a model host that also uses a GPU.
cargo build --release --locked --workspace ${FEATURES:+--features "$(printf 'hob-model-host/%s ' $FEATURES)"}

# place FILE DESTINATION: copy only when different, and in one step, because a running daemon may have it mapped.
place() {
    cmp -s "$1" "$2" && return 0
    cp -- "$1" "$2.new"
    mv -- "$2.new" "$2"
}

shopt -s nullglob
for manifest in skills/*/skill.toml; do
    id=$(sed -n 's/^id *= *"\([^"]*\)".*/\1/p' "$manifest" | head -n 1)
    library=$(sed -n 's/^library *= *"\([^"]*\)".*/\1/p' "$manifest" | head -n 1)
    [ -n "$id" ] || die "$manifest names no id"
    mkdir -p "$RELEASE/skills/$id"
    place "$manifest" "$RELEASE/skills/$id/skill.toml"
    if [ -n "$library" ]; then
        place "$RELEASE/$library" "$RELEASE/skills/$id/$library"
    elif name=$(sed -n 's/^bus_name *= *"\([^"]*\)".*/\1/p' "$manifest" | head -n 1) && [ -n "$name" ]; then
        # An app: a bus whose XDG_DATA_DIRS has this folder starts it, without systemd.
        mkdir -p "$RELEASE/share/dbus-1/services"
        sed -e '/^SystemdService=/d' -e "s|@PREFIX@/libexec/hob\(.*\)|\"$RELEASE\1\"|" "systemd/$name.service" \
            >"$RELEASE/share/dbus-1/services/$name.service"
    else
        # A program: its own files and the library it is written with.
        for file in "$(dirname "$manifest")"/*.py sdk/python/hob_skill.py; do
            place "$file" "$RELEASE/skills/$id/$(basename "$file")"
        done
    fi
done
