"""Private-websocket.md, "Connection Expired", Python Implementation. The address, the key and the
secret come from the environment; the rest is the document's."""
import os
import hmac
import hashlib
import requests

def generate_hmac(request_body, secret):
    key = secret.encode('utf-8')
    hmac_obj = hmac.new(key, request_body.encode('utf-8'), hashlib.sha512)
    return hmac_obj.hexdigest()

def request_token():
    url = os.environ['REST_URL'] + '/api/private_ws/v1/generate_token'
    secret = os.environ['SECRET']
    key = os.environ['KEY']

    request_body = f'client=tapi&tapi_key={key}'
    sign = generate_hmac(request_body, secret)

    headers = {
        'Content-Type': 'application/x-www-form-urlencoded',
        'Sign': sign
    }

    try:
        response = requests.post(url, headers=headers, data=request_body)
        response.raise_for_status()
    except requests.RequestException as e:
        raise SystemExit(e)

    response_data = response.json()
    return response_data

try:
    data = request_token()
    print("token:", data['return']['connToken'])
    print("channel:", data['return']['channel'])
except Exception as e:
    print("Error:", e)
