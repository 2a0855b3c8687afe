// The least that a speaker on Node.js can be, to measure ours beside it (memory.ts, mode `bare`): a thread for the wire and one that reads
// Kubernetes. It keeps what the API server's next event needs (a key for each Service and slice), uids, addresses and readiness in typed arrays,
// and the routes as bytes. It watches nothing, plans nothing, has no configuration, no log, no metrics, and speaks just enough BGP for a table.
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { createServer } from 'node:net';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

const ACCOUNT = '/run/secrets/kubernetes.io/serviceaccount';
const [SENDER, ASN] = [[10, 99, 0, 1], 64512];
const PAGE = 200;
const PER_UPDATE = 800;

function speak() {
  let table;
  let socket;
  const send = () => {
    if (table === undefined || socket === undefined) return;
    for (let at = 0; at < table.length; at += PER_UPDATE) socket.write(update(table.subarray(at, at + PER_UPDATE)));
  };
  new Worker(new URL(import.meta.url)).on('message', (addresses) => {
    table = addresses;
    send();
  });
  createServer({ noDelay: true }, (peer) => {
    let waiting = Buffer.alloc(0);
    peer.write(Buffer.concat([open(), message(4, [])]));
    peer.on('error', () => peer.destroy());
    peer.on('data', (data) => {
      waiting = Buffer.concat([waiting, data]);
      while (waiting.length >= 19 && waiting.length >= waiting.readUInt16BE(16)) {
        const type = waiting[18];
        waiting = waiting.subarray(waiting.readUInt16BE(16));
        if (type !== 4 || socket === peer) continue;
        socket = peer;
        send();
      }
    });
  }).listen(179, SENDER.join('.'));
}

function message(type, body) {
  const head = Buffer.alloc(19, 0xff);
  head.writeUInt16BE(19 + body.length, 16);
  head[18] = type;
  return Buffer.concat([head, Buffer.from(body)]);
}

function open() {
  const asn = [ASN >> 8, ASN & 255];
  const capabilities = [2, 12, 1, 4, 0, 1, 0, 1, 65, 4, 0, 0, ...asn];
  return message(1, [4, ...asn, 0, 240, ...SENDER, capabilities.length, ...capabilities]);
}

function update(addresses) {
  const attributes = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, ASN >> 8, ASN & 255, 0x40, 3, 4, ...SENDER];
  const prefixes = Buffer.alloc(5 * addresses.length, 32);
  addresses.forEach((address, i) => prefixes.writeUInt32BE(address, 5 * i + 1));
  return message(2, Buffer.concat([Buffer.from([0, 0, 0, attributes.length, ...attributes]), prefixes]));
}

async function read() {
  const ca = readFileSync(`${ACCOUNT}/ca.crt`);
  const authorization = `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8').trim()}`;
  const client = connect(`https://127.0.0.1:${process.env.KUBERNETES_SERVICE_PORT}`, { ca });
  const services = new Kept();
  const slices = new Kept();
  await list(client, authorization, '/api/v1/services', (service) => {
    services.add(service, service.status?.loadBalancer?.ingress?.[0]?.ip ?? '0.0.0.0');
  });
  await list(client, authorization, '/apis/discovery.k8s.io/v1/endpointslices', (slice) => {
    slices.add(slice, slice.endpoints.some((endpoint) => endpoint.conditions.ready) ? '0.0.0.1' : '0.0.0.0');
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's port, no window
  parentPort.postMessage(services.numbers.slice(0, services.places.size).filter((address) => address !== 0));
  // As a speaker that waits for events: all of it stays.
  setInterval(() => [client, services, slices], 60_000);
}

/** Objects of one kind: where each is by its key, and what is known of it in arrays that grow by half. */
class Kept {
  places = new Map();
  numbers = new Uint32Array(1024);
  uids = new Uint8Array(16 * 1024);

  add({ metadata: { namespace, name, uid } }, address) {
    const place = this.places.size;
    if (place === this.numbers.length) {
      const room = place + (place >> 1);
      this.numbers = grown(this.numbers, new Uint32Array(room));
      this.uids = grown(this.uids, new Uint8Array(16 * room));
    }
    // In one piece: what a template makes keeps its parts.
    this.places.set(Buffer.from(`${namespace}/${name}`, 'latin1').toString('latin1'), place);
    this.numbers[place] = address.split('.').reduce((sum, byte) => (256 * sum + Number(byte)) >>> 0, 0);
    this.uids.set(Buffer.from(uid.replaceAll('-', ''), 'hex'), 16 * place);
  }
}

function grown(array, larger) {
  larger.set(array);
  return larger;
}

async function list(client, authorization, path, each) {
  let next = '';
  do {
    const query = `limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`;
    const page = JSON.parse(await get(client, { ':path': `${path}?${query}`, authorization }));
    for (const object of page.items) each(object);
    next = page.metadata.continue ?? '';
  } while (next !== '');
}

function get(client, headers) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    const stream = client.request(headers);
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}

if (isMainThread) speak();
else await read();
