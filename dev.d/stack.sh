# shellcheck shell=bash
# The whole stack of one machine under DEV_DIR: Postgres, Pulsar and `recoup serve all`.

ENV_FILE=$DEV_DIR/env
RUN_SERVICES=("${SERVICES[@]}" bff)
declare -A SERVICE_PORTS=([tracking]=8000 [commission]=8001 [bff]=8002 [evidence]=8003 [claims]=8004 [orders]=8005 [notify]=8006)

# A service port: from the environment when given, else the remembered or next free one.
service_port() { # NAME DEFAULT
  local given=${!1:-}
  if [[ -n $given ]]; then
    kv_set "$DEV_DIR/ports" "$1" "$given"
    printf '%s' "$given"
  elif pid_of "$DEV_DIR/run/recoup.pid" >/dev/null && kv_get "$DEV_DIR/ports" "$1"; then
    return 0 # taken, but by ourselves
  else
    port_remember "$DEV_DIR/ports" "$1" "$2"
  fi
}

# The stand-ins for the outside world listen on a block of ports, one after the other.
SANDBOX_PORTS=12

# The first port of that block: from the environment, remembered, or the next where the whole block is free.
sandbox_port() {
  local port=${SANDBOX_PORT:-} next
  [[ -n $port ]] || port=$(kv_get "$DEV_DIR/ports" SANDBOX_PORT) || port=
  if pid_of "$DEV_DIR/run/sandbox.pid" >/dev/null && [[ -n $port ]]; then
    printf '%s' "$port"
    return 0 # taken, but by ourselves
  fi
  for ((port = ${port:-8030}, next = port; next < port + SANDBOX_PORTS; next++)); do
    ! port_taken "$next" || port=$((next + 1))
  done
  kv_set "$DEV_DIR/ports" SANDBOX_PORT "$port"
  printf '%s' "$port"
}

# Where the services find the stand-ins; the order is that of `recoup sandbox all`.
sandbox_env() {
  local port
  port=$(sandbox_port)
  printf 'AMAZON_SANDBOX_URL=http://127.0.0.1:%s\n' "$port"
  printf 'AMAZON_APPLICATION_ID=amzn1.sp.solution.sandbox\n'
  printf 'LWA_CLIENT_ID=amzn1.application-oa2-client.sandbox\nLWA_CLIENT_SECRET=sandbox\n'
  printf 'STRIPE_API_URL=http://127.0.0.1:%s\nSTRIPE_SECRET_KEY=sk_test_sandbox\n' "$((port + 1))"
  printf 'PAYPAL_API_URL=http://127.0.0.1:%s\nPAYPAL_CLIENT_ID=sandbox\nPAYPAL_CLIENT_SECRET=sandbox\n' "$((port + 2))"
  printf 'EASYPOST_API_URL=http://127.0.0.1:%s\nEASYPOST_API_KEY=EZTKsandbox\n' "$((port + 5))"
  printf 'OAUTH_REDIRECT_URI=http://127.0.0.1:%s/api/integrations/callback\n' "$(kv_get "$DEV_DIR/ports" BFF_PORT)"
}

# Ports the broker and Postgres were told by the environment win over remembered ones.
wanted_port() { # FILE KEY VALUE
  [[ -z $3 ]] || kv_set "$1" "$2" "$3"
}

infra_up() {
  mkdir -p "$DEV_DIR"/{run,logs,pg,pulsar,payouts,objects}
  RECOUP_KEYS_DIR=$DEV_DIR/keys RECOUP_TOKENS_DIR=$DEV_DIR/tokens
  if ! pid_of "$DEV_DIR/pg/pid" >/dev/null; then
    step "starting Postgres"
    wanted_port "$DEV_DIR/pg/port" PORT "${POSTGRES_PORT:-}"
  fi
  postgres_start "$DEV_DIR/pg" "${1:-5432}"
  if ! pid_of "$DEV_DIR/pulsar/pid" >/dev/null; then
    pulsar_obtain
    step "starting Pulsar (about ten seconds)"
    wanted_port "$DEV_DIR/pulsar/ports" PORT "${PULSAR_PORT:-}"
    wanted_port "$DEV_DIR/pulsar/ports" WEB_PORT "${PULSAR_WEB_PORT:-}"
  fi
  broker_start "$DEV_DIR/pulsar" "${2:-6650}" "${3:-8080}"
}

# Every setting of the stack, in KEY=VALUE lines; secrets are made once and kept.
env_write() { # [OFFSET] of the default ports
  local pg service upper password port
  pg=$(kv_get "$DEV_DIR/pg/port" PORT)
  {
    printf 'RECOUP_ENV=development\nBIND_ADDRESS=127.0.0.1\n'
    for service in "${RUN_SERVICES[@]}"; do
      upper=${service^^}_PORT
      printf '%s=%s\n' "$upper" "$(service_port "$upper" "$((SERVICE_PORTS[$service] + ${1:-0}))")"
    done
    for service in "${SERVICES[@]}"; do
      upper=${service^^}
      password=$(secret "$DEV_DIR/secrets/${service}_db_password")
      port=$(kv_get "$DEV_DIR/ports" "${upper}_PORT")
      printf '%s_URL=http://127.0.0.1:%s\n' "$upper" "$port"
      printf '%s_DB_PASSWORD=%s\n' "$upper" "$password"
      printf '%s_DATABASE_URL=postgres://%s_user:%s@127.0.0.1:%s/%sdb\n' "$upper" "$service" "$password" "$pg" "$service"
      printf '%s_ADMIN_DATABASE_URL=%s\n' "$upper" "$(postgres_url "$DEV_DIR/pg")"
    done
    broker_env "$DEV_DIR/pulsar" | grep -vE '^PULSAR_(TOKEN_DIR|HOME)='
    printf 'PULSAR_TENANT=recoup\nPULSAR_NAMESPACE=default\n'
    printf 'JWT_ALGORITHM=HS256\nJWT_ISSUER=recoup\nJWT_AUDIENCE=recoup-api\nJWT_REQUIRE_VALIDATION=true\n'
    printf 'JWT_SECRET_KEY=%s\n' "$(secret "$DEV_DIR/secrets/jwt")"
    printf 'ACCOUNT_DETAILS_KEY=%s\n' "$(secret "$DEV_DIR/secrets/account_details" base64)"
    printf 'OBJECT_STORE=local\nOBJECT_DIR=%s\n' "$DEV_DIR/objects"
    printf 'DOCUMENT_MASTER_KEYS=dev:%s\n' "$(secret "$DEV_DIR/secrets/document_master" base64)"
    printf 'PACKET_SIGNING_KEY=%s\n' "$(secret "$DEV_DIR/secrets/packet_signing" base64)"
    printf 'DOCUMENT_LINK_KEY=%s\n' "$(secret "$DEV_DIR/secrets/document_links" base64)"
    printf 'EVIDENCE_FETCH_ALLOW_HTTP=true\nMAIL_ALLOW_LOOPBACK=true\nOPERATOR_TENANT=demo\n'
    printf 'PAYOUT_DIR=%s\nPAYOUT_APPROVAL_LIMIT_MINOR=50000\n' "$DEV_DIR/payouts"
    sandbox_env
    mail_env
    printf 'CORS_ALLOWED_ORIGINS=http://localhost:3000,http://127.0.0.1:3000\n'
    printf 'DEV_CLOCK=true\nDEV_OPEN_TENANT=demo\nLOG_FORMAT=json\nRUST_LOG=%s\n' "${RUST_LOG:-info}"
    [[ -z ${OTEL_EXPORTER_OTLP_ENDPOINT:-} ]] || printf 'OTEL_EXPORTER_OTLP_ENDPOINT=%s\n' "$OTEL_EXPORTER_OTLP_ENDPOINT"
  } >"$ENV_FILE.new"
  chmod 600 "$ENV_FILE.new"
  mv "$ENV_FILE.new" "$ENV_FILE"
}

env_load() {
  local line
  [[ -r $ENV_FILE ]] || die "nothing was started here yet" "run './dev up' first"
  while IFS= read -r line; do export "${line?}"; done <"$ENV_FILE"
}

# One recoup command with the stack's settings.
recoup() {
  env_load
  need_binary
  "$(binary)" "$@" 9>&-
}

serve_ready() {
  local service upper
  if pid_gone "$DEV_DIR/run/recoup.pid"; then SERVE_DIED=1; return 0; fi
  for service in "${RUN_SERVICES[@]}"; do
    upper=${service^^}_PORT
    curl -fs -m 2 -o /dev/null "http://127.0.0.1:${!upper}/health/ready" || return 1
  done
}

serve_up() {
  local run=$DEV_DIR/run/recoup.pid was now SERVE_DIED=
  env_load
  now=$(stat -L -c '%i %s %Y' "$(binary)"; cksum <"$ENV_FILE")
  was=$(cat "$DEV_DIR/run/recoup.of" 2>/dev/null) || was=
  if pid_of "$run" >/dev/null && [[ $was != "$now" ]]; then
    step "restarting the services: the binary or a setting changed"
    pid_stop "$run" TERM 40
  fi
  if ! pid_of "$run" >/dev/null; then
    step "provisioning Pulsar and migrating the databases"
    "$(binary)" provision >&2 9>&- || die "provisioning failed" "see above, and: ./dev logs pulsar"
    "$(binary)" migrate >&2 9>&- || die "migrating failed" "see above, and: ./dev logs postgres"
    step "starting the services"
    (cd "$DEV_DIR" && exec setsid "$(binary)" serve all) </dev/null >>"$DEV_DIR/logs/recoup.log" 2>&1 9>&- &
    disown
    pid_save "$run" $! || die "recoup ended at once" "see: ./dev logs all"
    printf '%s\n' "$now" >"$DEV_DIR/run/recoup.of"
  fi
  wait_for 60 serve_ready && [[ -z $SERVE_DIED ]] || {
    tail -n 5 "$DEV_DIR/logs/recoup.log" >&2
    die "the services are not ready" "see: ./dev logs all"
  }
  ports_release
}

# The services listen by now: kept reserved, their ports would look taken to the next './dev up' after a wipe.
ports_release() {
  local service upper
  for service in "${RUN_SERVICES[@]}"; do
    upper=${service^^}_PORT
    port_release "${!upper}"
  done
}

sandbox_answers() {
  ! pid_gone "$DEV_DIR/run/sandbox.pid" || return 0
  curl -fs -m 2 -o /dev/null "$AMAZON_SANDBOX_URL/_sandbox/clock" && curl -fs -m 2 -o /dev/null "$STRIPE_API_URL/_sandbox/objects"
}

# The outside world of a development stack: stand-ins on loopback, which forget everything when they stop.
sandbox_up() {
  local run=$DEV_DIR/run/sandbox.pid was now
  env_load
  now=$(stat -L -c '%i %s %Y' "$(binary)")
  was=$(cat "$DEV_DIR/run/sandbox.of" 2>/dev/null) || was=
  if pid_of "$run" >/dev/null && [[ $was != "$now" ]]; then pid_stop "$run" TERM 10; fi
  if ! pid_of "$run" >/dev/null; then
    step "starting the sandbox: stand-ins for the outside world"
    (cd "$DEV_DIR" && exec setsid "$(binary)" sandbox all --port "${AMAZON_SANDBOX_URL##*:}" --redirect-uri "$OAUTH_REDIRECT_URI") \
      </dev/null >>"$DEV_DIR/logs/sandbox.log" 2>&1 9>&- &
    disown
    pid_save "$run" $! || die "the sandbox ended at once" "see: ./dev logs sandbox"
    printf '%s\n' "$now" >"$DEV_DIR/run/sandbox.of"
  fi
  wait_for 30 sandbox_answers && ! pid_gone "$run" || {
    tail -n 5 "$DEV_DIR/logs/sandbox.log" >&2
    die "the sandbox does not answer" "see: ./dev logs sandbox"
  }
}

stack_lock() {
  mkdir -p "$DEV_DIR"
  exec 9>"$DEV_DIR/lock"
  flock -n 9 || { say "waiting for another ./dev that works here"; flock 9; }
}

cmd_up() {
  stack_lock
  install_missing
  infra_up
  mail_up
  env_write
  build_release
  sandbox_up
  serve_up
  exec 9>&-
  cmd_status >&2
  say ''
  say 'A token of an operator in the demo tenant, who may send events (a partner may not report its own sales):'
  recoup token --role operator --sub olga --tenant demo >&2
  say 'A token of a partner in the demo tenant (./dev token --help makes others):'
  recoup token --role partner --sub user123 --tenant demo
}

cmd_down() {
  local name file signal seconds
  [[ $# == 0 || $1 == --wipe ]] || die "unknown option $1" "usage: ./dev down [--wipe]"
  [[ -d $DEV_DIR ]] || { say "nothing runs here"; return 0; }
  stack_lock
  while read -r name file signal seconds; do
    ! pid_of "$DEV_DIR/$file" >/dev/null || step "stopping $name"
    pid_stop "$DEV_DIR/$file" "$signal" "$seconds"
  done <<'EOF'
recoup run/recoup.pid TERM 40
sandbox run/sandbox.pid TERM 10
GreenMail greenmail/pid TERM 10
Pulsar pulsar/pid TERM 30
Postgres pg/pid INT 30
EOF
  if [[ ${1:-} == --wipe ]]; then
    step "forgetting the data of $DEV_DIR"
    pg_wipe "$DEV_DIR/pg"
    rm -rf "$DEV_DIR"/{pg,pulsar,greenmail,run,logs,payouts,objects,keys,tokens,secrets,env,ports}
  fi
}

cmd_status() {
  local name file running=() all=0 upper json= mail
  env_load
  mail=$(kv_get "$ENV_FILE" GREENMAIL_IMAP) || mail= # there may be none
  for name in recoup:run/recoup.pid sandbox:run/sandbox.pid ${mail:+mail:greenmail/pid} pulsar:pulsar/pid postgres:pg/pid; do
    file=${name#*:}
    if pid_of "$DEV_DIR/$file" >/dev/null; then running+=("${name%%:*}=true"); else running+=("${name%%:*}=false"); all=1; fi
  done
  if [[ ${1:-} == --json ]]; then
    json='{"services":{'
    for name in "${RUN_SERVICES[@]}"; do
      upper=${name^^}_PORT
      json+="\"$name\":\"http://127.0.0.1:${!upper}\","
    done
    json="${json%,}},\"pulsar\":{\"service_url\":\"$PULSAR_SERVICE_URL\",\"admin_url\":\"$PULSAR_ADMIN_URL\"},\"databases\":{"
    for name in "${SERVICES[@]}"; do json+="\"$name\":\"$(postgres_url "$DEV_DIR/pg" "${name}db")\","; done
    json="${json%,}},\"running\":{"
    for name in "${running[@]}"; do json+="\"${name%=*}\":${name#*=},"; done
    printf '%s}}\n' "${json%,}"
  else
    for name in "${RUN_SERVICES[@]}"; do
      upper=${name^^}_PORT
      printf '%-12s http://127.0.0.1:%s\n' "$name" "${!upper}"
    done
    printf '%-12s %s  Stripe %s  (stand-ins: see sandbox/README.md)\n' sandbox "$AMAZON_SANDBOX_URL" "$STRIPE_API_URL"
    [[ -z $mail ]] || printf '%-12s %s (IMAP)  %s (SMTP)  lets anybody in, forgets everything\n' mail "$mail" "$GREENMAIL_SMTP"
    printf '%-12s %s  admin %s\n' pulsar "$PULSAR_SERVICE_URL" "$PULSAR_ADMIN_URL"
    printf '%-12s 127.0.0.1:%s  (urls: ./dev status --json)\n' postgres "$(kv_get "$DEV_DIR/pg/port" PORT)"
    for name in "${running[@]}"; do [[ $name != *=false ]] || printf '%s does not run: ./dev up starts it\n' "${name%=*}"; done
  fi
  return "$all"
}

cmd_logs() {
  local follow=() file=$DEV_DIR/logs/recoup.log service=
  for arg; do
    case $arg in
      -f | --follow) follow=(-f) ;;
      *) service=$arg ;;
    esac
  done
  case $service in
    pulsar) file=$DEV_DIR/pulsar/logs/broker.log ;;
    postgres) file=$DEV_DIR/pg/log ;;
    sandbox) file=$DEV_DIR/logs/sandbox.log ;;
    mail) file=$DEV_DIR/greenmail/log ;;
    *) [[ $service == all || -v "SERVICE_PORTS[$service]" ]] ||
      die "which log?" "usage: ./dev logs $(IFS='|'; printf '%s' "${RUN_SERVICES[*]}")|all|sandbox|mail|pulsar|postgres [-f]" ;;
  esac
  [[ -r $file ]] || die "there is no log yet" "run './dev up' first"
  if [[ -v "SERVICE_PORTS[$service]" ]]; then
    tail -n +1 "${follow[@]}" "$file" | grep --line-buffered "\"service\": *\"$service\"" || true
  else
    tail -n +1 "${follow[@]}" "$file"
  fi
}
