// The same work as a user of Node would write it: ws, JSON.parse, orders in a Map.
"use strict";
const fs = require("fs");
const WebSocket = require("ws");

const { MW_BENCH_URL: url, MW_BENCH_CA: ca, MW_BENCH_MODE: mode } = process.env;
const events = Number(process.env.MW_BENCH_EVENTS);
const connections = Number(process.env.MW_BENCH_CONNECTIONS || 1);
const ORDERS = 100;
const options = { ca: fs.readFileSync(ca), perMessageDeflate: false };

const orders = new Map();
let sequence = 0, count = 0, began, beganCpu, ws;

function submit(qty) {
  const id = "node-" + ++sequence;
  orders.set(id, { id, side: "buy", price: "1500000000", qty, cumQty: 0, status: "pending_new",
                   trades: new Set() });
  ws.send(JSON.stringify({ id: sequence, method: "order.new", params: {
    client_order_id: id, symbol: "btcidr", side: "buy", type: "limit", price: "1500000000",
    qty: String(qty) } }));
}

function onFill(order, fill) {
  if (count++ === 0) { began = process.hrtime.bigint(); beganCpu = process.cpuUsage(); }
  if (mode === "trip") submit(0.001);
  else if (count === events) finish();
}

function onMessage(data) {
  const message = JSON.parse(data);
  if (!message.push) return;
  for (const { eventType, order: o } of message.push.pub.data) {
    if (eventType !== "order_update") continue;
    const order = orders.get(o.clientOrderId);
    if (!order || o.status !== "FILL" || order.trades.has(o.tradeId)) continue;
    order.trades.add(o.tradeId);
    const info = o.fillInformation;
    const fill = { tradeId: o.tradeId, price: Number(o.price), qty: Number(info.qty),
                   liquidity: info.participant === "MAKER" ? "maker" : "taker",
                   fees: [[info.feeAsset, Number(info.fee)], [info.taxAsset, Number(info.tax)],
                          [info.clearingAsset, Number(info.clearing)]] };
    order.cumQty += fill.qty;
    order.status = order.cumQty >= order.qty - 1e-12 ? "filled" : "partially_filled";
    if (order.status === "filled") orders.delete(order.id);
    onFill(order, fill);
  }
}

function finish() {
  const cpu = process.cpuUsage(beganCpu);
  console.log(JSON.stringify({ events: count, cpu: (cpu.user + cpu.system) / 1e6,
    seconds: Number(process.hrtime.bigint() - began) / 1e9 }));
  process.exit(0);
}

let open = 0;
for (let i = 0; i < connections; i++) {
  ws = new WebSocket(url, options);
  ws.on("open", () => {
    if (++open < connections) return;
    console.log("ready");
    if (mode === "idle") return;
    for (let n = 0; n < (mode === "trip" ? 1 : ORDERS); n++) submit(mode === "trip" ? 0.001 : 1e6);
  });
  ws.on("message", onMessage);
  ws.on("close", () => { if (mode === "trip") finish(); });
  ws.on("error", (e) => { if (mode !== "trip") { console.error(String(e)); process.exit(1); } });
}
