import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BGP_POOL } from '../lab/addresses.ts';
import { vips } from '../lab/kubeProxy.ts';
import { Lab } from '../lab/lab.ts';
import { NAMESPACE, service } from '../lab/manifests.ts';
import { documents } from '../support/apiClient.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';
import { LAB_NEEDS } from './needs.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/** `group/resource verb`, for each that a role grants. */
function granted(account: string): Set<string> {
  const roles = documents(readFileSync(join(process.cwd(), 'manifests/base/rbac.yaml'), 'utf8')).filter(
    (object) => object.kind.endsWith('Role') && object.metadata.name === account,
  );
  expect(roles.length).toBe(2);
  const rules = roles.flatMap((role) => (role as unknown as { rules: Rule[] }).rules);
  return new Set(
    rules.flatMap((rule) =>
      rule.apiGroups.flatMap((group) => rule.resources.flatMap((resource) => rule.verbs.map((verb) => `${group}/${resource} ${verb}`))),
    ),
  );
}

function ask(pool: string): { readonly metadata: { readonly annotations: object } } {
  return { metadata: { annotations: { 'heraldlb.io/address-pool': pool } } };
}

function groupOf(path: string): string {
  return /^\/apis\/([^/]+)/.exec(path)?.[1] ?? '';
}

need(...LAB_NEEDS).describe('the roles in manifests', () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start({ tag: 'rbac', nodes: 1 });
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'key', namespace: NAMESPACE },
      type: 'kubernetes.io/basic-auth',
      stringData: { username: '', password: 'unused' },
    };
    await lab.client.apply(secret);
    const peer = { apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', metadata: { name: 'keyed', namespace: NAMESPACE } };
    await lab.client.apply({
      ...peer,
      spec: { myASN: 64512, peerASN: 65009, peerAddress: '10.10.0.250', passwordSecret: { name: 'key' } },
    });
    for (const [kind, spec] of [
      ['BFDProfile', { detectMultiplier: 5 }],
      ['Community', { communities: [{ name: 'blue', value: '64512:1' }] }],
      ['IPAddressPool', { addresses: [BGP_POOL.ipv4] }],
    ] as const) {
      await lab.client.apply({ apiVersion: 'heraldlb.io/v1', kind, metadata: { name: 'extra', namespace: NAMESPACE }, spec });
    }
    lab.startDaemons();
    await lab.established();
  }, 120_000);

  afterAll(async () => {
    await lab?.close();
  });

  /** A Service is refused, content, and refused again for the same reason. */
  async function askTwice(): Promise<void> {
    const nowhere = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'nowhere' };
    await lab.client.apply({
      ...documents(service('nowhere', 'bgp'))[0],
      metadata: { name: 'nowhere', namespace: 'default', ...ask('missing').metadata },
    });
    const allocated = async (): Promise<string | undefined> => {
      const status = (await lab.client.get(nowhere)).status as { conditions?: { type: string; status: string }[] } | undefined;
      return status?.conditions?.find((condition) => condition.type === 'heraldlb.io/Allocated')?.status;
    };
    await until('a refusal', async () => (await allocated()) === 'False');
    await lab.client.patch(nowhere, ask('bgp'));
    await until('an address', async () => (await allocated()) === 'True');
    await lab.client.patch(nowhere, ask('missing'));
    await until('the second refusal', async () => (await allocated()) === 'False');
  }

  /** A claim is made, edited and ended. */
  async function claim(): Promise<void> {
    const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'kept' };
    const keep = (value: string): Promise<unknown> =>
      lab.client.patch(ref, { metadata: { annotations: { 'heraldlb.io/address-claim': value } } });
    const made = { apiVersion: 'heraldlb.io/v1', kind: 'AddressClaim', namespace: NAMESPACE, name: 'default.kept' };
    const ttl = async (): Promise<unknown> => ((await lab.client.get(made)).spec as { ttl?: string }).ttl;
    await lab.client.apply(service('kept', 'bgp'));
    await until('a VIP', async () => vips(await lab.client.get(ref)).length > 0);
    await keep('24h');
    await until('a claim', async () => (await ttl()) === '24h');
    await keep('48h');
    await until('another ttl', async () => (await ttl()) === '48h');
    await keep('none');
    await until('no claim', async () => {
      const answer = await ttl().catch(() => 'gone');
      return answer === 'gone';
    });
  }

  it('allow every request that the programs make, and grant nothing that they do not use', async () => {
    await lab.client.apply(service('web', 'bgp'));
    await lab.client.apply(service('segment', 'segment'));
    const ref = { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'web' };
    await until('VIPs', async () => vips(await lab.client.get(ref)).length === 2);
    const announced = (): boolean => lab.frr.nextHops(`${BGP_POOL.ipv4.split('/')[0]?.replace(/0$/, '1')}/32`).length === 1;
    await until('the route', announced);
    const log = lab.api.kubelab?.requests ?? [];
    const asked = (account: string): Map<string, number> =>
      new Map(
        log
          .filter((entry) => entry.user === `system:serviceaccount:${NAMESPACE}:${account}`)
          .map((entry) => [
            `${groupOf(entry.path)}/${entry.resource}${entry.subresource === '' ? '' : `/${entry.subresource}`} ${entry.verb}`,
            entry.status,
          ]),
      );
    // The same event a second time is a patch of the first. The Service goes from announced to not and back; what happens within a moment
    // is told as one.
    for (let round = 0; round < 2 || (round < 10 && !asked('heraldlb-speaker').has('/events patch')); round++) {
      for (const ready of [false, true]) {
        await lab.cluster.setReady('node1', ready);
        await until(`the route to ${ready ? 'come' : 'go'}`, () => announced() === ready);
        await sleep(300);
      }
    }
    await askTwice();
    await claim();
    for (const account of ['heraldlb-controller', 'heraldlb-speaker']) {
      await until(
        `${account} to have used all it may`,
        () => [...granted(account)].every((right) => asked(account).has(right)),
        30_000,
        250,
      ).catch(() => {});
      const unused = [...granted(account)].filter((right) => !asked(account).has(right));
      expect({ account, unused }).toEqual({ account, unused: [] });
    }
    const forbidden = log.filter((entry) => entry.status === 403 || entry.status === 401);
    expect(forbidden.map((entry) => `${entry.user} ${entry.verb} ${entry.path}`)).toEqual([]);
  }, 120_000);
});
