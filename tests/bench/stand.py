"""Where the bench's clients run: a server and one client at a time, their configuration, what they
print, and what went wrong when one of them did not do its work."""
import glob
import json
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build")
MOONWIRE = os.path.join(BUILD, "release", "moonwire")
JOURNALED = "moonwire, journal"
LIMIT_SECONDS = 30
POLL_SECONDS = 0.02
EXPECTED = re.compile("the journal does not keep up")
SYMBOLS = {"indodax": "BTC/IDR", "peatio": "BTC/USD", "peatio ranger": "BTC/USD",
           "finery": "BTC/USD", "instamrkt": "6b0e8f5c-2c1d-4c57-9c38-0f6d1b7a3e21#harbour/DON"}
NODE = {"NODE_PATH": "/usr/share/nodejs"}     # where Debian puts ws


class Failure(Exception):
    """Something that makes the figures worthless; the text says what to do."""


def check_tools():
    """Raises a Failure that names all that is missing, before anything is measured."""
    problems = []
    for name in ("release/moonwire", "bench/floor", "bench/server", "bench/ring", "bench/journal"):
        if not os.path.exists(os.path.join(BUILD, name)):
            problems.append(f"build/{name} is not built")
    for program, command in (("node with ws", ["node", "-e", "require('ws')"]),
                             ("python with websockets", [sys.executable, "-c",
                                                         "import websockets"]),
                             ("openssl", ["openssl", "version"])):
        try:
            subprocess.run(command, check=True, capture_output=True, text=True,
                           env=dict(os.environ, **NODE), timeout=LIMIT_SECONDS)
        except FileNotFoundError:
            problems.append(f"{program}: {command[0]} is not installed")
        except subprocess.CalledProcessError as error:
            said = [line for line in error.stderr.splitlines() if "Error" in line]
            problems.append(f"{program}: {(said or ['it fails'])[-1].strip()}")
    if problems:
        raise Failure("; ".join(problems) + "; `make bench` builds and installs what it needs")


def make_certificate(directory):
    cert, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def descendants(pid):
    return [pid for child in children(pid) for pid in (child, *descendants(child))]


def memory_kb(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(what + ":"):
                return int(line.split()[1])
    raise Failure(f"process {pid} has ended")


def memory_of_all_kb(pid):
    """Resident memory of the process and its children (guardian and runtime are two); what they
    share counts twice."""
    return memory_kb(pid) + sum(memory_of_all_kb(child) for child in children(pid))


def last_json(who, out):
    """The last line that was printed, as JSON."""
    lines = out.strip().splitlines()
    try:
        return json.loads(lines[-1])
    except (IndexError, ValueError) as error:
        raise Failure(f"{who} printed no result: {lines[-3:]}") from error


def run_tool(*command):
    """What a program of the bench measured by itself."""
    try:
        done = subprocess.run([os.path.join(BUILD, "bench", command[0]), *command[1:]], check=True,
                              capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.CalledProcessError as error:
        raise Failure(f"{command[0]}: status {error.returncode}: {error.stderr.strip()}") from error
    return last_json(command[0], done.stdout)


class Stand:
    def __init__(self, directory):
        self.directory = directory
        self.cert, self.key = make_certificate(directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def serve(self, mode, events, spin=False, shape="indodax"):
        server = subprocess.Popen(
            [os.path.join(BUILD, "bench", "server"), self.cert, self.key, mode, str(events),
             "spin" if spin else "block", shape], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True)
        return server, last_json("the server", server.stdout.readline())["port"]

    def configure(self, port, strategy, spin=False, connections=1, shape="indodax", **more):
        """Writes a configuration of moonwire with the bench's venue; `strategy` is Lua text."""
        options = {"journal": "false", "log": '{ level = "error" }', **more}
        with open(self.path("moonwire.lua"), "w", encoding="ascii") as file:
            file.write(f'''return {{
  venues = {{ bench = {{
    protocol = "{HERE}/venue.lua", environment = "sim", shape = "{shape}",
    connections = {connections}, rest_url = "https://localhost:{port}",
    private_url = "wss://localhost:{port}/", ca_file = "{self.cert}", dead_man = false,
    {"market_url = false," if shape != "instamrkt" else ""}
    key = env "MW_BENCH_KEY", secret = env "MW_BENCH_SECRET",
  }} }},
  strategies = {{ {strategy} }}, on_stop = "leave", spin = {"true" if spin else "false"},
  {", ".join(f"{name} = {value}" for name, value in options.items())} }}
''')
        return self.path("moonwire.lua")

    def strategy(self, mode, events, shape="indodax"):
        return (f'{{ file = "{HERE}/strategy.lua", trusted = true, params = {{ mode = "{mode}", '
                f'events = {events}, symbol = "{SYMBOLS[shape]}", '
                f'counts = "{"books" if shape == "instamrkt" else "fills"}" }} }}')

    def run(self, config, *options, key="key-of-the-bench", secret="secret-of-the-bench"):
        """Starts `moonwire run`; standard error goes to the file client.err."""
        return self.spawn([MOONWIRE, "run", "--config", config, *options], MW_BENCH_KEY=key,
                          MW_BENCH_SECRET=secret, XDG_RUNTIME_DIR=self.directory)

    def spawn(self, command, **environment):
        errors_path = self.path("client.err")
        if os.path.exists(errors_path):
            os.unlink(errors_path)         # one that ends late writes to its own
        with open(errors_path, "w", encoding="utf-8") as errors:
            return subprocess.Popen(command, env=dict(os.environ, **NODE, **environment),
                                    stdout=subprocess.PIPE, stderr=errors, text=True,
                                    cwd=self.directory)

    def start(self, client, port, mode, events, spin=False, connections=1, shape="indodax"):
        if client.startswith("moonwire"):
            journal = '{ path = "bench.db" }' if client == JOURNALED else "false"
            return self.run(self.configure(port, self.strategy(mode, events, shape), spin,
                                           connections, shape, journal=journal))
        command = {
            "floor": [os.path.join(BUILD, "bench", "floor"), str(port), self.cert, mode,
                      str(events), "spin" if spin else "block", shape],
            "node": ["node", os.path.join(HERE, "client.js")],
            "python": [sys.executable, os.path.join(HERE, "client.py")],
        }[client]
        return self.spawn(command, MW_BENCH_URL=f"wss://localhost:{port}/", MW_BENCH_CA=self.cert,
                          MW_BENCH_MODE=mode, MW_BENCH_EVENTS=str(events),
                          MW_BENCH_CONNECTIONS=str(connections))

    def complaint(self):
        """What the client said on standard error, but for what a flood is bound to bring."""
        with open(self.path("client.err"), encoding="utf-8", errors="replace") as errors:
            lines = [line for line in errors.read().splitlines() if not EXPECTED.search(line)]
        return "\n  ".join(lines[:12])

    def check(self, who, process):
        """Raises a Failure when the client has complained (moonwire logs only errors here) or has
        ended badly."""
        if process.poll() or (who.startswith("moonwire") and self.complaint()):
            status = process.poll()
            how = "goes on" if status is None else f"ended with status {status}"
            raise Failure(f"{who} {how} and said:\n  {self.complaint() or 'nothing'}")

    def ready(self, who, process):
        if process.stdout.readline().strip() != "ready":
            process.wait(LIMIT_SECONDS)
            self.check(who, process)
            raise Failure(f"{who} ended before it was ready")

    def await_end(self, who, process):
        give_up = time.monotonic() + LIMIT_SECONDS
        while process.poll() is None:
            self.check(who, process)
            if time.monotonic() > give_up:
                raise Failure(f"{who} has not done its work within {LIMIT_SECONDS} s and said:\n  "
                              f"{self.complaint() or 'nothing'}")
            time.sleep(POLL_SECONDS)
        self.check(who, process)

    def end(self, *processes):
        """Kills them with all that they have started."""
        for process in processes:
            for pid in descendants(process.pid) if process.poll() is None else ():
                os.kill(pid, signal.SIGKILL)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
        for path in glob.glob(self.path("bench.db*")):
            os.unlink(path)

    def turn(self, client, mode, events, spin=False, shape="indodax"):
        """One client and one server: what each of them measured."""
        who = f"{client}, {mode} of {shape}{', spinning' if spin else ''}"
        server, port = self.serve(mode, events, spin, shape)
        process = self.start(client, port, mode, events, spin, 1, shape)
        try:
            self.await_end(who, process)
            mine = last_json(who, process.stdout.read())
            theirs = last_json("the server of " + who, server.communicate(timeout=5)[0])
        except subprocess.TimeoutExpired as error:
            raise Failure(f"the server of {who} does not end") from error
        finally:
            self.end(process, server)
        wanted = events if mode == "flood" else events + events // 10
        if mine["events"] != wanted:
            raise Failure(f"{who}: {mine['events']} events counted, not {wanted}")
        return mine, theirs

    def idle(self, client, connections):
        """Memory in kB with so many quiet connections, and the seconds until all were up."""
        server, port = self.serve("idle", connections)
        began = time.monotonic()
        process = self.start(client, port, "idle", 1, False, connections)
        try:
            self.ready(f"{client}, {connections} connections", process)
            ready = time.monotonic() - began
            server.stdout.readline()
            time.sleep(1)              # idle work (garbage collection) is done
            return memory_of_all_kb(process.pid), ready
        finally:
            self.end(process, server)
