import { getEventListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type ServerHttp2Stream, createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createObject, getObject, listObjects } from '../../../src/host/kube/objects.ts';
import { EVENTS, NAMESPACES, SERVICES } from '../../../src/host/kube/resource.ts';
import type { KubeClient } from '../../../src/host/kube/kubeClient.ts';
import { makeCertificate } from '../../kubelab/http/certificate.ts';
import { startKubelab, type Kubelab } from '../../kubelab/kubelab.ts';
import { sleep, until } from '../../support/until.ts';
import { clientOf, kubeconfigFor } from '../support.ts';

describe.each([
  { protocol: 'h2', tls: true },
  { protocol: 'http/1.1', tls: false },
])('the connection over $protocol', ({ protocol, tls }) => {
  let lab: Kubelab;
  let client: KubeClient;
  beforeEach(async () => {
    lab = await startKubelab({ tls, rbac: true });
    client = clientOf(lab.kubeconfig());
  });
  afterEach(async () => {
    await client.close();
    await lab.close();
  });

  it('is made once for many calls', async () => {
    for (let i = 0; i < 20; i += 1) await listObjects(client, NAMESPACES);
    expect(client.protocol()).toBe(protocol);
    const connections = lab.requests.filter((request) => request.resource === 'namespaces').map((request) => request.connection);
    expect(connections).toHaveLength(20);
    // A pool of HTTP/1.1 connections may take a second one while the first finishes its answer.
    expect(new Set(connections).size).toBeLessThanOrEqual(tls ? 1 : 2);
  });

  it('gives the answer, or the typed error with message and Retry-After', async () => {
    expect(await getObject(client, NAMESPACES, { name: 'default' })).toMatchObject({ metadata: { name: 'default' } });
    await expect(getObject(client, NAMESPACES, { name: 'no' })).rejects.toMatchObject({ status: 404, reason: 'NotFound' });
    lab.faults.status({ code: 429, retryAfterSeconds: 3, times: 1 });
    await expect(listObjects(client, NAMESPACES)).rejects.toMatchObject({ status: 429, retryAfterMs: 3000 });
    const stranger = clientOf(lab.kubeconfig(lab.token('stranger')));
    await expect(listObjects(stranger, SERVICES)).rejects.toMatchObject({
      status: 403,
      reason: 'Forbidden',
      message: expect.stringContaining('User "stranger" cannot list resource "services"') as string,
    });
    await stranger.close();
  });

  it('gives up after the time limit, and at once when told to', async () => {
    const delay = lab.faults.delay({ ms: 60_000 });
    const startMs = performance.now();
    const slow = client.request({ method: 'GET', path: '/api/v1/namespaces', timeoutMs: 100 });
    await expect(slow).rejects.toMatchObject({ status: 0, reason: 'TimedOut' });
    const controller = new AbortController();
    const aborted = client.request({ method: 'GET', path: '/api/v1/namespaces', signal: controller.signal });
    setTimeout(() => controller.abort(), 50);
    await expect(aborted).rejects.toMatchObject({ status: 0 });
    expect(performance.now() - startMs).toBeLessThan(20_000);
    delay.remove();
    expect(await listObjects(client, NAMESPACES)).not.toHaveLength(0);
  });

  it('aborts nothing that was answered', async () => {
    await listObjects(client, NAMESPACES);
    const abort = vi.spyOn(AbortController.prototype, 'abort');
    const outer = new AbortController();
    for (let i = 0; i < 5; i += 1) await client.request({ method: 'GET', path: '/api/v1/namespaces', signal: outer.signal });
    const calls = abort.mock.calls.length;
    abort.mockRestore();
    expect(calls).toBe(0);
    expect(getEventListeners(outer.signal, 'abort')).toEqual([]);
  });

  it('is made anew after a reset, and after a restart of the server', async () => {
    await listObjects(client, NAMESPACES);
    lab.faults.dropConnections();
    await until('an answer after the reset', () => listObjects(client, NAMESPACES));
    await lab.stop();
    await expect(listObjects(client, NAMESPACES)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
    await lab.start();
    await until('an answer after the restart', () => listObjects(client, NAMESPACES));
  });

  it('is given up when it takes bytes and answers nothing', async () => {
    await listObjects(client, NAMESPACES);
    await sleep(50);
    const frozen = lab.faults.halfOpen({ connections: 'existing' });
    await expect(client.request({ method: 'GET', path: '/api/v1/namespaces', timeoutMs: 300 })).rejects.toMatchObject({
      reason: 'TimedOut',
    });
    const retry = (): Promise<unknown> => client.request({ method: 'GET', path: '/api/v1/namespaces', timeoutMs: 1000 });
    await until('an answer over a new connection', retry, 15_000);
    frozen.remove();
  });

  it('carries writes while a watch is open', async () => {
    const stream = await client.stream({
      method: 'GET',
      path: '/api/v1/services',
      query: { watch: 'true', fieldSelector: 'metadata.name=a' },
    });
    const first = (async () => {
      for await (const line of stream) return line;
      return undefined;
    })();
    await createObject(client, SERVICES, { metadata: { namespace: 'default', name: 'a' }, spec: { ports: [{ port: 80 }] } });
    expect(await first).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } });
  });
});

describe('calls that come by the thousand', () => {
  const event = (client: KubeClient, name: string): Promise<unknown> =>
    createObject(client, EVENTS, { metadata: { namespace: 'default', name }, involvedObject: {} }, { isOneOfMany: true });

  it('have connections of their own, beside the one of HTTP/2, which are used again', async () => {
    const lab = await startKubelab({ tls: true });
    const client = clientOf(lab.kubeconfig());
    await listObjects(client, NAMESPACES);
    for (let i = 0; i < 10; i += 1) await event(client, `one-${i}`);
    const [main] = lab.requests.filter(({ resource }) => resource === 'namespaces').map(({ connection }) => connection);
    const others = new Set(lab.requests.filter(({ resource }) => resource === 'events').map(({ connection }) => connection));
    expect(client.protocol()).toBe('h2');
    expect(others.has(main ?? 0)).toBe(false);
    expect(others.size).toBeLessThanOrEqual(2);
    lab.faults.dropConnections();
    await until('an event after the reset', () => event(client, 'after'));
    await client.close();
    await lab.close();
  });

  it('take HTTP/2 where the server has nothing else', async () => {
    const { url, close } = await startHttp2((stream) => {
      stream.respond({ ':status': 201 });
      stream.end('{"protocol":"h2"}');
    });
    const client = clientOf(unverified(url));
    expect(await event(client, 'a')).toEqual({ protocol: 'h2' });
    expect(await event(client, 'b')).toEqual({ protocol: 'h2' });
    await client.close();
    close();
  });
});

describe('a long body', () => {
  it('is made while it is sent, as fast as it is taken', async () => {
    let [made, isTaken, received] = [0, false, ''];
    const { url, close } = await startHttp2((stream) => {
      const take = (): void => {
        if (!isTaken) return void setTimeout(take, 20);
        stream.setEncoding('utf8');
        stream.on('data', (text: string) => void (received += text));
        stream.on('end', () => {
          stream.respond({ ':status': 200 });
          stream.end('{}');
        });
      };
      take();
    });
    const part = { toJSON: () => ((made += 1), 'x'.repeat(10_000)) };
    const list = Array.from({ length: 640 }, () => part);
    const client = clientOf(unverified(url));
    const answer = client.request({ method: 'PATCH', path: '/x', body: { list }, isLong: true });
    await until('the first of it', async () => made > 0);
    await sleep(300);
    expect(made).toBeLessThan(200);
    isTaken = true;
    expect(await answer).toEqual({});
    expect(made).toBe(640);
    expect(received).toBe(JSON.stringify({ list }));
    await client.close();
    close();
  });
});

async function startHttp2(handle: (stream: ServerHttp2Stream) => void): Promise<{ readonly url: string; readonly close: () => void }> {
  const { key, cert } = makeCertificate();
  const server = createSecureServer({ key, cert, allowHTTP1: false });
  server.on('stream', handle);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}

function unverified(url: string): string {
  return kubeconfigFor(url).replace('"server":', '"insecure-skip-tls-verify":true,"server":');
}

describe('credentials', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'heraldlb-token-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it.each(['tokenFile', 'authProvider'])('read a token again when the server says 401 (%s)', async (form) => {
    const file = join(directory, 'token');
    writeFileSync(file, 'first\n');
    const seen: string[] = [];
    let valid = 'first';
    const server: Server = createServer((request, response) => {
      const token = request.headers.authorization ?? '';
      seen.push(token);
      const good = token === `Bearer ${valid}`;
      response.writeHead(good ? 200 : 401, { 'content-type': 'application/json' });
      response.end(good ? '{"items":[]}' : '{"kind":"Status","reason":"Unauthorized","message":"Unauthorized","code":401}');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const user = form === 'tokenFile' ? { tokenFile: file } : { 'auth-provider': { name: 'tokenFile', config: { tokenFile: file } } };
    const client = clientOf(kubeconfigFor(url, user));
    await listObjects(client, NAMESPACES);
    valid = 'second';
    writeFileSync(file, 'second\n');
    await listObjects(client, NAMESPACES);
    await listObjects(client, NAMESPACES);
    expect(seen).toEqual(['Bearer first', 'Bearer first', 'Bearer second', 'Bearer second']);
    valid = 'third';
    await expect(listObjects(client, NAMESPACES)).rejects.toMatchObject({ status: 401, reason: 'Unauthorized' });
    await client.close();
    server.close();
    server.closeAllConnections();
  });
});
