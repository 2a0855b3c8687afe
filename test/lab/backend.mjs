// A small HTTP backend: says which node and which copy answered.
//   node backend.mjs NODE NAME PORT
import { createServer } from 'node:http';

const [node, name, port] = process.argv.slice(2);
createServer((request, response) => {
  response.setHeader('content-type', 'text/plain');
  response.end(`hello from ${name} on ${node}, you are ${String(request.headers['x-real-ip'] ?? request.socket.remoteAddress)}\n`);
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
