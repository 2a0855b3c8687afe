// Asks for a URL over and over, each time on a new connection, and prints one JSON line per request:
//   {"at": ms since the epoch, "ok": true, "node": "node1"}
//   node probe.mjs URL EVERY_MS TIMEOUT_MS FOR_MS
import { get } from 'node:http';

const [url, everyMs, timeoutMs, forMs] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const end = Date.now() + forMs;

function ask() {
  return new Promise((resolve) => {
    const at = Date.now();
    const done = (result) => resolve({ at, ms: Date.now() - at, ...result });
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => done({ ok: response.statusCode === 200, node: / on (\S+),/.exec(text)?.[1] }));
      response.on('error', () => done({ ok: false }));
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', (error) => done({ ok: false, error: error.code ?? error.message }));
  });
}

while (Date.now() < end) {
  const started = Date.now();
  console.log(JSON.stringify(await ask()));
  const rest = everyMs - (Date.now() - started);
  if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
}
