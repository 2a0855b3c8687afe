// The API server's front door inside a namespace: forwards TCP connections to a Unix socket. A Unix socket is reached
// from every network namespace, so the API server itself can stay where the tests run.
//   node gate.mjs PORT SOCKET
import { connect, createServer } from 'node:net';

const [port, socket] = process.argv.slice(2);
createServer((client) => {
  const upstream = connect(socket);
  client.pipe(upstream).pipe(client);
  const end = () => {
    client.destroy();
    upstream.destroy();
  };
  client.on('error', end).on('close', end);
  upstream.on('error', end).on('close', end);
}).listen(Number(port), '::', () => console.log('ready'));
