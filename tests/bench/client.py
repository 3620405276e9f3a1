"""The same work as a user of Python would write it: websockets, json, orders in a dict."""
import asyncio
import json
import os
import ssl
import time

import websockets

URL, CA, MODE = (os.environ["MW_BENCH_" + name] for name in ("URL", "CA", "MODE"))
EVENTS = int(os.environ["MW_BENCH_EVENTS"])
CONNECTIONS = int(os.environ.get("MW_BENCH_CONNECTIONS", "1"))
ORDERS = 100


class Trader:
    def __init__(self, ws):
        self.ws, self.orders, self.sequence, self.count = ws, {}, 0, 0
        self.began = self.began_cpu = 0.0

    async def submit(self, qty):
        self.sequence += 1
        order_id = f"python-{self.sequence}"
        self.orders[order_id] = {"qty": qty, "cum_qty": 0.0, "status": "pending_new",
                                 "trades": set()}
        await self.ws.send(json.dumps({"id": self.sequence, "method": "order.new", "params": {
            "client_order_id": order_id, "symbol": "btcidr", "side": "buy", "type": "limit",
            "price": "1500000000", "qty": str(qty)}}))

    async def on_message(self, text):
        message = json.loads(text)
        for event in message.get("push", {}).get("pub", {}).get("data", []):
            o = event["order"]
            order = self.orders.get(o["clientOrderId"])
            if event["eventType"] != "order_update" or order is None or o["status"] != "FILL" \
                    or o["tradeId"] in order["trades"]:
                continue
            order["trades"].add(o["tradeId"])
            info = o["fillInformation"]
            fill = {"price": float(o["price"]), "qty": float(info["qty"]),
                    "liquidity": info["participant"].lower(),
                    "fees": [(info[k + "Asset"], float(info[k]))
                             for k in ("fee", "tax", "clearing")]}
            order["cum_qty"] += fill["qty"]
            order["status"] = "partially_filled"
            if order["cum_qty"] >= order["qty"] - 1e-12:
                order["status"] = "filled"
                del self.orders[o["clientOrderId"]]
            await self.on_fill()

    async def on_fill(self):
        if self.count == 0:
            self.began, self.began_cpu = time.perf_counter(), time.process_time()
        self.count += 1
        if MODE == "trip":
            await self.submit(0.001)

    def report(self):
        print(json.dumps({"events": self.count, "seconds": time.perf_counter() - self.began,
                          "cpu": time.process_time() - self.began_cpu}), flush=True)


async def main():
    context = ssl.create_default_context(cafile=CA)
    all_of_them = []
    for _ in range(CONNECTIONS):
        all_of_them.append(await websockets.connect(URL, ssl=context, compression=None,
                                                    max_queue=None))
    print("ready", flush=True)
    if MODE == "idle":
        await asyncio.sleep(3600)
    ws = all_of_them[0]
    trader = Trader(ws)
    for _ in range(1 if MODE == "trip" else ORDERS):
        await trader.submit(0.001 if MODE == "trip" else 1e6)
    try:
        async for message in ws:
            await trader.on_message(message)
            if MODE == "flood" and trader.count == EVENTS:
                break
    except websockets.ConnectionClosed:
        pass
    trader.report()
    ws.transport.abort()               # a close with its handshake waits for ten seconds


asyncio.run(main())
