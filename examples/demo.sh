#!/usr/bin/env bash
# A simulated Indodax and a ladder on it for about ten seconds: demo.sh [PROGRAM [SECONDS]]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
moonwire=$(realpath "${1:-$root/build/release/moonwire}")
seconds=${2:-10}
work=$(mktemp -d)
sim=
stop() {
    [ -z "$sim" ] || { kill "$sim" 2>/dev/null; wait "$sim" 2>/dev/null || true; }
    rm -rf "$work"
}
trap stop EXIT

cd "$work"
"$moonwire" sim indodax --json --seed 7 >sim.json 2>sim.log &
sim=$!
for _ in $(seq 100); do
    [ -s sim.json ] && break
    kill -0 "$sim" 2>/dev/null || { cat sim.log >&2; exit 1; }
    sleep 0.05
done
value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" sim.json; }

cat >moonwire.lua <<END
return {
  venues = {
    idx = {
      protocol = "indodax", environment = "sim",
      rest_url = "$(value rest_url)", private_url = "$(value private_url)",
      market_url = "$(value market_url)", ca_file = "$(value ca_file)",
      key = env "DEMO_KEY", secret = env "DEMO_SECRET",
    },
  },
  strategies = {
    { file = "$root/strategies/ladder.lua", name = "ladder",
      params = { edge = "0.00015", spacing = "0.0002", tolerance = "0.0001" } },
  },
  risk = { max_order_notional = { IDR = "5000000" }, max_open_orders = 20 },
}
END
echo "a simulated Indodax serves on $(value rest_url); the ladder trades on it for $seconds s"
DEMO_KEY=$(value key) DEMO_SECRET=$(value secret) \
    "$moonwire" run --events --seconds "$seconds" --log-level warn
