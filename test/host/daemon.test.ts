import { afterEach, describe, expect, it } from 'vitest';
import { createHeartbeat, startHttpServer, type HttpServer } from '../../src/host/http.ts';
import { createLogger, readableLine } from '../../src/host/log.ts';
import { createKubeMetrics, createRegistry } from '../../src/host/metrics.ts';
import { until } from '../support/until.ts';
import { memoryLog } from './support.ts';

describe('log lines', () => {
  it('are JSON with a named level and an ISO time, and leave out what is below the level', () => {
    const lines: string[] = [];
    const log = createLogger({ level: 'info', name: 'speaker', destination: { write: (line) => lines.push(line) } });
    log.debug('hidden');
    log.warn({ service: 'a/b' }, 'no address');
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'warn', name: 'speaker', service: 'a/b', msg: 'no address' });
    expect(line['time']).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(line).not.toHaveProperty('pid');
  });

  it('read well at a terminal', () => {
    const json =
      '{"level":"warn","time":"2026-01-02T03:04:05.678Z","name":"x","service":"a/b","n":1,"err":{"message":"bang"},"msg":"no address"}\n';
    const plain = readableLine(json).replaceAll(new RegExp(`${String.fromCodePoint(27)}\\[\\d+m`, 'g'), '');
    expect(plain).toBe('03:04:05.678 WARN  x no address service=a/b n=1 bang\n');
    expect(readableLine('no json')).toBe('no json');
  });
});

describe('the HTTP server of a daemon', () => {
  let server: HttpServer | undefined;
  afterEach(() => server?.close());
  const { log } = memoryLog();
  const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
    const answer = await fetch(`http://127.0.0.1:${server?.port}${path}`, { method });
    return [answer.status, await answer.text()];
  };

  it('answers probes with the reasons, and metrics', async () => {
    const registry = createRegistry('test');
    createKubeMetrics(registry).requests.inc({ method: 'GET', code: '200' });
    const problems: string[] = ['services: not listed yet'];
    server = await startHttpServer({ host: '127.0.0.1', port: 0, registry, ready: () => problems, log });
    expect(await get('/readyz')).toEqual([503, 'services: not listed yet\n']);
    problems.length = 0;
    expect(await get('/readyz?verbose')).toEqual([200, 'ok\n']);
    expect(await get('/livez')).toEqual([200, 'ok\n']);
    expect((await get('/metrics'))[1]).toContain('heraldlb_kube_requests_total{method="GET",code="200",program="test"} 1');
    expect((await get('/nothing'))[0]).toBe(404);
    expect((await get('/constructor'))[0]).toBe(404);
    expect((await get('/readyz', 'POST'))[0]).toBe(405);
  });

  it('says that a loop is dead', async () => {
    const heartbeat = createHeartbeat('planner', 20);
    server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      registry: createRegistry('t'),
      ready: () => [],
      alive: heartbeat.problems,
      log,
    });
    await until('livez fails', async () => (await get('/livez'))[0] === 503);
    expect((await get('/healthz'))[1]).toMatch(/^planner: no sign of life for \d+ s\n$/);
    heartbeat.beat();
    expect(heartbeat.problems()).toEqual([]);
  });

  it('sends a long page in parts, and goes on when who asked hangs up, or a part fails', async () => {
    async function* parts(fails: boolean): AsyncIterable<string> {
      for (let at = 0; at < 50; at++) {
        yield 'x'.repeat(100_000);
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (fails) throw new Error('a bug');
      }
    }
    const page = (fails: boolean) => () => ({ contentType: 'text/plain', body: parts(fails) });
    const routes = { '/long': page(false), '/bad': page(true) };
    server = await startHttpServer({ host: '127.0.0.1', port: 0, registry: createRegistry('t'), ready: () => [], routes, log });
    expect((await get('/long'))[1]).toHaveLength(5_000_000);
    expect(await get('/long', 'HEAD')).toEqual([200, '']);
    const leaver = new AbortController();
    const answer = await fetch(`http://127.0.0.1:${server.port}/long`, { signal: leaver.signal });
    leaver.abort();
    await expect(answer.text()).rejects.toThrow(/abort/);
    await expect(get('/bad')).rejects.toThrow(/terminated/);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await get('/livez'))[0]).toBe(200);
  });

  it('answers 500 when a route throws, and goes on', async () => {
    const routes = { '/bad': () => Promise.reject(new Error('x')) };
    server = await startHttpServer({ host: '127.0.0.1', port: 0, registry: createRegistry('t'), ready: () => [], routes, log });
    expect((await get('/bad'))[0]).toBe(500);
    expect((await get('/readyz'))[0]).toBe(200);
  });
});
