"""Instamrkt with the websocket-client library: the digest of the venue's document, log-on, the
first pool of the first game, a bet on its first target."""
import hashlib
import json
import os
import time

import websocket

user_id = os.environ["USER_ID"]
nonce = str(int(time.time() * 1000))
key = os.environ["SESSION_KEY"]

sha = hashlib.sha256()
sha.update(user_id.encode())
sha.update(nonce.encode())
sha.update(key.encode())
hexdigest = sha.hexdigest()

url = os.environ["PRIVATE_URL"] + "?id=" + user_id + "&n=" + nonce + "&h=" + hexdigest
connection = websocket.create_connection(url, timeout=20)


def ask(op, wanted, **parameters):
    """Sends a request and reads until the wanted answer, or an error, is there."""
    connection.send(json.dumps({"header": {"t": int(time.time() * 1000), "api_version": 1.0},
                                "op": op, **parameters}))
    while True:
        message = json.loads(connection.recv())
        if message["res"] == 666:
            raise SystemExit("error: " + message["text"])
        if message["res"] in wanted:
            return message


print("logon:", ask(100, (100, 112))["res"])
game = ask(380, (345,), source_id=os.environ["SOURCE_ID"])["games"][0]["game_id"]
ask(363, (333,), game_id=game)
pool = ask(387, (3535,), game_id=game)["pools_list"][0]
placed = ask(392, (356,), pool_id=pool["pool_id"],
             target=pool["distribution"][0]["target_id"], amount="2.5")
print("bet:", placed["res"], placed["amount"])
print("balance:", ask(810, (810,))["available_balance"])
connection.close()
