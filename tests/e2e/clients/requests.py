"""As much of the requests library as the venue's sample uses, on the standard library: it lets the
sample run unchanged where requests is not installed."""
import json
import urllib.error
import urllib.request


class RequestException(Exception):
    """Whatever kept a request from a good answer."""


class Response:
    def __init__(self, status, body):
        self.status_code, self.body = status, body

    def raise_for_status(self):
        if self.status_code >= 400:
            raise RequestException(f"HTTP {self.status_code}: {self.body!r}")

    def json(self):
        return json.loads(self.body)


def post(url, headers, data):
    request = urllib.request.Request(url, data=data.encode("utf-8"), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return Response(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        return Response(error.code, error.read())
    except OSError as error:
        raise RequestException(str(error)) from error
