"""What the bench measured, as a table, and which goals are met."""
from stand import JOURNALED

BUSY = 1.3                       # turns that differ by more say that others used the machine


def goals(results):
    """[what, value, relation, bound], of every goal."""
    ratios, idle = results["ratios"], results["idle"]["moonwire"]
    ring, growth = results["ring"]["recorder"], results["growth"]
    return [
        ("events per second against Node, at least 4", ratios["events_of_node"], ">=", 4),
        ("events per second against the floor, at least 0.5", ratios["floods_of_floor"]["moonwire"],
         ">=", 0.5),
        ("the same of the slowest venue's own events, at least 0.25",
         min(ratios["venues_of_floor"].values()), ">=", 0.25),
        ("spinning round trip p50 against the spinning floor, at most 1.3",
         ratios["trip_of_floor"], "<=", 1.3),
        ("the same of p99, at most 2", ratios["trip_p99_of_floor"], "<=", 2),
        ("the ring's GB per second against memcpy, at least 0.8",
         ring["gb_per_second"] / ring["memcpy_gb_per_second"], ">=", 0.8),
        ("events per second with a journal against without, at least 0.9",
         ratios["events_with_journal"], ">=", 0.9),
        ("spinning round trip p50 with a journal against without, at most 1.03",
         ratios["trip_with_journal"], "<=", 1.03),
        ("events of 1.1 kB stored per second of one core, at least 400000",
         results["journal"]["guardian"]["events_per_second"], ">=", 400000),
        ("pause of a reload, 500 lines, p99, ms, below 1", results["reload"]["500 lines"]["p99_ms"],
         "<=", 1),
        ("orders gone after kill -9 of the runtime, ms, at most 2000",
         results["kill"]["runtime"]["gone_ms"], "<=", 2000),
        ("growth of the runtime, bytes an order, at most 1",
         growth["runtime"]["bytes_per_order"], "<=", 1),
        ("growth of the guardian, bytes an order, at most 10",     # its allocator's steps
         growth["guardian"]["bytes_per_order"], "<=", 10),
        ("idle memory, MB, at most 30", idle["memory_mb"], "<=", 30),
        ("ready, ms, at most 200", idle["ready_ms"], "<=", 200),
    ]


def show_table(title, columns, rows):
    """columns: { heading: (field, format) }; rows: { name: { field: value } }."""
    print(f"\n{title:<26}" + "".join(f"{heading:>14}" for heading in columns))
    for name, row in rows.items():
        cells = (f"{row[field]:>14{form}}" for field, form in columns.values())
        print(f"{name:<26}" + "".join(cells))


def show_events(results):
    floods, venues = (results["ratios"][name] for name in ("floods_of_floor", "venues_of_floor"))
    show_table("event path", {"events/s": ("events_per_second", ".0f"),
                              "of floor": ("of_floor", ".2f"),
                              "CPU us/event": ("cpu_us_per_event", ".2f")},
               {name: dict(row, of_floor=floods[name])
                for name, row in results["flood"].items()})
    show_table("a venue's own events", {"events/s": ("moonwire_events_per_second", ".0f"),
                                        "of floor": ("of_floor", ".2f"),
                                        "CPU us/event": ("moonwire_cpu_us_per_event", ".2f"),
                                        "floor's": ("floor_cpu_us_per_event", ".2f")},
               {name: dict(row, of_floor=venues.get(name, floods["moonwire"]))
                for name, row in results["venues"].items()})
    show_table("round trip, us", {"p50": ("p50_us", ".1f"), "p99": ("p99_us", ".1f"),
                                  "p99.9": ("p999_us", ".1f")}, results["trip"])


def show(results):
    show_events(results)
    show_table("ring, 600 bytes", {"records/s": ("records_per_second", ".0f"),
                                   "GB/s": ("gb_per_second", ".2f"),
                                   "memcpy's": ("memcpy_gb_per_second", ".2f")}, results["ring"])
    show_table("journal, 1.1 kB an event", {
        "events/s": ("events_per_second", ".0f"), "store us": ("store_us", ".2f"),
        "rows us": ("draw_us", ".2f"), "MB/s": ("mb_per_second", ".0f"),
        "disk MB/s": ("plain_mb_per_second", ".0f")}, results["journal"])
    show_table("reload, ms", {"p50": ("p50_ms", ".2f"), "p99": ("p99_ms", ".2f"),
                              "most": ("most_ms", ".2f")}, results["reload"])
    show_table("kill -9, ms", {"orders gone": ("gone_ms", ".0f")}, results["kill"])
    show_table(f"memory, {results['growth']['runtime']['orders']} orders", {
        "MB at first": ("first_mb", ".1f"), "MB at last": ("last_mb", ".1f"),
        "bytes/order": ("bytes_per_order", ".2f")}, results["growth"])
    show_table("idle", {"memory MB": ("memory_mb", ".1f"), "ready ms": ("ready_ms", ".0f"),
                        "kB/connection": ("kb_per_connection", ".1f")}, results["idle"])
    print()
    for text, value, relation, bound in results["goals"]:
        met = value >= bound if relation == ">=" else value <= bound
        print(f"{'met ' if met else 'MISS'}  {value:8.2f}  {text}")
    most = max(results["spread"], key=results["spread"].get)
    if results["spread"][most] > BUSY:
        print(f"\nThe turns of {most} differ {results['spread'][most]:.1f} times: this machine was "
              "busy with other things, and the figures above are worth as much.")
