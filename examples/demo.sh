#!/usr/bin/env bash
# A simulated venue and a strategy on it for about ten seconds: demo.sh [PROGRAM [SECONDS [VENUE]]]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
moonwire=$(realpath "${1:-$root/build/release/moonwire}")
seconds=${2:-10}
venue=${3:-indodax}
more= options= strategy=strategies/ladder.lua
case $venue in                  # what the strategy needs to know of a venue: its parameters, limits
finery)
    params='symbol = "BTC/USD", qty = "0.01", max_position = "0.1",
            edge = "0.00015", spacing = "0.0002", tolerance = "0.0001", min_interval = 1'
    risk='max_order_notional = { USD = "5000" }'
    options='--set role=maker' ;;
indodax)
    params='edge = "0.00015", spacing = "0.0002", tolerance = "0.0001"'
    risk='max_order_notional = { IDR = "5000000" }' ;;
instamrkt)                      # nothing is quoted there: stakes in place of a ladder
    strategy=examples/bets.lua
    params='stake = "0.5"'
    risk='max_order_notional = { DON = "5" }' ;;
peatio)
    params='symbol = "BTC/USD", qty = "0.01", max_position = "0.1",
            edge = "0.00015", spacing = "0.0002", tolerance = "0.0001", min_interval = 1'
    risk='max_order_notional = { USD = "500" }'
    more='config.venues.pea.precision = { ["BTC/USD"] = { price = 2 } }' ;;
*) echo "demo: no venue $venue: there is finery, indodax, instamrkt, peatio" >&2; exit 2 ;;
esac
work=$(mktemp -d)
sim=
stop() {
    [ -z "$sim" ] || { kill "$sim" 2>/dev/null; wait "$sim" 2>/dev/null || true; }
    rm -rf "$work"
}
trap stop EXIT

cd "$work"
# shellcheck disable=SC2086             # several words, or none
"$moonwire" sim "$venue" --seed 7 $options >sim.lua 2>sim.log &
sim=$!
for _ in $(seq 100); do
    grep -q /sim/help sim.lua && break          # the last line that it prints
    kill -0 "$sim" 2>/dev/null || { cat sim.log >&2; exit 1; }
    sleep 0.05
done
url=$(sed -n 's/^ *rest_url *= "\(.*\)",/\1/p' sim.lua)
name=$(sed -n '0,/protocol/s/^    \(.*\) = {$/\1/p' sim.lua)

{
    echo 'local config = (function()'
    cat sim.lua
    cat <<END
end)()
config.strategies = {
  { file = "$root/$strategy",
    params = { venue = "$name", $params } },
}
config.risk = { $risk, max_open_orders = 20 }
$more
return config
END
} >moonwire.lua
echo "a simulated $venue serves on $url; $strategy trades on it for $seconds s"
eval "$(sed -n 's/^--   export/export/p' sim.lua)"
"$moonwire" run --events --seconds "$seconds" --log-level warn
