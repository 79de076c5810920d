# A message bus and a hobd of the caller's own; sourced after lib.sh, never run. Owns: starting both, by pid, and ending
# both. The caller says where state goes with `use_state`, and calls `guard_session` before it starts anything.

HOB=$RELEASE/hob
BUS_PID=
HOBD_PID=

# use_state FOLDER: everything that hob writes goes below it; the models come from the user's own folder.
use_state() {
    local models
    models=$(models_folder)
    mkdir -p "$1/config" "$1/data/hob" "$1/state" "$1/cache"
    chmod 700 "$1" # an index holds the words of private files
    [ "$(readlink "$1/data/hob/models" || true)" = "$models" ] || ln -sfn "$models" "$1/data/hob/models"
    export XDG_CONFIG_HOME=$1/config XDG_DATA_HOME=$1/data XDG_STATE_HOME=$1/state XDG_CACHE_HOME=$1/cache
}

bus_call() {
    dbus-send --session --print-reply=literal --reply-timeout=5000 --dest=org.freedesktop.DBus /org/freedesktop/DBus \
        "org.freedesktop.DBus.$1" string:org.hob.Hob1 2>/dev/null
}
hob_is_owned() { case $(bus_call NameHasOwner) in *true*) ;; *) return 1 ;; esac; }

# use_session_bus: succeeds when there is one and no hob of the user's own is on it.
use_session_bus() {
    local socket=${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/bus
    if [ -z "${DBUS_SESSION_BUS_ADDRESS:-}" ]; then
        [ -S "$socket" ] || return 1
        export DBUS_SESSION_BUS_ADDRESS=unix:path=$socket
    fi
    case $(bus_call NameHasOwner) in
    *false*) return 0 ;;
    *true*) say "a hobd is already on your session bus; it is left alone, and this runs on a bus of its own" ;;
    esac
    return 1
}

# Both daemons get a session of their own, so that Ctrl-C in this terminal reaches hob alone.
start_bus() {
    local lines data=$RELEASE/share:${XDG_DATA_DIRS:-/usr/local/share:/usr/share} # also the skills that are apps
    exec {lines}< <(XDG_DATA_DIRS=$data exec setsid dbus-daemon --session --nofork --print-address=1 --print-pid=1 2>/dev/null)
    if ! read -r -t 20 -u "$lines" DBUS_SESSION_BUS_ADDRESS || ! read -r -t 20 -u "$lines" BUS_PID; then
        die "dbus-daemon did not start: is the package dbus installed?"
    fi
    exec {lines}<&-
    export DBUS_SESSION_BUS_ADDRESS
}

# start_hobd LOG
start_hobd() {
    local tries
    setsid "$RELEASE/hobd" >"$1" 2>&1 </dev/null &
    HOBD_PID=$!
    for ((tries = 0; tries < 400; tries++)); do
        hob_is_owned && return 0
        kill -0 "$HOBD_PID" 2>/dev/null || break
        sleep 0.05 # the bus has no call that waits for a name, and dbus-monitor costs more than asking again
    done
    tail -n 15 "$1" >&2
    die "hobd did not come up; its whole log is $1"
}

# stop_process PID SECONDS: SIGTERM, then SIGKILL when it does not end in time.
stop_process() {
    local tries
    kill -TERM "$1" 2>/dev/null || return 0
    for ((tries = 0; tries < $2 * 20; tries++)); do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    say "process $1 did not end in $2 s and is killed"
    kill -KILL "$1" 2>/dev/null || true
}

stop_session() {
    if [ -n "$HOBD_PID" ]; then
        stop_process "$HOBD_PID" 10
        wait "$HOBD_PID" 2>/dev/null || true
        HOBD_PID=
    fi
    if [ -n "$BUS_PID" ]; then
        stop_process "$BUS_PID" 5
        BUS_PID=
    fi
}

# guard_session: whatever way this script ends, nothing that it started stays.
guard_session() {
    trap stop_session EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}
