import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { API } from '../lab/addresses.ts';
import { Lab } from '../lab/lab.ts';
import { service } from '../lab/manifests.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { LAB_NEEDS } from './needs.ts';

/** MetalLB's names are as they are; its linter would have them otherwise. */
const METALLB = /^(?:# (?:HELP|TYPE) )?(?:metallb|frrk8s)_/;

/** What the linter of Prometheus says of a page, one line each; what it cannot read is an error. */
function lint(page: string): string[] {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: page, encoding: 'utf8' });
  // 3: there are findings.
  if (status !== 0 && status !== 3) throw new Error(`${stdout}${stderr}`);
  return `${stdout}${stderr}`.split('\n').filter(Boolean);
}

/** The names of MetalLB's speaker and controller, with the types that it gives them. */
const SPEAKER = {
  metallb_speaker_announced: 'gauge',
  metallb_layer2_requests_received: 'counter',
  metallb_layer2_responses_sent: 'counter',
  metallb_layer2_gratuitous_sent: 'counter',
  metallb_bgp_session_up: 'gauge',
  metallb_bgp_announced_prefixes_total: 'gauge',
  metallb_bgp_pending_prefixes_total: 'gauge',
  metallb_bgp_updates_total: 'counter',
  metallb_bfd_session_up: 'gauge',
  metallb_bfd_control_packet_input: 'counter',
  frrk8s_bgp_session_up: 'gauge',
};
const CONTROLLER = {
  metallb_allocator_addresses_total: 'gauge',
  metallb_allocator_ipv4_addresses_total: 'gauge',
  metallb_allocator_ipv6_addresses_total: 'gauge',
  metallb_allocator_addresses_in_use_total: 'gauge',
  metallb_allocator_ipv4_addresses_in_use_total: 'gauge',
  metallb_allocator_ipv6_addresses_in_use_total: 'gauge',
  metallb_allocator_services_allocated_total: 'gauge',
  metallb_k8s_client_config_loaded_bool: 'gauge',
  metallb_k8s_client_config_stale_bool: 'gauge',
};

need(...LAB_NEEDS, 'command:promtool').describe('the metrics of a cluster at work', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start({ tag: 'met', nodes: 1 });
    lab.startDaemons();
    await lab.established();
    await lab.client.apply(service('routed', 'bgp'));
    await lab.client.apply(service('segment', 'segment'));
  }, 120_000);

  afterAll(async () => {
    await lab?.close();
  });

  const get = (url: string): string => lab.space.run('node1', ['curl', '-s', url]);
  const speaker = (): string => get('http://127.0.0.1:7482/metrics');
  const controller = (): string => get(`http://${API.ipv4}:7481/metrics`);

  it.each([
    ['speaker', speaker, SPEAKER],
    ['controller', controller, CONTROLLER],
  ])('of the %s please the linter of Prometheus, but for those of MetalLB, which are all there', async (_, page, expected) => {
    await until('the Services in it', () => page().includes('announced_addresses{protocol="bgp"') || page().includes('pool="bgp"'));
    const text = page();
    const own = text.split('\n').filter((line) => !METALLB.test(line));
    expect(own.length).toBeGreaterThan(100);
    expect(lint(`${own.join('\n')}\n`)).toEqual([]);
    expect(lint(text).filter((finding) => !METALLB.test(finding))).toEqual([]);
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]));
    expect(Object.keys(expected).map((name) => [name, types.get(name)])).toEqual(Object.entries(expected));
  });

  it('say the same under both names', async () => {
    const value = (text: string, name: string): number | undefined => {
      const found = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
      return found === undefined ? undefined : Number(found);
    };
    await until('the Services in it', () => value(speaker(), 'heraldlb_bgp_prefixes_announced') === 2);
    const text = speaker();
    expect(value(text, 'metallb_bgp_announced_prefixes_total')).toBe(2);
    expect(value(text, 'metallb_bgp_session_up')).toBe(value(text, 'heraldlb_bgp_session_up'));
    expect(text).toMatch(/^metallb_bgp_session_up\{peer="[\d.]+:179"/m);
    expect(text).toMatch(/^frrk8s_bgp_session_up\{peer="[\d.]+"/m);
    expect(value(controller(), 'metallb_allocator_services_allocated_total')).toBe(value(controller(), 'heraldlb_allocator_services'));
  });

  it('tell how long changes took to the wire', async () => {
    const count = (protocol: string): number => {
      const line = new RegExp(`^heraldlb_speaker_change_to_wire_seconds_count\\{.*protocol="${protocol}".*\\} (\\d+)$`, 'm');
      return Number(line.exec(speaker())?.[1] ?? Number.NaN);
    };
    // Both routers, and both addresses of the Service on the segment, which nobody had before.
    await until('changes of both kinds', () => count('bgp') >= 2 && count('layer2Probed') >= 2);
    const before = count('bgp');
    await lab.client.apply(service('another', 'bgp'));
    await until('one change more', () => count('bgp') > before);
    expect(count('layer2')).toBe(0);
  });
});
