import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { Live } from '../../controller/glass/live.ts';
import type { Controller } from '../../controller/main.ts';
import type { Snapshot } from '../../src/glass/view.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import { type Cluster, poolObject, serviceObject, startCluster } from '../controller/support.ts';
import { documents } from '../support/apiClient.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { inputOf, largeCluster, smallCluster } from './fixture.ts';
import { PAGE_NEED, type Stand, startStand } from './stand.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** Without the manners of fetch: any method, path and header. */
function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers: { ...options.headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const body = response.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: body.toString('utf8') });
        });
      },
    );
    sent.on('error', reject);
    sent.end(options.body);
  });
}

interface Stream {
  readonly text: () => string;
  readonly ended: () => boolean;
  readonly events: () => { readonly event: string; readonly data: unknown }[];
  readonly close: () => void;
}

function listen(port: number, headers: Record<string, string> = {}): Stream {
  let text = '';
  let ended = false;
  const sent = request({ host: '127.0.0.1', port, path: '/api/live', headers }, (response) => {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => (text += chunk));
    response.on('close', () => (ended = true));
    response.on('error', () => (ended = true));
  });
  sent.on('error', () => (ended = true));
  sent.end();
  return {
    text: () => text,
    ended: () => ended,
    events: () =>
      text
        .split('\n\n')
        .slice(0, -1)
        .filter((block) => block.startsWith('event:'))
        .map((block) => {
          const [first = '', second = ''] = block.split('\n');
          return { event: first.slice(7), data: JSON.parse(second.slice(6)) as unknown };
        }),
    close: () => sent.destroy(),
  };
}

need(PAGE_NEED).describe('the server of the page, without a login', () => {
  let stand: Stand;
  const streams: Stream[] = [];
  const follow = (headers?: Record<string, string>): Stream => {
    const stream = listen(stand.server.port, headers);
    streams.push(stream);
    return stream;
  };

  beforeAll(async () => {
    stand = await startStand(inputOf(smallCluster()));
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close();
  });
  afterAll(() => stand.close());

  it.each([
    ['/', 200, 'text/html; charset=utf-8'],
    ['/app.js', 200, 'text/javascript; charset=utf-8'],
    ['/app.css?v=1', 200, 'text/css; charset=utf-8'],
    ['/icon.svg', 200, 'image/svg+xml'],
    ['/docs/troubleshoot', 200, 'text/html; charset=utf-8'],
    ['/api/snapshot', 200, 'application/json'],
    ['/api/history?address=192.168.7.242', 200, 'application/json'],
    ['/api/history?address=..%2f..', 400, 'text/plain; charset=utf-8'],
    ['/api/history', 400, 'text/plain; charset=utf-8'],
    ['/nothing', 404, 'text/plain; charset=utf-8'],
    ['/constructor', 404, 'text/plain; charset=utf-8'],
    ['/../../etc/passwd', 404, 'text/plain; charset=utf-8'],
    ['/%2e%2e/%2e%2e/etc/passwd', 404, 'text/plain; charset=utf-8'],
    ['//other.example/', 400, 'text/plain; charset=utf-8'],
    ['http://[', 400, 'text/plain; charset=utf-8'],
    ['/login', 303, undefined],
  ])('answers GET %s with %i, and the headers that keep a browser safe', async (path, status, type) => {
    const answer = await ask(stand.server.port, path);
    expect([answer.status, answer.headers['content-type']]).toEqual([status, type]);
    expect(answer.headers).toMatchObject({
      'content-security-policy': expect.stringMatching(/default-src 'none'.*frame-ancestors 'none'/),
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(answer.headers['content-security-policy']).not.toMatch(/unsafe|\*|http/);
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('refuses %s everywhere', async (method) => {
    for (const path of ['/', '/app.js', '/api/snapshot', '/api/live'])
      expect((await ask(stand.server.port, path, { method })).status).toBe(405);
  });

  it('sends bodies compressed where that is asked for, none for HEAD, and nothing twice', async () => {
    const head = await ask(stand.server.port, '/', { method: 'HEAD' });
    expect([head.status, head.body]).toEqual([200, '']);
    const packed = await ask(stand.server.port, '/app.js', { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers['content-encoding']).toBe('gzip');
    const plain = await ask(stand.server.port, '/app.js');
    expect(packed.body).toBe(plain.body);
    const again = await ask(stand.server.port, '/app.js', { headers: { 'if-none-match': String(plain.headers['etag']) } });
    expect([again.status, again.body]).toEqual([304, '']);
  });

  it('does not answer to a name that some site gave this machine', async () => {
    expect((await ask(stand.server.port, '/api/snapshot', { headers: { host: 'evil.example' } })).status).toBe(421);
    for (const host of ['localhost:7483', '127.0.0.1', '[::1]:7483'])
      expect((await ask(stand.server.port, '/', { headers: { host } })).status).toBe(200);
  });

  it('outlives what is no HTTP', async () => {
    const socket = connect(stand.server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    socket.write('\u0000\u0001 nonsense\r\n\r\n');
    await until('the end', () => socket.readableEnded || socket.destroyed);
    socket.destroy();
    expect((await ask(stand.server.port, '/')).status).toBe(200);
  });

  it('tells the whole once and then what changed, to each from where it is', async () => {
    const early = follow();
    await until('the whole', () => early.events().length === 1);
    stand.tell(inputOf({ ...smallCluster(), services: [] }));
    await until('what changed', () => early.events().length === 2);
    const late = follow({ 'accept-encoding': 'identity' });
    await until('the whole', () => late.events().length === 1);
    expect(early.events().map(({ event }) => event)).toEqual(['snapshot', 'patch']);
    expect((late.events()[0]!.data as Snapshot).vips).toEqual([]);
    const { sections } = early.events()[1]!.data as { sections: { vips: { gone: string[] } } };
    expect(sections.vips.gone).toHaveLength(16);
    stand.tell(inputOf(smallCluster()));
    await until('everything again', () => early.events().length === 3);
  });

  it('lets in so many readers and no more', async () => {
    const many = Array.from({ length: 32 }, () => follow());
    await until('all of them', () => many.every((stream) => stream.events().length > 0));
    const answer = await ask(stand.server.port, '/api/live');
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '30']);
    many[0]?.close();
    await until('room', () => stand.live.size() < 32);
    const next = follow();
    await until('the next', () => next.events().length > 0);
  });
});

need(PAGE_NEED).describe('a reader that does not read', () => {
  it('costs one event and not all of them, and is let go', async () => {
    const live = new Live({ beatMs: 100, stalledMs: 1500 });
    const large = largeCluster(1000, 100);
    const stand = await startStand(inputOf(large), live);
    const socket = connect({ port: stand.server.port, host: '127.0.0.1' });
    socket.on('error', () => {});
    try {
      socket.pause();
      socket.write('GET /api/live HTTP/1.1\r\nhost: localhost\r\n\r\n');
      await until('the reader', () => live.size() === 1);
      // Every one of these is the whole anew; kept for the reader they would be two hundred megabytes.
      const few = { ...large, services: large.services.slice(0, 5), nodeStates: [] };
      const inputs = [inputOf(few), inputOf(large)];
      const before = process.memoryUsage();
      let rounds = 0;
      await until(
        'the end of the reader',
        () => {
          stand.tell(inputs[rounds++ % 2]!);
          return live.size() === 0;
        },
        60_000,
        10,
      );
      const after = process.memoryUsage();
      expect(rounds).toBeGreaterThan(3);
      expect(after.external + after.arrayBuffers - before.external - before.arrayBuffers).toBeLessThan(64 * 1024 * 1024);
    } finally {
      socket.destroy();
      await stand.close();
    }
  });
});

need(PAGE_NEED).describe('the looking glass of a controller', () => {
  let cluster: Cluster;
  let controller: Controller;

  beforeAll(async () => {
    // The controller has the roles of the manifests and no other, so they are enough.
    const roles = ['base/rbac.yaml', 'glass/rbac.yaml'].flatMap((path) =>
      documents(readFileSync(resolve(import.meta.dirname, '../../manifests', path), 'utf8')),
    );
    const binding = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'viewer' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'heraldlb-glass-viewer' },
      subjects: [{ kind: 'User', name: 'viewer', apiGroup: 'rbac.authorization.k8s.io' }],
    };
    const account = `system:serviceaccount:${NAMESPACE}:heraldlb-controller`;
    cluster = await startCluster({
      rbac: true,
      tokens: { 'token-of-viewer': { name: 'viewer' }, 'token-of-nobody': { name: 'nobody' }, 'token-of-controller': { name: account } },
      objects: [...roles, binding],
    });
    await cluster.lab.create(poolObject('edge', ['192.0.2.0/28']));
    const peer = { apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer' };
    const spec = { myASN: 64512, peerASN: 64600, peerAddress: '10.9.9.9' };
    await cluster.lab.create({
      ...peer,
      metadata: { name: 'plain', namespace: NAMESPACE, annotations: { note: 'hunter1' } },
      spec: { ...spec, password: 'hunter2' },
    });
    await cluster.lab
      .create({
        ...peer,
        metadata: { name: 'wrong', namespace: NAMESPACE },
        spec: { ...spec, peerAddress: '10.9.9.8', password: 'hunter2', passwordSecret: { name: 'key' }, peerPort: 179 },
      })
      .catch(() => undefined);
    await cluster.lab.create({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'key', namespace: NAMESPACE },
      type: 'kubernetes.io/basic-auth',
      stringData: { username: '', password: 'hunter3' },
    });
    await cluster.lab.create(serviceObject('web'));
    controller = await cluster.start('one', { glassPort: 0, kubeconfig: cluster.kubeconfigFor('token-of-controller') });
  });
  afterAll(() => cluster?.close());

  const login = (token: string, headers: Record<string, string> = {}): Promise<Answer> =>
    ask(controller.glassPort, '/login', {
      method: 'POST',
      body: new URLSearchParams({ token }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
  const cookieOf = (answer: Answer): string => (answer.headers['set-cookie']?.[0] ?? '').split(';')[0] ?? '';

  it('shows nothing before the login but the form, style and documentation', async () => {
    expect(await ask(controller.glassPort, '/')).toMatchObject({ status: 303, headers: { location: './login' } });
    expect((await ask(controller.glassPort, '/login')).body).toContain('<form method="post"');
    for (const path of ['/api/snapshot', '/api/live', '/api/history?address=192.0.2.0'])
      expect([path, (await ask(controller.glassPort, path)).status]).toEqual([path, 401]);
    expect((await ask(controller.glassPort, '/docs/troubleshoot')).status).toBe(200);
  });

  it('takes a token whose owner may list what it shows, and no other', async () => {
    expect(await login('no-token-at-all')).toMatchObject({ status: 401 });
    expect((await login('token-of-nobody')).body).toContain('nobody may not list NodeStates');
    expect((await login('token-of-nobody')).status).toBe(403);
    expect((await login('')).status).toBe(401);
    expect((await login('x'.repeat(40_000))).status).toBe(413);
    const answer = await login('token-of-viewer');
    expect(answer.status).toBe(303);
    expect(answer.headers['set-cookie']?.[0]).toMatch(/^heraldlb-glass=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/$/);
    const secure = await login('token-of-viewer', { 'x-forwarded-proto': 'https' });
    expect(secure.headers['set-cookie']?.[0]).toMatch(/; Secure$/);
  });

  it('refuses the form of another site', async () => {
    expect((await login('token-of-viewer', { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });

  it('shows the cluster to whoever is in, until they leave', async () => {
    const cookie = cookieOf(await login('token-of-viewer'));
    const snapshot = await until('the VIP', async () => {
      const answer = await ask(controller.glassPort, '/api/snapshot', { headers: { cookie, 'accept-encoding': 'gzip' } });
      const read = answer.status === 200 ? (JSON.parse(answer.body) as Snapshot) : undefined;
      return read?.vips.length === 1 && read.head.leader === 'one' ? read : undefined;
    });
    expect(snapshot.vips[0]).toMatchObject({ pool: 'edge', services: [{ name: 'default/web' }] });
    expect(snapshot.head).toMatchObject({ servedBy: 'one', login: true, missing: [] });
    expect((await ask(controller.glassPort, '/', { headers: { cookie } })).status).toBe(200);
    const history = await ask(controller.glassPort, `/api/history?address=${snapshot.vips[0]?.id}`, { headers: { cookie } });
    expect(JSON.parse(history.body).moves.length).toBeGreaterThan(0);
    const out = await ask(controller.glassPort, '/logout', { method: 'POST', headers: { cookie } });
    expect([out.status, out.headers['set-cookie']?.[0]]).toEqual([303, expect.stringContaining('Max-Age=0')]);
    expect((await ask(controller.glassPort, '/api/snapshot', { headers: { cookie } })).status).toBe(401);
  });

  it('takes a bearer token, whose session is nobody else’s cookie', async () => {
    const headers = { authorization: 'Bearer token-of-viewer' };
    await until('the snapshot', async () => (await ask(controller.glassPort, '/api/snapshot', { headers })).status === 200);
    const refused = await ask(controller.glassPort, '/api/snapshot', { headers: { authorization: 'Bearer token-of-nobody' } });
    expect([refused.status, refused.body]).toEqual([403, expect.stringContaining('nobody may not list NodeStates')]);
    expect((await ask(controller.glassPort, '/api/snapshot', { headers: { authorization: 'Bearer of-none' } })).status).toBe(401);
    expect((await ask(controller.glassPort, '/api/snapshot', { headers: { cookie: 'heraldlb-glass=bearer x' } })).status).toBe(401);
  });

  it('never sends a secret, nor what may be one', async () => {
    const headers = { authorization: 'Bearer token-of-viewer' };
    const { body } = await ask(controller.glassPort, '/api/snapshot', { headers });
    const snapshot = JSON.parse(body) as Snapshot;
    expect(snapshot.peers.find(({ id }) => id === 'plain')?.protection).toBe('TCP MD5');
    const stream = listen(controller.glassPort, headers);
    await until('the stream', () => stream.events().length > 0);
    stream.close();
    for (const text of [body, stream.text()]) expect(text).not.toMatch(/hunter|token-of/);
  });

  it('follows the cluster', async () => {
    const stream = listen(controller.glassPort, { authorization: 'Bearer token-of-viewer' });
    await until('the whole', () => stream.events().length > 0);
    await cluster.lab.create(serviceObject('second'));
    const seen = await until('the second VIP', () =>
      stream.events().some(({ event, data }) => event === 'patch' && JSON.stringify(data).includes('default/second')),
    );
    expect(seen).toBe(true);
    stream.close();
  });

  it('is not served to all by mistake', async () => {
    await expect(cluster.start('two', { glassPort: 0, glassAuth: 'none', glassAddress: '0.0.0.0' })).rejects.toThrow(/--glass-anonymous/);
    const meant = await cluster.start('three', { glassPort: 0, glassAuth: 'none', glassAddress: '0.0.0.0', glassAnonymous: true });
    expect((await ask(meant.glassPort, '/')).status).toBe(200);
    await meant.close();
    const here = await cluster.start('four', { glassPort: 0, glassAuth: 'none' });
    expect((await ask(here.glassPort, '/')).status).toBe(200);
    await here.close();
  });

  it('bounds how often anybody may try', async () => {
    const answers = await Promise.all(Array.from({ length: 25 }, () => login('guess')));
    expect(answers.map(({ status }) => status)).toContain(429);
  });
});
