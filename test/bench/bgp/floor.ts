import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Ip } from '../../../src/net/ip.ts';
import type { Prefix } from '../../../src/net/prefix.ts';
import { createAdjRibOut, isDrained, pull, setDesired, startSession } from '../../../src/bgp/adjRibOut.ts';
import { encodeMessage } from '../../../src/wire/bgp/message.ts';
import { RECEIVER, SENDER, hostRoutes } from './routes.ts';

/*
 * The least that a sender can do: a byte stream that is ready before it is wanted, written at once. With a COUNT the session begins with
 * so many routes; more come by the lines `prepare N` and `send`.
 */
const [first = '0'] = process.argv.slice(2);

function stream(count: number): Buffer {
  const rib = createAdjRibOut();
  const nextHops = { ipv4: [SENDER.ip as Ip] };
  setDesired(rib, [{ attributes: { communities: [], largeCommunities: [] }, prefixes: hostRoutes(count) as Prefix[] }]);
  startSession(rib, {
    policy: { asn: SENDER.asn, ebgp: true, as4: true, onlyToCustomer: false, nextHops },
    families: ['ipv4'],
    addPath: [],
    maxMessage: 4096,
    enhancedRefresh: false,
    envelopes: new Map(),
  });
  const chunks: Uint8Array[] = [];
  while (!isDrained(rib)) chunks.push(pull(rib, 1 << 20, 9000).bytes);
  return Buffer.concat(chunks);
}

let ready = stream(Number(first));
const keepalive = encodeMessage({ type: 'keepalive' });
// Version 4, hold time 240, the four octets of our address, multiprotocol IPv4 unicast and a 4-octet AS number.
const capabilities = Buffer.from([2, 12, 1, 4, 0, 1, 0, 1, 65, 4, 0, 0, SENDER.asn >> 8, SENDER.asn & 255]);
const head = Buffer.concat([
  Buffer.from([4, SENDER.asn >> 8, SENDER.asn & 255, 0, 240]),
  Buffer.from(SENDER.ip.split('.').map(Number)),
  Buffer.from([capabilities.length]),
  capabilities,
]);
const open = Buffer.concat([Buffer.alloc(16, 0xff), Buffer.from([0, 19 + head.length, 1]), head]);

let send = (): void => undefined;
const server = createServer({ noDelay: true }, (socket) => {
  let waiting = Buffer.alloc(0);
  let isSent = first === '0';
  socket.write(Buffer.concat([open, keepalive]));
  socket.on('error', () => process.exit(0));
  socket.on('data', (data) => {
    waiting = Buffer.concat([waiting, data]);
    while (waiting.length >= 19 && waiting.length >= waiting.readUInt16BE(16)) {
      const type = waiting[18];
      waiting = waiting.subarray(waiting.readUInt16BE(16));
      if (type !== 4 || isSent) continue;
      isSent = true;
      socket.write(ready);
    }
  });
  send = () => void socket.write(ready);
});
server.listen(179, SENDER.ip, () => process.stdout.write(`ready to meet ${RECEIVER.ip}\n`));
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'send') send();
  else if (line.startsWith('prepare')) {
    ready = stream(Number(line.split(' ')[1]));
    process.stdout.write('prepared\n');
  }
});
process.on('SIGTERM', () => process.exit(0));
