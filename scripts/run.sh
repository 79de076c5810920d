#!/usr/bin/env bash
# Shows hob at work: set-up, models, build, a daemon, an index of real files, and one command of each kind.
#   DIR=/a/folder run.sh     indexes that folder instead of examples/home
# All state goes to run/ in the project; the user's own is not touched. On a terminal it ends in `hob chat`.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/session.sh"

folder=${HOB_EXAMPLES:-$ROOT/examples/home} # record.sh shows a copy with a shorter path
if [ -n "${DIR:-}" ]; then
    [ -d "$DIR" ] || die "DIR=$DIR is not a folder"
    [ -r "$DIR" ] && [ -x "$DIR" ] || die "DIR=$DIR cannot be read"
    folder=$(cd "$DIR" && pwd)
fi

prepare() {
    step "checking what is needed"
    "$ROOT/scripts/setup.sh"
    step "the default models, in $(models_folder)"
    "$ROOT/scripts/get-models.sh" >/dev/null
    step "building (the first time takes some minutes: llama.cpp is part of it)"
    HOB_NO_SETUP=1 "$ROOT/scripts/build.sh"
}

# One folder of state for each indexed folder, so that answers never mix; one run at a time uses it.
open_state() {
    local name=home lock
    [ "$folder" = "$ROOT/examples/home" ] || name=dir-$(printf '%s' "$folder" | cksum | cut -d ' ' -f 1)
    mkdir -p "$ROOT/run/$name"
    exec {lock}>"$ROOT/run/$name/lock"
    flock -n "$lock" || die "another \`make run\` is using run/$name; end it first"
    use_state "$ROOT/run/$name"
}

start() {
    guard_session
    use_session_bus || start_bus
    open_state # after the bus: only hobd inherits the lock, and holds it for as long as it uses the state
    start_hobd "$XDG_STATE_HOME/hobd.log"
    # Sourcing this in another terminal, or in the shell of a script, reaches the same daemon.
    {
        printf 'export PATH=%q:"$PATH"\n' "$RELEASE"
        for name in DBUS_SESSION_BUS_ADDRESS XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME; do
            printf 'export %s=%q\n' "$name" "${!name}"
        done
    } >"$ROOT/run/env"
}

# show ARGUMENTS...: the command as one would type it, then what it says.
show() {
    local word line=hob
    for word in "$@"; do
        case $word in
        *[!a-zA-Z0-9_./:=-]* | '') line+=" \"$word\"" ;;
        *) line+=" $word" ;;
        esac
    done
    echo
    if [ -t 1 ]; then printf '\033[1;32m$\033[0m \033[1m%s\033[0m\n' "$line"; else printf '$ %s\n' "$line"; fi
    "$HOB" "$@" || die "that command failed (status $?); hobd's log is $XDG_STATE_HOME/hobd.log"
}

index_folder() {
    step "indexing $folder"
    "$HOB" index add "$folder"
    "$HOB" index wait
}

demo_home() {
    show search -n 3 "harbour fees"
    show ask "When was the boiler last serviced?"
    show ask "When does the bus for the class trip to Spiekeroog leave?"
    show ask "Wann werden die Fenster der Wohnung ausgetauscht?"
    show ask "Who won the football World Cup in 1998?"
    show summarize "$folder/Notes/lighthouse-of-hvalnes.md"
}

# For a folder that nobody here knows: what its own text talks about most.
demo_folder() {
    local python word file question
    python=$(find_python) || true
    { read -r word && read -r file && read -r question; } < <("$python" "$ROOT/scripts/topic.py" "$folder") || true
    if [ -n "${word:-}" ]; then show search -n 3 "$word"; fi
    if [ -n "${question:-}" ]; then show ask "$question"; fi
    show ask "Which enzyme unwinds the double helix of the axolotl?"
    [ -z "${file:-}" ] || show summarize "$file"
}

# Each built-in skill once, as far as a machine without a desktop can show it; what reaches outside is only routed here,
# since it would wait for a yes.
demo_skills() {
    step "skills"
    show ask "set a timer for ten minutes for the pasta"
    show ask "what is 15% of 80"
    show ask "how much memory is in use"
    show ask "how many words are in: the quick brown fox jumps"
    show ask "which files did I change today"
    show ask "what's on my calendar tomorrow"
    show ask "what song is playing"
    show skill call org.hob.notes ListNotes "{}"
    show route "is a text editor installed"
    show route "open example.org"
}

prepare
start
index_folder
if [ -n "${DIR:-}" ]; then demo_folder; else demo_home; fi
demo_skills
show status

echo
if [ -t 0 ] && [ -t 1 ]; then
    say "Another terminal reaches this daemon after: . $ROOT/run/env"
    say "Now it is your turn; Ctrl-D ends the chat, and with it everything that was started here."
    trap : INT # Ctrl-C belongs to hob chat now: it stops an answer, not this script
    "$HOB" chat || true
else
    say "Everything worked. On a terminal this would end in \`hob chat\`; now what was started is stopped."
fi
