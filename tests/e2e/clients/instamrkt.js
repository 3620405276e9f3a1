// Instamrkt with the ws library: the digest of the venue's document, log-on, the first pool of the
// first game, a bet on its first target.
const crypto = require('crypto');
const WebSocket = require('ws');

const { USER_ID, SESSION_KEY, SOURCE_ID, PRIVATE_URL } = process.env;
const nonce = String(Date.now());
const digest = crypto.createHash('sha256').update(USER_ID + nonce + SESSION_KEY).digest('hex');
const socket = new WebSocket(`${PRIVATE_URL}?id=${USER_ID}&n=${nonce}&h=${digest}`);

const send = (op, parameters) => socket.send(JSON.stringify({
  header: { t: Date.now(), api_version: 1.0 }, op, ...parameters,
}));

let game;
const steps = {
  100: () => send(380, { source_id: SOURCE_ID }),
  345: (m) => { game = m.games[0].game_id; send(363, { game_id: game }); },
  333: () => send(387, { game_id: game }),
  3535: (m) => send(392, { pool_id: m.pools_list[0].pool_id, amount: '2.5',
                           target: m.pools_list[0].distribution[0].target_id }),
  356: (m) => { console.log('bet:', m.res, m.amount); send(810, {}); },
  810: (m) => { console.log('balance:', m.available_balance); socket.close(); },
  666: (m) => { console.log('error:', m.text); process.exit(1); },
};

socket.on('open', () => send(100, {}));
socket.on('message', (data) => {
  const message = JSON.parse(data);
  if (message.res === 100) console.log('logon:', message.res);
  if (steps[message.res]) steps[message.res](message);
});
socket.on('error', (error) => { console.log('error:', error.message); process.exit(1); });
