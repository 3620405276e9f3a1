"""Measures the event path of moonwire against a bare C client (the floor), Node and Python, in one
run of about two minutes: `make bench`. Prints a table and writes build/bench.json. Clients take
turns, so that what the machine does beside them falls on all alike; each figure is the median of
the turns. What is compared runs one right after the other, several times a turn, and a ratio is the
median of those of each time: a machine that is slow for a while makes both slow. What does not do
its work ends the bench, with its own words: there is no figure then."""
import json
import os
import statistics
import sys
import tempfile

import trials
from report import goals, show
from stand import BUILD, JOURNALED, SYMBOLS, Failure, Stand, check_tools, run_tool

TURNS = int(os.environ.get("MW_BENCH_TURNS", "3"))
ROUNDS = 5                             # of what is compared closely, in a turn
CONNECTIONS = 1000
# With a journal as many as without: what LuaJIT takes to begin with weighs the same in both.
FLOODS = {"floor": 300000, "moonwire": 200000, JOURNALED: 200000}
OTHER_FLOODS = {"node": 60000, "python": 10000}
VENUE_EVENTS = 100000
TRIPS = 5000
SPINNING = ("floor", "moonwire", JOURNALED)
BLOCKING = {"floor": TRIPS, "moonwire": TRIPS, "node": 3000, "python": 2000}
ORDERS = int(os.environ.get("MW_BENCH_ORDERS", "300000"))     # 10000000: a long run


def rate(mine):
    return {"events_per_second": mine["events"] / mine["seconds"],
            "cpu_us_per_event": mine["cpu"] / mine["events"] * 1e6}


def medians(rows):
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def spread(turns):
    """How many times the best turn's events per second are the worst one's."""
    rates = [turn["events_per_second"] for turn in turns]
    return max(rates) / min(rates)


def one_turn(stand, rows):
    """Everything once, in the order in which it is compared; rows[table][row] is a list."""
    def add(table, row, figures):
        rows.setdefault(table, {}).setdefault(row, []).append(figures)

    def flood(client, events):
        add("flood", client, rate(stand.turn(client, "flood", events)[0]))

    for client, events in list(FLOODS.items()) * ROUNDS:
        flood(client, events)
    for client, events in OTHER_FLOODS.items():
        flood(client, events)
    for shape in SYMBOLS:
        for client in ("floor", "moonwire") if shape != "indodax" else ():   # that is above
            add(client, shape, rate(stand.turn(client, "flood", VENUE_EVENTS, shape=shape)[0]))
    for client in SPINNING * ROUNDS:
        add("trip", client + " spinning", stand.turn(client, "trip", TRIPS, True)[1])
    for client, events in BLOCKING.items():
        add("trip", client, stand.turn(client, "trip", events)[1])
    add("journal", "guardian", run_tool("journal", stand.directory))
    add("kill", "runtime", trials.kill(stand))
    add("idle", "moonwire", idle(stand, "moonwire"))


def idle(stand, client):
    memory_kb, ready = stand.idle(client, 1)
    return {"memory_mb": memory_kb / 1024, "ready_ms": ready * 1000}


def ratio(field, mine, theirs):
    """The median of what figures are to others, each to that of its time. Of one side there may be
    a figure a turn, of the other one a round: then the last round of each turn counts."""
    turns = min(len(mine), len(theirs))
    pairs = zip(mine[len(mine) // turns - 1::len(mine) // turns],
                theirs[len(theirs) // turns - 1::len(theirs) // turns], strict=True)
    return statistics.median(one[field] / other[field] for one, other in pairs)


def ratios(rows):
    """What goals go by, of clients that ran one right after the other."""
    flood, trip, rate = rows["flood"], rows["trip"], "events_per_second"
    spinning = {client: trip[client + " spinning"] for client in SPINNING}
    return {
        "floods_of_floor": {client: ratio(rate, flood[client], flood["floor"]) for client in flood},
        "venues_of_floor": {shape: ratio(rate, rows["moonwire"][shape], rows["floor"][shape])
                            for shape in rows["floor"]},
        "events_of_node": ratio(rate, flood["moonwire"], flood["node"]),
        "events_with_journal": ratio(rate, flood[JOURNALED], flood["moonwire"]),
        "trip_of_floor": ratio("p50_us", spinning["moonwire"], spinning["floor"]),
        "trip_p99_of_floor": ratio("p99_us", spinning["moonwire"], spinning["floor"]),
        "trip_with_journal": ratio("p50_us", spinning[JOURNALED], spinning["moonwire"]),
    }


def by_venue(results):
    """One row a venue of both clients' floods."""
    clients = {client: {"indodax": results["flood"][client], **results.pop(client)}
               for client in ("moonwire", "floor")}
    return {shape: {f"{client}_{name}": value for client, rows in clients.items()
                    for name, value in rows[shape].items()} for shape in SYMBOLS}


def measure(stand):
    rows = {}
    for turn in range(TURNS):
        one_turn(stand, rows)
        print(f"turn {turn + 1} of {TURNS}", file=sys.stderr)
    results = {table: {row: medians(figures) for row, figures in of_table.items()}
               for table, of_table in rows.items()}
    results["ratios"] = ratios(rows)
    results["venues"] = by_venue(results)
    results["spread"] = {client: spread(turns) for client, turns in rows["flood"].items()}
    results["idle"].update({client: idle(stand, client) for client in ("node", "python")})
    for client, row in results["idle"].items():
        many_kb, _ = stand.idle(client, CONNECTIONS)
        row["kb_per_connection"] = (many_kb - row["memory_mb"] * 1024) / (CONNECTIONS - 1)
    results["ring"] = {"recorder": run_tool("ring")}
    results["reload"] = {"500 lines": trials.reload(stand)}
    results["growth"] = trials.growth(stand, ORDERS)
    return results


def main():
    target = os.path.join(BUILD, "bench.json")
    if os.path.exists(target):
        os.unlink(target)              # figures of another time are not taken for these
    try:
        check_tools()
        with tempfile.TemporaryDirectory(prefix="moonwire-bench-") as directory:
            results = measure(Stand(directory))
    except Failure as failure:
        sys.exit(f"bench: {failure}\nbench: nothing was written")
    results["goals"] = goals(results)
    with open(target, "w", encoding="ascii") as file:
        json.dump(results, file, indent=1)
    show(results)


main()
