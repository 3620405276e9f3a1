"""Marketdata-websocket.md: connect with the token that the document prints, subscribe to a book and
to the trades of a pair, print what comes until each has."""
import json
import os
import websocket

TOKEN = ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE5NDY2MTg0MTV9"
         ".UR1lBM6Eqh0yWz-PVirw1uPCxe60FdchR8eNVdsskeo")


def on_open(ws):
    ws.send(json.dumps({"params": {"token": TOKEN}, "id": 1}))
    for number, channel in ((2, "market:order-book-btcidr"), (3, "market:trade-activity-btcidr")):
        ws.send(json.dumps({"method": 1, "params": {"channel": channel}, "id": number}))


heard = set()


def on_message(ws, message):
    for line in filter(None, message.split("\n")):
        print("message:", line, flush=True)
        result = json.loads(line).get("result", {})
        heard.add(result.get("channel"))
    if {"market:order-book-btcidr", "market:trade-activity-btcidr"} <= heard:
        ws.close()


websocket.WebSocketApp(os.environ["MARKET_URL"], on_open=on_open, on_message=on_message,
                       on_error=lambda ws, error: print("error:", error, flush=True)).run_forever()
