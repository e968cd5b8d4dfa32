# shellcheck shell=bash
# Pulsar's token key pair and one token per role, by openssl alone. Stands by itself: docker-compose.yml uses it too.

PULSAR_ROLES=(broker-internal provisioner bff tracking commission evidence claims orders notify replayer)

b64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

# An RS256 token for a Pulsar role. Printed, never logged.
pulsar_mint() { # KEYS ROLE
  local head body
  head=$(printf '{"alg":"RS256","typ":"JWT"}' | b64url)
  body=$(printf '{"sub":"%s","aud":"pulsar","iat":%s}' "$2" "$(date +%s)" | b64url)
  printf '%s.%s.%s' "$head" "$body" \
    "$(printf '%s.%s' "$head" "$body" | openssl dgst -sha256 -sign "$1/pulsar.pem" -binary | b64url)"
}

# Makes what is missing: KEYS/pulsar.pem, KEYS/pulsar-pub.der and TOKENS/ROLE.jwt.
pulsar_keys() { # KEYS TOKENS
  local keys=$1 tokens=$2 role
  mkdir -p "$keys" "$tokens"
  chmod 700 "$keys" "$tokens"
  if [[ ! -s $keys/pulsar-pub.der ]]; then
    (umask 077; openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$keys/pulsar.pem" 2>/dev/null)
    openssl pkey -in "$keys/pulsar.pem" -pubout -outform DER -out "$keys/pulsar-pub.der"
    rm -f "$tokens"/*.jwt # signed by an older key
  fi
  for role in "${PULSAR_ROLES[@]}"; do
    [[ -s $tokens/$role.jwt ]] || (umask 077; pulsar_mint "$keys" "$role" >"$tokens/$role.jwt")
  done
}
