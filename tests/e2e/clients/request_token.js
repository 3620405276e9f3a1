// Private-websocket.md, "Connection Expired", Javascript Implementation. The address, the key and
// the secret come from the environment; the rest is the document's.
const crypto = require("crypto");

function generateHMAC(requestBody, secret) {
  const key = Buffer.from(secret, "utf-8");
  const hmac = crypto.createHmac("sha512", key);
  hmac.update(requestBody, "utf-8");
  return hmac.digest("hex");
}

async function RequestToken() {
  const url = process.env.REST_URL + "/api/private_ws/v1/generate_token";
  const secret = process.env.SECRET;
  const key = process.env.KEY;

  const requestBody = `client=tapi&tapi_key=${key}`;

  const sign = generateHMAC(requestBody, secret);

  const opt = {
    method: "POST",
    headers: {
      "Content-Type": "application/x-www-form-urlencoded",
      Sign: sign,
    },
    body: requestBody,
  };

  let response;
  try {
    response = await fetch(url, opt);
  } catch (error) {
    throw new Error(error.message);
  }

  const responseData = await response.json()

  return responseData
}

RequestToken()
  .then((data) => {
    console.log("token:", data.return.connToken);
    console.log("channel:", data.return.channel)
  })
  .catch((error) => {
    console.log(error);
  });
