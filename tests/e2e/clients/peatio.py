"""The sample client of websocket_api.md in Python: a token by message, then what comes is printed.
Meanwhile it trades over REST: sells, waits for the trade, cancels the rest."""
import base64
import hashlib
import hmac
import json
import os
import ssl
import time
import urllib.request
import websocket


def part(value):
    return base64.urlsafe_b64encode(value).rstrip(b"=")


def jwt(email, uid, level, state):
    now = int(time.time())
    payload = {"iat": now, "exp": now + 600, "jti": "t-%d" % time.time_ns(), "sub": "session",
               "iss": "barong", "aud": ["peatio"], "email": email, "uid": uid, "level": level,
               "state": state}
    text = part(b'{"alg":"HS256","typ":"JWT"}') + b"." + part(json.dumps(payload).encode())
    key = os.environ["PRIVATE_KEY"].encode()
    return (text + b"." + part(hmac.new(key, text, hashlib.sha256).digest())).decode()


TOKEN = jwt("maker@example.test", "IDTEST0001", 3, "active")


def call(path, body=None):
    request = urllib.request.Request(os.environ["REST_URL"] + "/api/v2" + path,
                                     json.dumps(body).encode() if body else None)
    request.add_header("Authorization", "Bearer " + TOKEN)
    request.add_header("Content-Type", "application/json")
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    with urllib.request.urlopen(request, context=context) as answer:
        return json.load(answer)


def on_open(ws):
    ws.send(json.dumps({"jwt": "Bearer " + TOKEN}))


def on_message(ws, message):
    print("message:", message, flush=True)
    data = json.loads(message)
    if "success" in data:
        order = call("/orders", {"market": "btcusd", "side": "sell", "volume": "1",
                                 "price": "7000"})
        print("order:", json.dumps(order), flush=True)
    elif "trade" in data:
        order = call("/order/delete", {"id": data["trade"]["ask"]["id"]})
        print("delete:", json.dumps(order), flush=True)
    elif data.get("orderbook", {}).get("action") == "remove":
        ws.close()


def on_error(ws, error):
    print("error:", error, flush=True)


websocket.WebSocketApp(os.environ["PRIVATE_URL"], on_open=on_open, on_message=on_message,
                       on_error=on_error).run_forever()
