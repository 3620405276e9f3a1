#!/bin/sh
# One call of TAPI, signed with openssl as the documents do: tapi.sh METHOD [NAME=VALUE&...]
set -eu
body="method=$1&timestamp=$(date +%s)000&recvWindow=5000${2:+&$2}"
sign=$(printf %s "$body" | openssl dgst -sha512 -hmac "$SECRET" | sed 's/^.*= //')
curl -sS "$REST_URL/tapi" --header "Key: $KEY" --header "Sign: $sign" --data "$body"
