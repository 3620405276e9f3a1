"""Measures the event path of moonwire against a bare C client (the floor), Node and Python, in one
run: `make bench`. Prints a table and writes build/bench.json. Clients take turns, so that what the
machine does beside them falls on all alike; each figure is the median of the turns."""
import glob
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build")
FLOOD_EVENTS = int(os.environ.get("MW_BENCH_FLOOD", "300000"))
TRIP_EVENTS = int(os.environ.get("MW_BENCH_TRIP", "10000"))
TURNS = int(os.environ.get("MW_BENCH_TURNS", "5"))
CONNECTIONS = 1000
JOURNALED = "moonwire, journal"
RELOADS = 500
LIMIT_SECONDS = 120


def make_certificate(directory):
    cert, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def memory_kb(pid):
    """Resident memory of the process and its children (guardian and runtime are two); what they
    share counts twice."""
    total = 0
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                total = int(line.split()[1])
    if not total:
        raise RuntimeError("no VmRSS")
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        return total + sum(memory_kb(int(child)) for child in children.read().split())


class Bench:
    def __init__(self, directory):
        self.directory = directory
        self.cert, self.key = make_certificate(directory)

    def serve(self, mode, events, spin):
        server = subprocess.Popen(
            [os.path.join(BUILD, "bench", "server"), self.cert, self.key, mode, str(events),
             "spin" if spin else "block"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return server, json.loads(server.stdout.readline())["port"]

    def configure(self, port, mode, events, spin, connections, strategy=None, level="error",
                  journal="false"):
        """A configuration of moonwire; more connections are more venues."""
        lines = ["return { venues = {"]
        for i in range(connections):
            name = "bench" if i == 0 else f"bench{i}"
            lines.append(f'{name} = {{ protocol = "{HERE}/venue.lua", environment = "sim", '
                         f'rest_url = "https://localhost:{port}", market_url = false, '
                         f'private_url = "wss://localhost:{port}/", ca_file = "{self.cert}", '
                         'key = env "MW_BENCH_KEY", secret = env "MW_BENCH_SECRET", '
                         "dead_man = false },")
        lines.append("}, strategies = {{ "
                     f'file = "{strategy or HERE + "/strategy.lua"}", trusted = true, '
                     f'params = {{ mode = "{mode}", events = {events} }} }}}}, '
                     f'on_stop = "leave", spin = {"true" if spin else "false"}, '
                     f'journal = {journal}, log = {{ level = "{level}" }} }}')
        path = os.path.join(self.directory, "moonwire.lua")
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(lines))
        return path

    def command(self, client, port, mode, events, spin, connections):
        if client == "floor":
            return [os.path.join(BUILD, "bench", "floor"), str(port), self.cert, mode, str(events),
                    "spin" if spin else "block"]
        if client.startswith("moonwire"):
            journal = '{ path = "bench.db" }' if client == JOURNALED else "false"
            return [os.path.join(BUILD, "release", "moonwire"), "run", "--config",
                    self.configure(port, mode, events, spin, connections, journal=journal)]
        if client == "node":
            return ["node", os.path.join(HERE, "client.js")]
        return [sys.executable, os.path.join(HERE, "client.py")]

    def start(self, client, port, mode, events, spin=False, connections=1):
        environment = dict(os.environ, MW_BENCH_URL=f"wss://localhost:{port}/",
                           MW_BENCH_CA=self.cert, MW_BENCH_MODE=mode, MW_BENCH_EVENTS=str(events),
                           MW_BENCH_CONNECTIONS=str(connections), MW_BENCH_KEY="key-of-the-bench",
                           MW_BENCH_SECRET="secret-of-the-bench", NODE_PATH="/usr/share/nodejs")
        return subprocess.Popen(self.command(client, port, mode, events, spin, connections),
                                env=environment, stdout=subprocess.PIPE, text=True,
                                cwd=self.directory)

    def turn(self, client, mode, events, spin):
        """One client and one server: what each of them measured."""
        server, port = self.serve(mode, events, spin)
        process = self.start(client, port, mode, events, spin)
        try:
            out, _ = process.communicate(timeout=LIMIT_SECONDS)
            server_out, _ = server.communicate(timeout=LIMIT_SECONDS)
        finally:
            for child in (process, server):
                child.kill()
                child.wait()
            for path in glob.glob(os.path.join(self.directory, "bench.db*")):
                os.unlink(path)
        result = json.loads(out.strip().splitlines()[-1])
        return result, json.loads(server_out.strip().splitlines()[-1])

    def idle(self, client, connections):
        """Memory in kB with so many quiet connections, and the seconds until all were up."""
        server, port = self.serve("idle", connections, False)
        began = time.monotonic()
        process = self.start(client, port, "idle", 1, False, connections)
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(client + " did not start")
            ready = time.monotonic() - began
            server.stdout.readline()
            time.sleep(1)              # idle work (garbage collection) is done
            return memory_kb(process.pid), ready
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            server.communicate("")


    def reload(self):
        """The pauses, in ms, of reloads of a strategy of 500 lines: the runtime's own figures."""
        server, port = self.serve("idle", 1, False)
        path = os.path.join(self.directory, "reloaded.lua")
        write_strategy(path, 0)
        config = self.configure(port, "idle", 1, False, 1, path, "info")
        process = subprocess.Popen(
            [os.path.join(BUILD, "release", "moonwire"), "run", "--no-watch", "--config", config],
            env=dict(os.environ, MW_BENCH_KEY="key-of-the-bench",
                     MW_BENCH_SECRET="secret-of-the-bench"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.directory)
        pauses = []
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("moonwire did not start")
            for version in range(1, RELOADS + 1):
                write_strategy(path, version)
                process.send_signal(signal.SIGHUP)
                for line in process.stderr:
                    found = re.search(r"reloaded \(SIGHUP\): .* waited ([0-9.]+) ms", line)
                    if found:
                        pauses.append(float(found.group(1)))
                        break
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
            server.communicate("")
        pauses.sort()
        return {"p50_ms": pauses[len(pauses) // 2], "p99_ms": pauses[len(pauses) * 99 // 100],
                "most_ms": pauses[-1]}


def write_strategy(path, version):
    """A strategy of 500 lines, another one with each version."""
    lines = ['local mw = require "moonwire"',
             'local S = mw.strategy { venue = "bench", symbol = "BTC/IDR", mode = "", events = 1 }',
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


def medians(rows):
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def ring():
    """What recording 600 bytes costs, and how that compares with memcpy of them."""
    row = json.loads(subprocess.run([os.path.join(BUILD, "bench", "ring")], check=True,
                                    capture_output=True, text=True,
                                    timeout=LIMIT_SECONDS).stdout)
    row["of_memcpy"] = row["gb_per_second"] / row["memcpy_gb_per_second"]
    return row


def journal(directory):
    """What the guardian takes to store a flood, and what the disk takes."""
    return json.loads(subprocess.run([os.path.join(BUILD, "bench", "journal"), directory],
                                     check=True, capture_output=True, text=True,
                                     timeout=LIMIT_SECONDS).stdout)


def measure(bench):
    results = {}
    flood = {client: [] for client in ("floor", "moonwire", JOURNALED, "node", "python")}
    trips = {(client, spin): [] for client, spin in (
        ("floor", False), ("floor", True), ("moonwire", False), ("moonwire", True),
        (JOURNALED, True), ("node", False), ("python", False))}
    for turn in range(TURNS):
        for client, rows in flood.items():
            events = FLOOD_EVENTS if client != "python" else FLOOD_EVENTS // 10
            mine, _ = bench.turn(client, "flood", events, False)
            rows.append({"events_per_second": mine["events"] / mine["seconds"],
                         "cpu_us_per_event": mine["cpu"] / mine["events"] * 1e6})
        for (client, spin), rows in trips.items():
            rows.append(bench.turn(client, "trip", TRIP_EVENTS, spin)[1])
        print(f"turn {turn + 1} of {TURNS}", file=sys.stderr)
    results["flood"] = {client: medians(rows) for client, rows in flood.items()}
    results["trip"] = {client + (" spinning" if spin else ""): medians(rows)
                       for (client, spin), rows in trips.items()}
    results["ring"] = medians([ring() for _ in range(TURNS)])
    results["journal"] = medians([journal(bench.directory) for _ in range(TURNS)])
    results["reload"] = bench.reload()
    results["idle"] = {}
    for client in ("moonwire", "node", "python"):
        one = [bench.idle(client, 1) for _ in range(TURNS)]
        alone = statistics.median(kb for kb, _ in one)
        many, _ = bench.idle(client, CONNECTIONS)
        results["idle"][client] = {
            "memory_mb": alone / 1024, "ready_ms": statistics.median(s for _, s in one) * 1000,
            "kb_per_connection": (many - alone) / (CONNECTIONS - 1)}
    return results


def goals(results):
    flood, trip, idle = results["flood"], results["trip"], results["idle"]["moonwire"]
    rate = {client: row["events_per_second"] for client, row in flood.items()}
    return [
        ("events per second against Node, at least 4", rate["moonwire"] / rate["node"], ">=", 4),
        ("events per second against the floor, at least 0.5", rate["moonwire"] / rate["floor"],
         ">=", 0.5),
        ("spinning round trip p50 against the spinning floor, at most 1.3",
         trip["moonwire spinning"]["p50_us"] / trip["floor spinning"]["p50_us"], "<=", 1.3),
        ("the ring's GB per second against memcpy, at least 0.8", results["ring"]["of_memcpy"],
         ">=", 0.8),
        ("events per second with a journal against without, at least 0.9",
         rate[JOURNALED] / rate["moonwire"], ">=", 0.9),
        ("spinning round trip p50 with a journal against without, at most 1.03",
         trip[JOURNALED + " spinning"]["p50_us"] / trip["moonwire spinning"]["p50_us"], "<=", 1.03),
        ("events of 1.1 kB stored per second of one core, at least 400000",
         results["journal"]["events_per_second"], ">=", 400000),
        ("pause of a reload, 500 lines, p99, ms, below 1", results["reload"]["p99_ms"], "<=", 1),
        ("idle memory, MB, at most 30", idle["memory_mb"], "<=", 30),
        ("ready, ms, at most 200", idle["ready_ms"], "<=", 200),
    ]


def show(results):
    floor = results["flood"]["floor"]["events_per_second"]
    print(f"\n{'event path':<28}{'events/s':>12}{'of floor':>10}{'CPU us/event':>14}")
    for client, row in results["flood"].items():
        print(f"{client:<28}{row['events_per_second']:>12.0f}"
              f"{row['events_per_second'] / floor:>10.2f}{row['cpu_us_per_event']:>14.2f}")
    print(f"\n{'round trip, us':<28}{'p50':>12}{'p99':>10}{'p99.9':>14}")
    for client, row in results["trip"].items():
        print(f"{client:<28}{row['p50_us']:>12.1f}{row['p99_us']:>10.1f}{row['p999_us']:>14.1f}")
    row = results["ring"]
    print(f"\n{'ring, 600 bytes':<22}{'records/s':>12}{'GB/s':>10}{'of memcpy':>14}")
    print(f"{'recorder':<22}{row['records_per_second']:>12.0f}{row['gb_per_second']:>10.2f}"
          f"{row['of_memcpy']:>14.2f}")
    row = results["journal"]
    print(f"\n{'journal, 1.1 kB/event':<22}{'events/s':>12}{'store us':>10}{'rows us':>14}"
          f"{'MB/s':>10}{'disk MB/s':>12}")
    print(f"{'guardian':<22}{row['events_per_second']:>12.0f}{row['store_us']:>10.2f}"
          f"{row['draw_us']:>14.2f}{row['mb_per_second']:>10.0f}"
          f"{row['plain_mb_per_second']:>12.0f}")
    row = results["reload"]
    print(f"\n{'reload, ms':<22}{'p50':>12}{'p99':>10}{'most':>14}")
    print(f"{'500 lines':<22}{row['p50_ms']:>12.2f}{row['p99_ms']:>10.2f}{row['most_ms']:>14.2f}")
    print(f"\n{'idle':<22}{'memory MB':>12}{'ready ms':>10}{'kB/connection':>14}")
    for client, row in results["idle"].items():
        print(f"{client:<28}{row['memory_mb']:>12.1f}{row['ready_ms']:>10.0f}"
              f"{row['kb_per_connection']:>14.1f}")
    print()
    for text, value, relation, bound in results["goals"]:
        met = value >= bound if relation == ">=" else value <= bound
        print(f"{'met ' if met else 'MISS'}  {value:8.2f}  {text}")


def main():
    with tempfile.TemporaryDirectory(prefix="moonwire-bench-") as directory:
        results = measure(Bench(directory))
    results["goals"] = goals(results)
    with open(os.path.join(BUILD, "bench.json"), "w", encoding="ascii") as file:
        json.dump(results, file, indent=1)
    show(results)


main()
