#!/bin/sh
# The head of a WebSocket handshake and its answer's status and body: upgrade.sh [HEADER ...]
set -eu
for header; do set -- "$@" --header "$header"; shift; done
curl -sS --http1.1 --max-time 20 --header 'Connection: Upgrade' --header 'Upgrade: websocket' \
    --header 'Sec-WebSocket-Version: 13' --header 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' \
    "$@" --write-out 'status %{http_code}\n' "https://${PRIVATE_URL#wss://}"
