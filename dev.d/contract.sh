# shellcheck shell=bash
# The OpenAPI documents of a running stack, and what it really answers. Everything happens in a tenant of its own.
cmd_contract() { # [EXAMPLES per operation]
  local service upper token services=() status=0
  env_load
  token=$(recoup token --role admin --sub contract --tenant contract --ttl 24h)
  for service in "${RUN_SERVICES[@]}"; do
    upper=${service^^}_PORT
    services+=("$service=http://127.0.0.1:${!upper}")
  done
  mkdir -p "$CACHE_DIR"
  "$ROOT/e2e/contract/run" "$CACHE_DIR" "${1:-20}" "$token" "${services[@]}" || status=$?
  case $status in
    0) ;;
    3) die "there is no Python with venv" "apt-get install python3-venv" ;;
    *) die "some service does not answer as its OpenAPI document says" "see above; 'CONTRACT_SEED=7 ./dev contract 100' tries others" ;;
  esac
}
