import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findHelm, findKubeBinaries } from '../kube/binaries.ts';
import { L2_POOL } from '../lab/addresses.ts';
import { Lab } from '../lab/lab.ts';
import { NAMESPACE } from '../lab/manifests.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { LAB_NEEDS } from './needs.ts';
import { realApi } from './realApi.ts';

/** The block of commands under the heading, line by line. */
function commands(): string[] {
  const [, section = ''] = /\n## Install on a cluster\n([\s\S]*?)\n## /.exec(readFileSync('README.md', 'utf8')) ?? [];
  const [, block = ''] = /\n((?: {4}.+\n)+)/.exec(section) ?? [];
  return block
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

const binaries = findKubeBinaries();
const NEEDS = [
  { reason: 'there is no real kube-apiserver (test/kube/build.sh)', met: binaries?.controllerManager !== undefined },
  { reason: 'there is no kubectl (test/kube/build.sh)', met: binaries?.kubectl !== undefined },
  { reason: 'there is no helm (test/kube/helm/build.sh)', met: findHelm() !== undefined },
];

/** The Deployment that the README takes for granted; its Pods are those of the lab. */
const WEB = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'ingress' } },
    template: { metadata: { labels: { app: 'ingress' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
  },
};

need(...LAB_NEEDS, ...NEEDS).describe('the way from the README to a Service that is reached', () => {
  let lab: Lab;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    lab = await Lab.start({ tag: 'rdm', nodes: 1, api: realApi });
    const config = join(lab.directory, 'admin.kubeconfig');
    writeFileSync(config, lab.api.kubeconfig());
    env = { ...process.env, KUBECONFIG: config, PATH: `${dirname(binaries?.kubectl ?? '')}:${process.env['PATH'] ?? ''}` };
    // The reader's cluster has no pools yet.
    run(`kubectl delete -n ${NAMESPACE} --all ipaddresspools,l2advertisements,bgpadvertisements,bgppeers`);
    await lab.client.apply(WEB);
  }, 180_000);

  afterAll(async () => {
    await lab?.close();
  });

  const run = (command: string): string => execFileSync('bash', ['-ec', command], { env, encoding: 'utf8', stdio: 'pipe' });

  it('takes five commands, each as it stands there', async () => {
    const [image = '', install = '', configure = '', expose = '', ask = '', ...more] = commands();
    expect(more).toEqual([]);
    // No container engine runs in the tests: what is in the image is what runs in the lab.
    expect(image).toMatch(/^docker buildx build /);
    const made = run(install);
    for (const kind of [
      'namespace',
      'deployment.apps',
      'daemonset.apps',
      'poddisruptionbudget.policy',
      'flowschema.flowcontrol.apiserver.k8s.io',
    ])
      expect(made).toContain(`${kind}/`);
    lab.startDaemons();
    const pool = join(lab.directory, 'l2.yaml');
    const example = readFileSync('manifests/examples/l2.yaml', 'utf8');
    writeFileSync(pool, example.replace(/\d+\.\d+\.\d+\.\d+-\d+\.\d+\.\d+\.\d+/, L2_POOL.ipv4));
    expect(configure).toContain('after setting the addresses in it');
    run(configure.replace('manifests/examples/l2.yaml', pool));
    run(expose);
    // The reader's machine asks the API server and the Service; here two hosts do.
    const [, where = '', query = ''] = /^curl (http:\/\/)\$\((.+)\)$/.exec(ask) ?? [];
    const answer = await until(
      'the Service to answer',
      () => {
        const vip = run(query).trim();
        const text = vip === '' ? undefined : lab.space.attempt('client', ['curl', '-s', '--max-time', '2', `${where}${vip}`]);
        return text?.startsWith('hello') === true && text;
      },
      60_000,
    );
    expect(answer).toContain('hello');
  }, 180_000);

  it('a real API server takes all that the chart can make, field by field', () => {
    const all = ['webhook', 'networkPolicy', 'glass'].map((name) => `${name}.enabled=true`);
    const words = ['template', 'heraldlb', 'manifests/chart', '-n', NAMESPACE, '--set', [...all, 'namespace.create=true'].join(',')];
    const rendered = execFileSync(findHelm() ?? '', [...words, '--kube-version', '1.35.4'], { encoding: 'utf8' });
    writeFileSync(join(lab.directory, 'chart.yaml'), rendered);
    const text = run(
      `kubectl apply --server-side --force-conflicts --dry-run=server --validate=strict -f ${join(lab.directory, 'chart.yaml')}`,
    );
    expect(text.match(/serverside-applied/g)?.length).toBeGreaterThan(25);
    expect(
      run('kubectl get flowschema heraldlb heraldlb-leases -o jsonpath="{.items[*].status.conditions[?(@.type==\'Dangling\')].status}"'),
    ).toBe('False False');
  }, 60_000);
});
