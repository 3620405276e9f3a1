#!/bin/sh
# One REST call, signed with openssl: finery.sh METHOD CONTENT, a JSON object without the nonce.
# With NONCE_AHEAD the nonce is so many microseconds ahead of the clock.
set -eu
nonce=$(($(date +%s%6N) + ${NONCE_AHEAD:-0}))
content=${2%\}}
[ "$content" = "{" ] || content=$content,
body=$content\"nonce\":$nonce,\"timestamp\":$(date +%s%3N)}
sign=$(printf %s "$1$body" | openssl dgst -sha384 -hmac "$SECRET" -binary | openssl base64 -A)
curl -sS "$REST_URL/api/$1" --header "EFX-Key: $KEY" --header "EFX-Sign: $sign" \
    --header "Content-Type: application/json" --data "$body"
