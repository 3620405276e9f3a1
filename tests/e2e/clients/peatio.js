// The sample client of websocket_api.md with the ws library: a token by message, then what comes is
// printed. Meanwhile it trades over REST: sells, waits for the trade, cancels the rest.
const crypto = require("crypto");
const https = require("https");
const WebSocket = require("ws");

function jwt(email, uid, level, state) {
  const now = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(value).toString("base64url");
  const text = part('{"alg":"HS256","typ":"JWT"}') + "." + part(JSON.stringify({
    iat: now, exp: now + 600, jti: crypto.randomUUID(), sub: "session", iss: "barong",
    aud: ["peatio"], email, uid, level, state,
  }));
  const mac = crypto.createHmac("sha256", process.env.PRIVATE_KEY).update(text);
  return text + "." + mac.digest("base64url");
}

const token = jwt("maker@example.test", "IDTEST0001", 3, "active");

function post(path, body, done) {
  const request = https.request(process.env.REST_URL + "/api/v2" + path, {
    method: "POST",
    headers: { Authorization: "Bearer " + token, "Content-Type": "application/json" },
  }, (answer) => {
    let text = "";
    answer.on("data", (piece) => { text += piece; });
    answer.on("end", () => done(answer.statusCode + " " + text));
  });
  request.end(JSON.stringify(body));
}

const ws = new WebSocket(process.env.PRIVATE_URL);
ws.on("open", () => ws.send(JSON.stringify({ jwt: "Bearer " + token })));
ws.on("message", (message) => {
  console.log("message: " + message);
  const data = JSON.parse(message);
  if (data.success) {
    post("/orders", { market: "btcusd", side: "sell", volume: "1", price: "7000" },
      (text) => console.log("order: " + text));
  } else if (data.trade) {
    post("/order/delete", { id: data.trade.ask.id }, (text) => console.log("delete: " + text));
  } else if (data.orderbook && data.orderbook.action === "remove") {
    ws.close();
  }
});
ws.on("error", (error) => console.log("error: " + error.message));
