import { afterAll, beforeAll, expect, it } from 'vitest';
import { LAB_NEEDS } from '../e2e/needs.ts';
import { Capture } from '../e2e/wire.ts';
import { nodeAddresses } from '../lab/addresses.ts';
import { Lab } from '../lab/lab.ts';
import { service } from '../lab/manifests.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';

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
