// The private WebSocket with the ws library: the requests of Private-websocket.md, printed answers.
// It offers permessage-deflate, as the library does by default. With the argument "origin" it sends
// an Origin header and prints the refusal.
const WebSocket = require("ws");

const options = process.argv[2] === "origin" ? { origin: "https://www.example.com" } : {};
const ws = new WebSocket(process.env.PRIVATE_URL, options);

ws.on("open", () => {
  ws.send(JSON.stringify({ connect: { token: process.env.TOKEN }, id: 1 }) + "\n"
    + JSON.stringify({ subscribe: { channel: process.env.CHANNEL }, id: 2 }));
});
ws.on("message", (data) => {
  console.log("message: " + data);
  if (String(data).includes('"CANCELLED"')) ws.close();
});
ws.on("unexpected-response", (request, response) => {
  let body = "";
  response.on("data", (part) => { body += part; });
  response.on("end", () => console.log("refused: " + response.statusCode + " " + body));
});
ws.on("error", (error) => console.log("error: " + error.message));
ws.on("close", (code) => console.log("closed " + code));
