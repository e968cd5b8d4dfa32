# shellcheck shell=bash
# A Pulsar standalone of our own in any directory: DIR/{standalone.conf,data,logs,ports,pid}.
# Keys and tokens are in DIR/{keys,tokens}, or shared by RECOUP_KEYS_DIR / RECOUP_TOKENS_DIR.

PULSAR_VERSION=4.0.6
PULSAR_ARTIFACT=org.apache.pulsar:pulsar-server-distribution:$PULSAR_VERSION:tar.gz:bin
PULSAR_SHA512=ac174f604e94473215e07024d05853dbf24bf1520ec222c8bb0d87707a5f126749df7d5733e06a2423456421489ed371e122f4f5a7793a5146a5a1b47f437e90
PULSAR_DIST=${PULSAR_HOME:-$CACHE_DIR/pulsar-$PULSAR_VERSION}

# Downloads (by Maven's own configuration), verifies and unpacks the distribution once per machine.
pulsar_obtain() {
  [[ ! -x $PULSAR_DIST/bin/pulsar ]] || return 0
  [[ -z ${PULSAR_HOME:-} ]] || die "PULSAR_HOME=$PULSAR_HOME holds no Pulsar" "unset it, or unpack Pulsar $PULSAR_VERSION there"
  local temp archive quiet=()
  [[ -t 2 ]] || quiet=(-B) # a progress bar on a terminal, lines in a log
  mkdir -p "$CACHE_DIR"
  temp=$(mktemp -d "$CACHE_DIR/unpack.XXXXXX")
  step "fetching Apache Pulsar $PULSAR_VERSION with Maven (about 240 MB, once per machine)"
  # The repository is asked by `get`, which shows its progress; `copy` then finds it locally.
  mvn "${quiet[@]}" dependency:get -Dartifact="$PULSAR_ARTIFACT" -Dtransitive=false >&2 &&
    mvn -q -B -o dependency:copy -Dartifact="$PULSAR_ARTIFACT" -DoutputDirectory="$temp" >&2 || {
    rm -rf "$temp"
    die "Maven could not fetch $PULSAR_ARTIFACT" \
      "check the network and the repositories in ~/.m2/settings.xml," \
      "or unpack Pulsar $PULSAR_VERSION yourself and set PULSAR_HOME"
  }
  archive=$(echo "$temp"/*.tar.gz)
  step "verifying its checksum and unpacking"
  if ! printf '%s  %s\n' "$PULSAR_SHA512" "$archive" | sha512sum --check --status; then
    rm -rf "$temp"
    die "the Pulsar archive does not have the pinned SHA-512" \
      "remove org/apache/pulsar/pulsar-server-distribution from the local Maven repository and try again"
  fi
  mkdir "$temp/home"
  tar -xzf "$archive" -C "$temp/home" --strip-components=1
  mv -T "$temp/home" "$PULSAR_DIST" 2>/dev/null || [[ -x $PULSAR_DIST/bin/pulsar ]] ||
    die "cannot put Pulsar into $PULSAR_DIST" "remove that directory and try again"
  rm -rf "$temp"
}

broker_keys_dir() { printf '%s' "${RECOUP_KEYS_DIR:-$1/keys}"; }
broker_tokens_dir() { printf '%s' "${RECOUP_TOKENS_DIR:-$1/tokens}"; }

broker_configure() { # DIR PORT WEBPORT
  local keys tokens
  keys=$(broker_keys_dir "$1")
  tokens=$(broker_tokens_dir "$1")
  cat >"$1/own.conf" <<CONF
bindAddress=127.0.0.1
advertisedAddress=127.0.0.1
listeningInterface=lo
brokerServicePort=$2
webServicePort=$3
tokenPublicKey=file://$keys/pulsar-pub.der
brokerClientAuthenticationParameters=file://$tokens/broker-internal.jwt
CONF
  awk -f "$ROOT/pulsar/merge.awk" "$ROOT/pulsar/standalone-overrides.conf" "$1/own.conf" \
    "$PULSAR_DIST/conf/standalone.conf" >"$1/standalone.conf"
}

broker_healthy() { # DIR
  local code
  code=$(broker_admin "$1" GET brokers/health -o /dev/null -w '%{http_code}' 2>/dev/null) || return 1
  [[ $code == 200 ]]
}

# One admin request with the provisioner's token, which stays out of the argument list.
broker_admin() { # DIR METHOD PATH [curl arguments]
  local dir=$1 method=$2 path=$3
  shift 3
  curl -sS -m 20 -X "$method" -K - "$@" "http://127.0.0.1:$(kv_get "$dir/ports" WEB_PORT)/admin/v2/$path" <<EOF
header = "Authorization: Bearer $(cat "$(broker_tokens_dir "$dir")/provisioner.jwt")"
EOF
}

# A killed broker's bookie may find its own old registration and then delete and renew it without end (a fault of Pulsar's lock over
# RocksDB, in up to a fifth of the quick starts after a kill): "Not enough non-faulty bookies". A start in order registers once or twice.
broker_flaps() { # DIR FROM: looks at the log from that byte on
  local times
  times=$(tail -c "+$(($2 + 1))" "$1/logs/broker.log" | grep -c 'RegistrationClient - Bookie .* deleted') || true
  ((times > 20))
}

broker_settled() { # DIR FROM: died, flaps or healthy
  if pid_gone "$1/pid"; then BROKER_DIED=1; return 0; fi
  if broker_flaps "$1" "$2"; then BROKER_FLAPS=1; return 0; fi
  broker_healthy "$1"
}

broker_launch() { # DIR BOOKIE_PORT: sets BROKER_FLAPS
  local dir=$1 bookie=$2 from BROKER_DIED=
  BROKER_FLAPS=
  from=$(stat -c %s "$dir/logs/broker.log" 2>/dev/null) || from=0
  (
    cd "$dir" || exit
    export PULSAR_STANDALONE_CONF=$dir/standalone.conf PULSAR_LOG_DIR=$dir/logs PULSAR_LOG_APPENDER=Console
    export PULSAR_MEM=${RECOUP_PULSAR_MEM:-"-Xms256m -Xmx1g -XX:MaxDirectMemorySize=1g"}
    export PULSAR_GC=${RECOUP_PULSAR_GC:-"-XX:+UseG1GC -XX:MaxGCPauseMillis=10 -XX:+PerfDisableSharedMem"} PULSAR_GC_LOG=-Xlog:disable
    exec setsid "$PULSAR_DIST/bin/pulsar" standalone -nss -nfw --advertised-address 127.0.0.1 \
      --bookkeeper-port "$bookie" --bookkeeper-dir "$dir/data/bookkeeper" --metadata-dir "$dir/data/metadata"
  ) </dev/null >>"$dir/logs/broker.log" 2>&1 8>&- 9>&- &
  disown
  pid_save "$dir/pid" $! || die "the broker ended at once" "see $dir/logs/broker.log"
  wait_for "${RECOUP_PULSAR_WAIT:-120}" broker_settled "$dir" "$from" && [[ -z $BROKER_DIED ]] ||
    die "the broker in $dir did not become healthy" "see $dir/logs/broker.log"
}

broker_start() { # DIR [PORT WEBPORT]
  local dir port web bookie start BROKER_FLAPS=
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  have java || die "no Java runtime" "run './dev up' (it installs one), or: apt-get install default-jre-headless"
  pulsar_obtain
  pulsar_keys "$(broker_keys_dir "$dir")" "$(broker_tokens_dir "$dir")" # also for a broker that runs: a service may be new
  if pid_of "$dir/pid" >/dev/null; then
    wait_for 90 broker_healthy "$dir" || die "the broker of $dir runs but is not healthy" "see $dir/logs/broker.log"
    return 0
  fi
  mkdir -p "$dir/logs" "$dir/data"
  [[ -z ${2:-} ]] || kv_get "$dir/ports" PORT >/dev/null || kv_set "$dir/ports" PORT "$2"
  [[ -z ${3:-} ]] || kv_get "$dir/ports" WEB_PORT >/dev/null || kv_set "$dir/ports" WEB_PORT "$3"
  port=$(port_remember "$dir/ports" PORT 6650)
  web=$(port_remember "$dir/ports" WEB_PORT 8080)
  # The bookie's address is its identity: its port can never move once there is data.
  bookie=$(kv_get "$dir/ports" BOOKIE_PORT) || {
    # Far from those of other brokers, one of which may be down for the moment: 3181 beside the default 6650.
    bookie=$(port_free $((port > 4493 ? port - 3469 : port + 3469)))
    kv_set "$dir/ports" BOOKIE_PORT "$bookie"
  }
  ! port_taken "$bookie" || die "port $bookie (the bookie of $dir) is taken" \
    "free it (ss -ltnp), or forget the data: ./dev down --wipe"
  broker_configure "$dir" "$port" "$web"
  for ((start = 1; ; start++)); do
    broker_launch "$dir" "$bookie"
    [[ -n $BROKER_FLAPS ]] || break
    ((start < 5)) || die "the bookie of $dir does not stay registered" "forget the data: ./dev down --wipe"
    say "the bookie of $dir registers without end; starting its broker again"
    broker_kill "$dir"
  done
  port_release "$port" "$web" "$bookie"
}

broker_stop() { pid_stop "$1/pid" TERM 30; }

broker_kill() { # DIR
  local pid
  pid=$(pid_of "$1/pid") || return 0
  kill -KILL "$pid"
  wait_for 10 pid_gone "$1/pid" || die "cannot kill the broker ($pid)"
  rm -f "$1/pid"
}

broker_signal() { # DIR SIGNAL
  local pid
  pid=$(pid_of "$1/pid") || die "no broker runs in $1"
  kill "-$2" "$pid"
}

broker_env() { # DIR
  local dir tokens role
  dir=$(cd "$1" && pwd)
  tokens=$(broker_tokens_dir "$dir")
  printf 'PULSAR_SERVICE_URL=pulsar://127.0.0.1:%s\n' "$(kv_get "$dir/ports" PORT)"
  printf 'PULSAR_ADMIN_URL=http://127.0.0.1:%s\n' "$(kv_get "$dir/ports" WEB_PORT)"
  printf 'PULSAR_TOKEN_DIR=%s\n' "$tokens"
  printf 'PULSAR_HOME=%s\n' "$PULSAR_DIST"
  for role in "${PULSAR_ROLES[@]:1}"; do # all but the broker's own
    printf '%s_PULSAR_TOKEN_FILE=%s\n' "${role^^}" "$tokens/$role.jwt"
  done
}
