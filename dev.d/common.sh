# shellcheck shell=bash
# Paths, messages, processes, ports and secrets: what every other file here uses.

DEV_DIR=${RECOUP_DEV_DIR:-$ROOT/.dev}
[[ $DEV_DIR == /* ]] || DEV_DIR=$PWD/$DEV_DIR
CACHE_DIR=${RECOUP_CACHE:-$HOME/.cache/recoup}

say() { printf '%s\n' "$*" >&2; }
step() { printf '==> %s\n' "$*" >&2; }
die() {
  printf 'dev: %s\n' "$1" >&2
  shift
  (($# == 0)) || printf '     %s\n' "$@" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root, by sudo where needed.
as_root() {
  if ((EUID == 0)); then "$@"; elif have sudo; then sudo "$@"; else
    die "this needs root, and sudo is not installed" "run as root: $*"
  fi
}

# --- processes -------------------------------------------------------------------------------
# A pid file holds "PID STARTTIME": a number reused by another process is never taken for ours.

proc_started() { # PID: the kernel's start time, empty when gone or a zombie
  local stat tasks=("/proc/$1/task"/*)
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086  # splitting into fields is the point
  set -- $stat
  # A killed process holds its ports until its last thread is gone, and its first thread is a zombie long before.
  [[ $1 == Z || $1 == X ]] && ((${#tasks[@]} < 2)) && return 1
  printf '%s' "${20}"
}

pid_save() { # FILE PID
  local started
  started=$(proc_started "$2") || return 1
  printf '%s %s\n' "$2" "$started" >"$1"
}

pid_of() { # FILE: prints the pid while that very process lives
  local pid started
  [[ -r $1 ]] && read -r pid started <"$1" || return 1
  [[ -n ${pid:-} && $(proc_started "$pid") == "$started" ]] || return 1
  printf '%s' "$pid"
}

children_of() { # PID: every live descendant
  local dir stat pid ppid
  for dir in /proc/[0-9]*; do
    { read -r stat <"$dir/stat"; } 2>/dev/null || continue
    pid=${dir#/proc/}
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- "$1" $stat
    ppid=$3
    if [[ $ppid == "$1" && $2 != Z ]]; then
      printf '%s\n' "$pid"
      children_of "$pid"
    fi
  done
}

# Waits until COMMAND succeeds; fails after SECONDS.
wait_for() { # SECONDS COMMAND...
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}

pid_gone() { ! pid_of "$1" >/dev/null; }

pid_stop() { # FILE SIGNAL SECONDS: asks, waits, then insists
  local pid
  pid=$(pid_of "$1") || { rm -f "$1"; return 0; }
  kill -CONT "$pid" 2>/dev/null || true
  kill "-$2" "$pid" 2>/dev/null || true
  if ! wait_for "$3" pid_gone "$1"; then
    say "process $pid did not stop in $3 s; killing it"
    kill -KILL "$pid" 2>/dev/null || true
    wait_for 10 pid_gone "$1" || die "process $pid cannot be killed" "look at: cat /proc/$pid/status"
  fi
  rm -f "$1"
}

# --- ports -----------------------------------------------------------------------------------

port_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The first free port from FROM on. A short-lived reservation keeps two of us from picking the same.
port_free() { # FROM
  local port=$1 dir
  dir=${TMPDIR:-/tmp}/recoup-ports-$EUID
  mkdir -p "$dir"
  find "$dir" -mindepth 1 -maxdepth 1 -mmin +2 -exec rmdir {} + 2>/dev/null || true
  while port_taken "$port" || ! mkdir "$dir/$port" 2>/dev/null; do
    ((++port < 65000)) || die "no free port from $1 on"
  done
  printf '%s' "$port"
}

port_release() { # PORT...: somebody listens there now, which is seen without a reservation
  local port
  for port; do rmdir "${TMPDIR:-/tmp}/recoup-ports-$EUID/$port" 2>/dev/null || true; done
}

# KEY=VALUE files, never evaluated as shell.
kv_get() { # FILE KEY
  local line
  [[ -r $1 ]] || return 1
  while IFS= read -r line; do
    [[ $line == "$2="* ]] && { printf '%s' "${line#*=}"; return 0; }
  done <"$1"
  return 1
}

kv_set() { # FILE KEY VALUE
  local rest=
  [[ ! -r $1 ]] || rest=$(grep -v "^$2=" "$1" || true)
  printf '%s%s=%s\n' "${rest:+$rest$'\n'}" "$2" "$3" >"$1.new"
  mv "$1.new" "$1"
}

# The port remembered under KEY when it is still free, else the first free one from FROM on.
port_remember() { # FILE KEY FROM
  local port
  port=$(kv_get "$1" "$2") || port=
  if [[ -z $port ]] || port_taken "$port"; then
    port=$(port_free "${port:-$3}")
    kv_set "$1" "$2" "$port"
  fi
  printf '%s' "$port"
}

# --- secrets ---------------------------------------------------------------------------------

# A random secret made once and kept in FILE (0600).
secret() { # FILE [hex|base64]
  if [[ ! -s $1 ]]; then
    mkdir -p "$(dirname "$1")"
    (umask 077; openssl rand "-${2:-hex}" 32 | tr -d '\n' >"$1.new")
    mv "$1.new" "$1"
  fi
  cat "$1"
}
