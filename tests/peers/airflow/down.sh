#!/usr/bin/env bash
# Stops what up.sh started in a folder, and only that: down.sh STATE
set -uo pipefail
state=${1:?the folder given to up.sh}
[ -d "$state/pids" ] || exit 0

started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
# What is left of a session: executors, parsers, task runners. A process that is older than the session's leader
# belongs to another session that had the same number.
members() {
    local member
    for member in $(ps -o pid= -s "$1"); do
        [ "$(started "$member")" -ge "$2" ] 2>/dev/null && [ "$member" != "$$" ] && echo "$member"
    done
}
each() {
    local file pid at
    for file in "$state"/pids/*; do
        # The watchdog may be the one who is calling.
        [ -s "$file" ] && [ "${file##*/}" != watchdog ] && read -r pid at <"$file" && [ -n "$at" ] && "$@" "$pid" "$at"
    done
}
end() { if [ "$(started "$1")" = "$2" ]; then kill -TERM "$1"; fi; }
count() { if [ "$(started "$1")" = "$2" ]; then running=1; fi; }
reap() { for member in $(members "$1" "$2"); do kill -KILL "$member" 2>/dev/null; done; }

each end
for _ in $(seq 40); do
    running=0
    each count
    [ "$running" = 0 ] && break
    sleep 0.25
done
each reap
if [ -s "$state/pids/watchdog" ]; then
    read -r pid at <"$state/pids/watchdog"
    if [ "$(started "$pid")" = "$at" ] && [ "$pid" != "$$" ]; then kill -TERM "$pid"; fi
fi
rm -rf "$state/pids"
