import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LAB_NEEDS } from '../e2e/needs.ts';
import { Capture } from '../e2e/wire.ts';
import { nodeAddresses } from '../lab/addresses.ts';
import { Lab } from '../lab/lab.ts';
import { NAMESPACE, service } from '../lab/manifests.ts';
import { birdConfig } from '../lab/routerConfig.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';

const TIME = /(\d\d):(\d\d):(\d\d\.\d{3})/;

/** Of the time in a line of BIRD's, since midnight. */
function millisecondsOf(line: string): number {
  const [, hours, minutes, seconds] = TIME.exec(line) ?? [];
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
}

need(...LAB_NEEDS).describe('the speaker beside FRR', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start({ tag: 'spk', nodes: 1 });
    lab.startDaemons();
    await lab.established();
  }, 120_000);

  afterAll(async () => {
    await lab?.close();
  });

  const get = (path: string): string => lab.space.run('node1', ['curl', '-s', `http://127.0.0.1:7482${path}`]);

  it('serves probes, and metrics of both threads under the names of MetalLB', async () => {
    expect(get('/readyz')).toBe('ok\n');
    await lab.client.apply(service('web', 'bgp'));
    await until('the Service in the metrics', () => /^metallb_speaker_announced\{.*protocol="bgp".*\} 1$/m.test(get('/metrics')), 10_000);
    const metrics = get('/metrics');
    expect(metrics).toMatch(/^metallb_bgp_session_up\{.*\} 1$/m);
    expect(metrics).toMatch(/^metallb_bgp_announced_prefixes_total\{.*\} 2$/m);
    expect(metrics).toMatch(/^heraldlb_kube_objects\{.*\}/m);
    // A name that is described twice makes the page unreadable for Prometheus.
    const described = [...metrics.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
    expect(new Set(described).size).toBe(described.length);
  });

  it('has a session with a router as long as the Node has the labels that the BGPPeer asks for', async () => {
    const peer = { apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', name: 'frr', namespace: NAMESPACE };
    const select = (nodeSelectors: object[] | null) => lab.client.patch(peer, { spec: { nodeSelectors } });
    const label = (rack: string) => lab.client.patch({ apiVersion: 'v1', kind: 'Node', name: 'node1' }, { metadata: { labels: { rack } } });
    const sessions = (what: string, count: number): Promise<unknown> =>
      until(what, () => Object.values(lab.frr.sessions()).filter((state) => state === 'Established').length === count, 20_000, 200);
    await select([{ matchLabels: { rack: 'a' } }]);
    await sessions('the end of the session', 0);
    await label('a');
    await sessions('the session', 1);
    await label('b');
    await sessions('the end of the session again', 0);
    expect(lab.bird.sessions()['node1']).toBe('Established');
    await select(null);
    await sessions('a session with whoever is there', 1);
  });

  it('guards a session with BIRD by keys of Secrets, which are deleted, made anew and changed while it stays up', async () => {
    const own = (kind: string, name: string) => ({ apiVersion: 'heraldlb.io/v1', kind, metadata: { name, namespace: NAMESPACE } });
    const key = (name: string, password: string) =>
      lab.client.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: NAMESPACE },
        type: 'kubernetes.io/basic-auth',
        stringData: { password },
      });
    const bird = (bfdKey: string): void => {
      const auth = `authentication meticulous keyed sha1; password "${bfdKey}" { id 7; };`;
      const guard = `protocol bfd { interface "*" { min rx interval 300 ms; min tx interval 300 ms; multiplier 5; ${auth} }; }`;
      const text = birdConfig(1).replace('hold time 3;', 'hold time 30; bfd on; password "lily";').replace('keepalive time 1;', '');
      writeFileSync(join(lab.directory, 'bird/bird.conf'), `${text}\n${guard}\n`);
      birdc('configure');
    };
    const birdc = (command: string): string =>
      lab.space.run('bird', ['birdc', '-s', join(lab.directory, 'bird/bird.ctl'), ...command.split(' ')]);
    const guarded = (): string => /^10\.10\.0\.11 .*$/m.exec(birdc('show bfd sessions'))?.[0] ?? '';
    const said = async (): Promise<string[]> => {
      const { status } = await lab.client.get({ ...own('NodeState', 'node1'), name: 'node1', namespace: NAMESPACE });
      const problems = (status?.['problems'] ?? []) as { reason: string; object: string; message: string }[];
      return problems.map(({ reason, object, message }) => `${object} ${reason} ${/^spec\.\S+/.exec(message)?.[0] ?? ''}`);
    };
    const saying = (what: string, ...problems: string[]): Promise<unknown> => {
      const wanted = problems.toSorted().join();
      return until(`${what}: ${wanted}`, async () => (await said()).toSorted().join() === wanted, 60_000, 500);
    };
    for (const name of ['bfd-key', 'tcp-key']) await key(name, name === 'bfd-key' ? 'tulip' : 'lily');
    const profile = (secret: string) => ({
      receiveInterval: 300,
      transmitInterval: 300,
      detectMultiplier: 5,
      auth: { type: 'MeticulousKeyedSHA1', keyID: 7, passwordSecret: { name: secret } },
    });
    await lab.client.apply({ ...own('BFDProfile', 'keyed'), spec: profile('bfd-key') });
    await lab.client.apply({ ...own('BFDProfile', 'keyless'), spec: profile('no-key') });
    const nobody = { myASN: 64512, peerASN: 65009, peerAddress: '10.10.0.250', bfdProfile: 'keyless' };
    await lab.client.apply({ ...own('BGPPeer', 'nobody'), spec: nobody });
    bird('tulip');
    const changed = { bfdProfile: 'keyed', passwordSecret: { name: 'tcp-key' }, holdTime: '30s', keepaliveTime: '10s' };
    await lab.client.patch({ ...own('BGPPeer', 'bird'), name: 'bird', namespace: NAMESPACE }, { spec: changed });
    const never = ['BFDProfile/keyless UnknownReference spec.auth.passwordSecret.name:', 'BGPPeer/nobody InvalidSecret spec.bfdProfile:'];
    await until('BGP and BFD', () => guarded().includes(' Up ') && lab.bird.sessions()['node1'] === 'Established', 40_000, 200);
    await saying('what has no key', ...never);
    const lines = (): string[] => [guarded(), /^node1 .*$/m.exec(birdc('show protocols'))?.[0] ?? ''];
    const before = lines();
    const isTheSame = (): void => {
      for (const [at, now] of lines().entries()) {
        expect(now.replace(TIME, '')).toBe(before[at]?.replace(TIME, ''));
        // BIRD reckons since when a session is up each time that it is asked, and is a millisecond off then and now.
        expect(Math.abs(millisecondsOf(now) - millisecondsOf(before[at] ?? ''))).toBeLessThan(100);
      }
    };

    for (const name of ['bfd-key', 'tcp-key']) await lab.client.delete({ apiVersion: 'v1', kind: 'Secret', name, namespace: NAMESPACE });
    const lost = 'BGPPeer/bird UnknownReference spec.passwordSecret.name:';
    await saying('the loss', ...never, 'BFDProfile/keyed UnknownReference spec.auth.passwordSecret.name:', lost);
    isTheSame();
    await key('bfd-key', 'daisy');
    await saying('that BIRD has the old key', ...never, lost, 'BGPPeer/bird RouterHasOldKey ');
    isTheSame();
    bird('daisy');
    await saying('the end of that', ...never, lost);
    await sleep(2_000);
    isTheSame();
  }, 150_000);

  it('tells the router why it goes (RFC 9003)', async () => {
    const speaker = lab.speakers.get('node1');
    if (speaker === undefined) throw new Error('there is no speaker');
    const capture = await Capture.start(lab.space, 'frr', 'eth0', lab.directory, 'tcp port 179');
    await lab.space.stop(speaker);
    // tcpdump sees packets a little later than the receiver.
    await sleep(1_500);
    const rows = await capture.fields('bgp.type == 3', 'ip.src', 'bgp.notify.major_error', 'bgp.notify.minor_error_cease');
    // Cease / Administrative Shutdown.
    expect(rows).toEqual([[nodeAddresses(0).ipv4, '6', '2']]);
    expect(speaker.exitCode).toBe(0);
  });
});
