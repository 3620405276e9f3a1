"""Private-websocket.md: start_websocket() is the document's, and so are the texts of the two
requests. PWS, which the document leaves to the reader, sends them and prints what comes. With the
argument "origin" the Origin header stays, as it does by the library's default."""
import os
import sys
import websocket


class PWS:
    def on_open(self, ws):
        ws.send('{"connect":{"token": "%s"},"id": 1}' % os.environ["TOKEN"])
        ws.send('{"subscribe":{"channel":"%s"},"id":2}' % os.environ["CHANNEL"])

    def on_message(self, ws, message):
        print("message:", message, flush=True)
        if '"CANCELLED"' in message or '"error"' in message:
            ws.close()

    def on_error(self, ws, error):
        print("error:", error, flush=True)

    def on_close(self, ws, code, reason):
        print("closed", flush=True)


def start_websocket():
    global pws
    url = os.environ["PRIVATE_URL"]
    pws_instance = PWS()
    pws = websocket.WebSocketApp(url,
                                on_message=pws_instance.on_message,
                                on_error=pws_instance.on_error,
                                on_close=pws_instance.on_close,
                                on_open = pws_instance.on_open)
    pws.run_forever(suppress_origin=sys.argv[1:] != ["origin"])


start_websocket()
