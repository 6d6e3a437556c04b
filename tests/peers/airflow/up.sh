#!/usr/bin/env bash
# Starts a real Airflow on loopback and prints where it is: up.sh 2|3 STATE
#
#   STATE            folder for everything it writes: database, DAGs, logs, pids; made when missing. What runs there
#                    already is left running and its address printed again
#   AIRFLOW_OWNER    a process: when it is gone, Airflow is stopped, so that a killed test leaves nothing behind
#   AIRFLOW_PARTS    the processes to start, all of them by default. `api-server dag-processor` is enough on Airflow 3
#                    where no run is to be made
#   AIRFLOW_PORT     the port; a free one by default
#
# It prints URL=, USER=, PASSWORD=, DAGS=, PYTHON=, STATE= and MAIL=, one a line. down.sh STATE ends it. Only PyPI is
# needed: the packages are in a virtual environment under target/peers (see setup.sh beside this folder). Programs in
# STATE/bin are found by tasks, modules in STATE/config can be imported by them; Airflow 2 mails to the port MAIL.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
major=${1:?2 or 3} state=${2:?a folder}
mkdir -p "$state"/{pids,logs,config,bundles,dags,bin}
state=$(cd "$state" && pwd)
case $major in
3) all='api-server dag-processor scheduler triggerer' ;;
2) all='webserver scheduler triggerer' ;;
*) echo "up.sh: Airflow $major is not known here" >&2 && exit 64 ;;
esac
parts=${AIRFLOW_PARTS:-$all}
python=$(sh "$here/../setup.sh" "$here/../requirements-airflow$major.txt")
venv=${python%/bin/python}
user=admin password=admin

# A pid alone may belong to another process by now: its start time makes it certain.
started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }
alive() {
    local pid at
    [ -s "$state/pids/$1" ] && read -r pid at <"$state/pids/$1" && [ -n "$at" ] && [ "$(started "$pid")" = "$at" ]
}
start() {
    local name=$1
    shift
    alive "$name" && return
    # Each leads a session of its own, so that its children can be found and ended with it.
    setsid "$@" >>"$state/logs/$name.out" 2>&1 </dev/null &
    echo "$! $(started $!)" >"$state/pids/$name"
}

# A port stays the same over a restart: Airflow's clients know the old one.
free='import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
[ -s "$state/port" ] || echo "${AIRFLOW_PORT:-$("$python" -c "$free")}" >"$state/port"
[ -s "$state/mail" ] || "$python" -c "$free" >"$state/mail"
port=$(cat "$state/port") mail=$(cat "$state/mail")
url=http://127.0.0.1:$port

healthy() {
    local path=/health
    [ "$major" = 3 ] && path=/api/v2/monitor/health
    "$python" - "$url$path" "$parts" <<'PYTHON'
import json, sys, urllib.request
url, parts = sys.argv[1], sys.argv[2].split()
try:
    health = json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=3))
except Exception:
    sys.exit(1)
names = ["metadatabase"] + [p.replace("-", "_") for p in parts if p not in ("api-server", "webserver")]
sys.exit(0 if all(health[name]["status"] == "healthy" for name in names) else 1)
PYTHON
}

# Nothing of whoever runs this may reach Airflow, and no proxy may stand between it and this machine.
while IFS= read -r name; do
    case $name in AIRFLOW_OWNER | AIRFLOW_PARTS | AIRFLOW_PORT) ;; *) unset "$name" ;; esac
done < <(compgen -e | grep -E '^(AIRFLOW|DATABRICKS|AWS)_|^(http|https|all|HTTP|HTTPS|ALL)_(proxy|PROXY)$' || true)
export AIRFLOW_HOME=$state PATH="$state/bin:$venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONWARNINGS=ignore NO_COLOR=1

secret() { "$python" -c 'import os, base64; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'; }
[ -s "$state/secrets" ] || printf 'fernet=%s\njwt=%s\nsession=%s\n' "$(secret)" "$(secret)" "$(secret)" >"$state/secrets"
# shellcheck source=/dev/null
. "$state/secrets"
# SQLite gives up after 5 s by default, and Airflow answers 500 "Database error" then.
echo 'connect_args = {"timeout": 60}' >"$state/config/airflow_local_settings.py"
common="
[core]
dags_folder = $state/dags
load_examples = False
fernet_key = $fernet
test_connection = Enabled"
database="
[database]
sql_alchemy_conn = sqlite:///$state/airflow.db
sql_alchemy_connect_args = airflow_local_settings.connect_args"
mailing="
[email]
from_email = airflow@example.com
[smtp]
smtp_host = 127.0.0.1
smtp_port = $mail
smtp_starttls = False"
loops="
scheduler_heartbeat_sec = 1
job_heartbeat_sec = 2
parsing_cleanup_interval = 5"
if [ "$major" = 3 ]; then
    printf '{"%s": "%s", "viewer": "viewer"}\n' "$user" "$password" >"$state/passwords.json"
    cat >"$state/airflow.cfg" <<CFG
$common
executor = LocalExecutor
parallelism = 4
execution_api_server_url = $url/execution/
simple_auth_manager_users = $user:ADMIN,viewer:VIEWER
simple_auth_manager_passwords_file = $state/passwords.json
$database
sql_alchemy_connect_args_async = airflow_local_settings.connect_args
[api]
host = 127.0.0.1
port = $port
base_url = $url
workers = 1
secret_key = $session
expose_config = True
[api_auth]
jwt_secret = $jwt
[scheduler]$loops
scheduler_idle_sleep_time = 0.5
[triggerer]
job_heartbeat_sec = 2
[dag_processor]
dag_bundle_storage_path = $state/bundles
refresh_interval = 1
bundle_refresh_check_interval = 1
min_file_process_interval = 2
stale_dag_threshold = 3
parsing_processes = 1
print_stats_interval = 0
[logging]
base_log_folder = $state/logs
[usage_data_collection]
enabled = False$mailing
CFG
else
    cat >"$state/airflow.cfg" <<CFG
$common
executor = SequentialExecutor
$database
load_default_connections = False
[api]
auth_backends = airflow.providers.fab.auth_manager.api.auth.backend.basic_auth
[webserver]
web_server_host = 127.0.0.1
web_server_port = $port
base_url = $url
workers = 1
secret_key = $session
expose_config = True
[scheduler]$loops
min_file_process_interval = 2
dag_dir_list_interval = 1
parsing_processes = 1
dag_stale_not_seen_duration = 3
[logging]
base_log_folder = $state/logs
[usage_data_collection]
enabled = False$mailing
CFG
fi

# Making the tables is the slow part: an empty database is kept beside the packages.
if [ ! -s "$state/airflow.db" ]; then
    if [ ! -s "$venv/empty.db" ]; then
        airflow db migrate >"$state/logs/migrate.out" 2>&1
        if [ "$major" = 2 ]; then
            airflow users create -u "$user" -p "$password" -r Admin -f A -l B -e admin@example.com \
                >"$state/logs/user.out" 2>&1
        fi
        cp "$state/airflow.db" "$venv/empty.db.$$" && mv "$venv/empty.db.$$" "$venv/empty.db"
    else
        cp "$venv/empty.db" "$state/airflow.db"
    fi
fi

for part in $parts; do
    case $part in
    api-server) start "$part" airflow api-server -H 127.0.0.1 -p "$port" -w 1 ;;
    webserver) start "$part" airflow webserver -H 127.0.0.1 -p "$port" -w 1 ;;
    dag-processor) start "$part" airflow dag-processor ;;
    # Their log servers would listen to other machines; logs are read from the folder.
    *) start "$part" airflow "$part" --skip-serve-logs ;;
    esac
done
if [ -n "${AIRFLOW_OWNER:-}" ]; then
    start watchdog bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; exec bash "$2" "$3"' \
        watchdog "$AIRFLOW_OWNER" "$here/down.sh" "$state"
fi

for _ in $(seq 480); do
    if healthy; then
        printf 'URL=%s\nUSER=%s\nPASSWORD=%s\nDAGS=%s\nPYTHON=%s\nSTATE=%s\nMAIL=%s\n' \
            "$url" "$user" "$password" "$state/dags" "$python" "$state" "$mail"
        exit 0
    fi
    for part in $parts; do
        alive "$part" && continue
        echo "up.sh: Airflow's $part ended:" >&2
        tail -n 20 "$state/logs/$part.out" >&2
        bash "$here/down.sh" "$state"
        exit 1
    done
    sleep 0.5
done
echo "up.sh: Airflow $major is not healthy after four minutes; its logs are in $state/logs" >&2
bash "$here/down.sh" "$state"
exit 1
