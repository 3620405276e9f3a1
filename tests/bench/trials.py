"""What the bench measures besides speed: reloads, a killed runtime, memory over many orders."""
import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.request

from stand import LIMIT_SECONDS, MOONWIRE, Failure, children, last_json, memory_kb

RELOADS = 200
RESTING = '''local mw = require "moonwire"
local S = mw.strategy { venue = "idx", symbol = "BTC/IDR" }
function S:on_start() assert(self:buy { price = "500000000", qty = "0.001" }) end
function S:on_order(order) if order.status == "new" then print "ready" end end
return S
'''


def write_strategy(path, version):
    """A strategy of 500 lines, another one with each version."""
    lines = ['local mw = require "moonwire"',
             'local S = mw.strategy { venue = "bench", symbol = "BTC/IDR" }',
             f"local VERSION = {version}", 'function S:on_start() print "ready" end',
             "function S.migrate(state) state.version = VERSION return state end"]
    for i in range(61):
        lines += [f"function S:step_{i}(book, order)", "  local best = book:best_bid()",
                  f"  if best and order.price < best - {i} then",
                  '    self.log.info("%s is %s behind", order, best - order.price)',
                  f"    self.state.behind_{i} = (self.state.behind_{i} or 0) + 1",
                  "    return self:cancel(order)", "  end", "end"]
    lines += ["function S:on_book(book)", "  for _, order in ipairs(self.orders) do",
              "    self:step_0(book, order)", "  end", "end", "", "return S"]
    assert len(lines) == 500
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


def await_pause(stand, process, log):
    """The pause in ms that the runtime itself tells of its next reload. Looks seldom and at little:
    who measures takes the core from what is measured."""
    give_up, said = time.monotonic() + LIMIT_SECONDS, ""
    while process.poll() is None and time.monotonic() < give_up:
        time.sleep(0.02)
        said += log.read()
        found = re.search(r"reloaded \(SIGHUP\): .* waited ([0-9.]+) ms", said)
        if found:
            return float(found.group(1))
    raise Failure(f"a reload did not happen: {stand.complaint()}")


def reload(stand):
    """The pauses, in ms, of reloads of a strategy of 500 lines."""
    server, port = stand.serve("idle", 1)
    path = stand.path("reloaded.lua")
    write_strategy(path, 0)
    config = stand.configure(port, f'{{ file = "{path}" }}', log='{ level = "info" }')
    process = stand.run(config, "--no-watch")
    try:
        if process.stdout.readline().strip() != "ready":
            raise Failure(f"moonwire with a strategy to reload: {stand.complaint()}")
        pauses = []
        with open(stand.path("client.err"), encoding="utf-8") as log:
            for version in range(1, RELOADS + 1):
                write_strategy(path, version)
                process.send_signal(signal.SIGHUP)
                pauses.append(await_pause(stand, process, log))
    finally:
        stand.end(process, server)
    pauses.sort()
    return {"p50_ms": pauses[len(pauses) // 2], "p99_ms": pauses[len(pauses) * 99 // 100],
            "most_ms": pauses[-1]}


def simulate(stand):
    """A simulated Indodax: its process and what it prints."""
    process = subprocess.Popen([MOONWIRE, "sim", "indodax", "--json", "--market", "off",
                                "--log-level", "error"],
                               env=dict(os.environ, XDG_RUNTIME_DIR=stand.directory),
                               stdout=subprocess.PIPE, text=True)
    return process, last_json("the simulator", process.stdout.readline())


def kill(stand):
    """Milliseconds from kill -9 of a runtime with an open order until the venue has none; the
    venue's own protection is off."""
    sim, venue = simulate(stand)
    tls = ssl.create_default_context(cafile=venue["ca_file"])

    def open_orders():
        with urllib.request.urlopen(venue["rest_url"] + "/sim/orders?open=1", context=tls,
                                    timeout=LIMIT_SECONDS) as answer:
            return json.load(answer)

    for name, text in (("resting.lua", RESTING), ("kill.lua", f'''return {{ venues = {{ idx = {{
  protocol = "indodax", environment = "sim", rest_url = "{venue["rest_url"]}",
  private_url = "{venue["private_url"]}", market_url = false, ca_file = "{venue["ca_file"]}",
  key = env "MW_BENCH_KEY", secret = env "MW_BENCH_SECRET", dead_man = false }} }},
  strategies = {{ {{ file = "{stand.path("resting.lua")}" }} }}, restart = false,
  journal = {{ path = "bench.db" }}, log = {{ level = "error" }} }}
''')):
        with open(stand.path(name), "w", encoding="ascii") as file:
            file.write(text)
    process = stand.run(stand.path("kill.lua"), key=venue["key"], secret=venue["secret"])
    try:
        stand.ready("moonwire, with an order to be killed", process)
        if len(open_orders()) != 1:
            raise Failure("kill -9: the order is not open at the venue")
        began = time.monotonic()
        os.kill(children(process.pid)[0], signal.SIGKILL)
        while open_orders():
            if time.monotonic() > began + LIMIT_SECONDS:
                raise Failure("kill -9: the order stays open: " + stand.complaint())
        return {"gone_ms": (time.monotonic() - began) * 1000}
    finally:
        stand.end(process, sim)


def growth(stand, orders):
    """Memory of runtime and guardian while so many orders come and go, journal on: what is in use
    (runtime: after a full collection) when a fifth and when nine tenths of them are over."""
    server, port = stand.serve("churn", orders)
    config = stand.configure(port, stand.strategy("churn", orders),
                             journal='{ path = "bench.db", max_mb = 100 }')
    process = stand.run(config)
    marks = {"runtime": {}, "runtime RSS": {}, "guardian": {}}
    try:
        stand.ready("moonwire, churn", process)
        for line in process.stdout:
            if not line.startswith("mark "):
                break
            _, count, lua_kb = line.split()
            marks["runtime"][int(count)] = float(lua_kb)
            for name, pid in (("guardian", process.pid),
                              ("runtime RSS", children(process.pid)[0])):
                marks[name][int(count)] = memory_kb(pid, "RssAnon")
        stand.check("moonwire, churn", process)
    finally:
        stand.end(process, server)
    first, last = orders // 5, orders * 9 // 10
    if last not in marks["runtime"]:
        raise Failure(f"moonwire, churn: it came to {max(marks['runtime'], default=0)} orders "
                      f"of {orders}")
    return {name: {"orders": orders, "first_mb": of[first] / 1024, "last_mb": of[last] / 1024,
                   "bytes_per_order": (of[last] - of[first]) * 1024 / (last - first)}
            for name, of in marks.items()}
