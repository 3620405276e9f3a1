// Finery Markets with the ws library, as the sample of its Websocket API page: signs in by headers,
// waits for the backend, binds a book, sends one order, prints what comes.
const crypto = require("crypto");
const WebSocket = require("ws");

const content = JSON.stringify({
  nonce: Date.now() * 1000,
  timestamp: new Date().valueOf(),
});
const signature = crypto.createHmac("sha384", process.env.SECRET).update(content).digest("base64");

const client = new WebSocket(process.env.PRIVATE_URL, {
  headers: { "EFX-Key": process.env.KEY, "EFX-Sign": signature, "EFX-Content": content },
});
const send = (data) => client.send(JSON.stringify(data));

client.on("message", (data) => {
  const message = JSON.parse(data);
  if (message.event === "request") {
    console.log("reply: " + JSON.stringify(message.reply));
    client.close();
  } else if (message[0] === "X") {
    console.log("status: " + message[3]);
    send({ event: "bind", feed: "F", feedId: "BTC-USD" });
  } else if (message[0] === "F" && message[2] === "S") {
    console.log("asks: " + JSON.stringify(message[3][1]));
    send({
      event: "request", reqId: 1234, method: "add",
      content: { instrument: "BTC-USD", clientOrderId: 1, size: 100000, side: "bid",
                 type: "marketIOC", cod: false },
    });
  }
});
client.on("unexpected-response", (request, response) => {
  response.on("data", (part) => { console.log("refused: " + response.statusCode + " " + part); });
});
client.on("error", (error) => { console.log("error: " + error.message); process.exitCode = 1; });
