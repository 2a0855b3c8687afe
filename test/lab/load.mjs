// Asks for a URL at a rate, each time on a new connection, until SIGTERM; then waits for what is under way and prints one line:
//   {"sent": 1000, "ok": 1000, "failed": 0, "slow": 0, "skipped": 0, "seconds": 1.0, "errors": {}}
// `slow` took longer than 180 ms: a packet was lost, and TCP sent it again.
//   node load.mjs HOST RATE TIMEOUT_MS
import { connect } from 'node:net';

const [host, rate, timeoutMs] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const SLOW_MS = 180;
/** More at once than this is a machine that cannot keep up: it is counted, and nothing is asked. */
const MOST = 2000;
const REQUEST = `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
const totals = { sent: 0, ok: 0, failed: 0, slow: 0, skipped: 0, seconds: 0, errors: {} };
const start = performance.now();
let [due, open, ending] = [0, 0, false];

function ask() {
  const begun = performance.now();
  totals.sent += 1;
  open += 1;
  let isDone = false;
  const socket = connect({ host, port: 80, noDelay: true });
  const done = (error) => {
    if (isDone) return;
    isDone = true;
    open -= 1;
    if (error === undefined) totals.ok += 1;
    else {
      totals.failed += 1;
      totals.errors[error] = (totals.errors[error] ?? 0) + 1;
    }
    if (performance.now() - begun > SLOW_MS) totals.slow += 1;
    // No port stays behind in TIME_WAIT.
    socket.resetAndDestroy();
  };
  socket.setTimeout(timeoutMs, () => done('timeout'));
  socket.on('connect', () => socket.write(REQUEST));
  socket.on('data', (data) => done(data.toString('latin1', 0, 12) === 'HTTP/1.1 200' ? undefined : 'answer'));
  socket.on('error', (error) => done(error.code ?? error.message));
  socket.on('close', () => done('closed'));
}

const timer = setInterval(() => {
  const wanted = Math.floor(((performance.now() - start) * rate) / 1000);
  for (; due < wanted; due++) {
    if (open < MOST) ask();
    else totals.skipped += 1;
  }
}, 2);

process.on('SIGTERM', () => {
  if (ending) return;
  ending = true;
  clearInterval(timer);
  totals.seconds = (performance.now() - start) / 1000;
  const end = setInterval(() => {
    if (open > 0) return;
    clearInterval(end);
    console.log(JSON.stringify(totals));
    process.exit(0);
  }, 20);
});
console.log('ready');
