"""Finery Markets with the websocket-client library: signs in by headers, sends one order, prints
the status and the reply."""
import base64
import hashlib
import hmac
import json
import os
import time

import websocket

content = json.dumps({"nonce": time.time_ns() // 1000, "timestamp": time.time_ns() // 1000000})
digest = hmac.new(os.environ["SECRET"].encode(), content.encode(), hashlib.sha384).digest()
connection = websocket.create_connection(os.environ["PRIVATE_URL"], timeout=20, header=[
    "EFX-Key: " + os.environ["KEY"],
    "EFX-Sign: " + base64.b64encode(digest).decode(),
    "EFX-Content: " + content,
])
print("status:", json.loads(connection.recv())[3])
connection.send(json.dumps({"event": "request", "reqId": 1, "method": "add", "content": {
    "instrument": "BTC-USD", "size": 100000, "side": "bid", "type": "marketIOC", "cod": False}}))
print("reply:", json.dumps(json.loads(connection.recv())["reply"], separators=(",", ":")))
connection.close()
