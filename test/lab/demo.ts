import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sleep, until } from '../support/until.ts';
import { nodeAddresses } from './addresses.ts';
import { vips } from './kubeProxy.ts';
import { Lab } from './lab.ts';
import { labConfig, service } from './manifests.ts';
import { routeFarThrough } from './network.ts';
import { bold, check, command, dim, failures, green, output, red, say, table, title } from './terminal.ts';
import { Probe, macOf, urlOf, whoHas } from './traffic.ts';

const keep = process.env['KEEP'] === '1';
const SERVICES = { bgp: 'web-bgp', l2: 'web-l2' } as const;

interface Vips {
  readonly bgp: readonly string[];
  readonly l2: readonly string[];
}

async function main(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('the demo makes network namespaces: run it as root');
  console.log(bold('HeraldLB: a cluster of three nodes, two edge routers, two clients'));
  title('Build the lab');
  const lab = await Lab.start({ tag: 'demo', lasting: true, progress: (what) => say(dim(`… ${what}`)) });
  try {
    const kubeconfig = join(lab.directory, 'kubeconfig');
    writeFileSync(kubeconfig, lab.api.kubeconfig());
    const kube = await kubectl(kubeconfig);
    await startDaemons(lab);
    const found = await assign(lab, kube);
    showRouters(lab, found);
    showSegment(lab, found);
    curlEverything(lab, found);
    await killNode(lab, found);
    await removeService(lab, kube, found);
    if (keep) await leaveRunning(lab, kubeconfig);
  } finally {
    title('Clean up');
    await lab.close();
    say('namespaces, processes and files of the demo are gone');
  }
  finish();
}

type Kubectl = ((...words: string[]) => Promise<string>) | undefined;

/** kubectl where there is one; the demo talks to the API itself where there is none. Never blocks: the API server lives in this process. */
async function kubectl(kubeconfig: string): Promise<Kubectl> {
  const run = async (...words: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)('kubectl', words, {
      encoding: 'utf8',
      timeout: 20_000,
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
    return stdout;
  };
  try {
    await run('version', '--client');
    return run;
  } catch {
    return undefined;
  }
}

async function startDaemons(lab: Lab): Promise<void> {
  title('Start the controller and a speaker on every node');
  lab.startDaemons();
  const started = performance.now();
  await lab.established();
  say(`BGP sessions Established with both routers after ${Math.round(performance.now() - started)} ms`);
  command('frr', 'vtysh -c "show bgp summary"');
  table([['node', 'state'], ...Object.entries(lab.frr.sessions())]);
}

async function assign(lab: Lab, kube: Kubectl): Promise<Vips> {
  title('Two Services of type LoadBalancer get their VIPs');
  const manifest = join(lab.directory, 'services.yaml');
  const text = `${service(SERVICES.bgp, 'bgp')}---\n${service(SERVICES.l2, 'segment')}`;
  writeFileSync(manifest, text);
  writeFileSync(join(lab.directory, 'config.yaml'), labConfig());
  if (kube === undefined) await lab.client.apply(text);
  else {
    command('host', 'kubectl apply -f services.yaml');
    output(await kube('apply', '-f', manifest));
  }
  const started = performance.now();
  const of = async (name: string): Promise<readonly string[]> =>
    until(`VIPs of ${name}`, async () => {
      const found = vips(await lab.client.get({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name }));
      return found.length === 2 ? found : undefined;
    });
  const found = { bgp: await of(SERVICES.bgp), l2: await of(SERVICES.l2) };
  say(`assigned after ${Math.round(performance.now() - started)} ms`);
  if (kube === undefined)
    table([
      ['service', 'VIPs'],
      [SERVICES.bgp, found.bgp.join(' ')],
      [SERVICES.l2, found.l2.join(' ')],
    ]);
  else {
    command('host', 'kubectl get services,ipaddresspools -A');
    output(await kube('get', 'services', '-n', 'default'));
    output(await kube('get', 'ipaddresspools', '-A'));
  }
  await until('routes on both routers', () =>
    found.bgp.every((vip) => [lab.frr, lab.bird].every((router) => router.nextHops(host(vip)).length === lab.nodes.length)),
  );
  await until('an answer on the segment', () => found.l2.every((vip) => whoHas(lab.space, 'client', vip).length > 0), 20_000);
  await lab.cluster.syncNat();
  return found;
}

function host(vip: string): string {
  return `${vip}/${vip.includes(':') ? 128 : 32}`;
}

function showRouters(lab: Lab, found: Vips): void {
  title('Both routers have one next hop per node');
  for (const vip of found.bgp) {
    command('frr', `vtysh -c "show ${vip.includes(':') ? 'ipv6' : 'ip'} route ${host(vip)}"`);
    output(lab.frr.show(host(vip)));
  }
  command('bird', `birdc show route ${host(found.bgp[0] ?? '')}`);
  output(lab.bird.show(host(found.bgp[0] ?? '')));
  for (const vip of found.bgp) {
    const hops = [lab.frr, lab.bird].map((router) => router.nextHops(host(vip)).length);
    check(
      hops.every((count) => count === lab.nodes.length),
      `${host(vip)}: ${hops.join(' and ')} next hops`,
    );
  }
}

function nodeOfMac(lab: Lab, mac: string | undefined): string {
  return lab.nodes.find((node) => macOf(lab.space, node) === mac) ?? 'nobody';
}

function showSegment(lab: Lab, found: Vips): void {
  title('On the segment exactly one node answers for a VIP');
  for (const vip of found.l2) {
    const answers = whoHas(lab.space, 'client', vip);
    command('client', vip.includes(':') ? `ndisc6 ${vip} eth0` : `arping ${vip}`);
    check(answers.length === 1, `${vip} is at ${answers.join(' and ') || 'nobody'} (${nodeOfMac(lab, answers[0])})`);
  }
  for (const vip of found.l2) curl(lab, 'client', vip);
  command('client', 'ip neigh show');
  const neighbours = lab.space.run('client', 'ip neigh show').split('\n');
  output(neighbours.filter((line) => found.l2.some((vip) => line.startsWith(`${vip} `))).join('\n'));
}

function curl(lab: Lab, from: string, vip: string): string | undefined {
  return lab.space.attempt(from, ['curl', '-s', '-S', '--max-time', '3', urlOf(vip)])?.trim();
}

function curlEverything(lab: Lab, found: Vips): void {
  title('HTTP goes through');
  const ask = (from: string, vip: string, way: string): void => {
    command(from, `curl ${urlOf(vip)}  ${dim(way)}`);
    const text = curl(lab, from, vip);
    check(text?.startsWith('hello') === true, text ?? 'no answer');
  };
  for (const router of ['frr', 'bird'] as const) {
    routeFarThrough(lab.space, router);
    for (const vip of found.bgp) ask('far', vip, `through ${router}`);
  }
  for (const vip of found.l2) ask('client', vip, 'on the segment');
  routeFarThrough(lab.space, 'frr');
}

async function killNode(lab: Lab, found: Vips): Promise<void> {
  title('A node loses power');
  const [l2vip = '', bgpVip = ''] = [found.l2[0], found.bgp[0]];
  const victim = nodeOfMac(lab, whoHas(lab.space, 'client', l2vip)[0]);
  const probes = {
    l2: new Probe(lab.space, 'client', l2vip, lab.directory, 12_000),
    bgp: new Probe(lab.space, 'far', bgpVip, lab.directory, 12_000),
  };
  await sleep(1500);
  lab.kill(victim);
  say(`${red(victim)}, which owned ${l2vip}, has lost its link and its processes`);
  await Promise.all([probes.l2.done, probes.bgp.done]);
  table([
    ['VIP', 'requests', 'lost', 'longest gap', 'answered by'],
    ...(['l2', 'bgp'] as const).map((kind) => {
      const probe = probes[kind];
      return [
        kind === 'l2' ? l2vip : bgpVip,
        String(probe.replies.length),
        String(probe.lost),
        `${probe.gapMs} ms`,
        probe.nodes.join(', '),
      ];
    }),
  ]);
  const owners = whoHas(lab.space, 'client', l2vip);
  check(owners.length === 1 && nodeOfMac(lab, owners[0]) !== victim, `${l2vip} is now at ${nodeOfMac(lab, owners[0])}`);
  check(!lab.frr.nextHops(host(bgpVip)).includes(addressOf(lab, victim)), `FRR has dropped ${victim} as a next hop of ${host(bgpVip)}`);
  check(probes.l2.replies.at(-1)?.ok === true && probes.bgp.replies.at(-1)?.ok === true, 'traffic is back on both VIPs');
  lab.revive(victim);
  await lab.established();
  say(`${green(victim)} is back`);
}

function addressOf(lab: Lab, node: string): string {
  return nodeAddresses(lab.nodes.indexOf(node)).ipv4;
}

async function removeService(lab: Lab, kube: Kubectl, found: Vips): Promise<void> {
  title('A Service is deleted');
  await until('the routes are back', () => lab.frr.nextHops(host(found.bgp[0] ?? '')).length === lab.nodes.length, 10_000);
  if (kube !== undefined) {
    command('host', `kubectl describe service ${SERVICES.bgp} | grep -A20 Events`);
    output(/Events:[\s\S]*/.exec(await kube('describe', 'service', SERVICES.bgp, '-n', 'default'))?.[0] ?? 'no events');
    command('host', `kubectl get nodestates -A`);
    output(await kube('get', 'nodestates', '-A'));
  }
  const started = performance.now();
  await lab.client.delete({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name: SERVICES.bgp });
  await until(
    'the route is withdrawn',
    () => found.bgp.every((vip) => lab.frr.nextHops(host(vip)).length === 0 && lab.bird.nextHops(host(vip)).length === 0),
    5_000,
    20,
  );
  check(true, `both routers have dropped its routes after ${Math.round(performance.now() - started)} ms`);
}

async function leaveRunning(lab: Lab, kubeconfig: string): Promise<void> {
  const ns = (name: string): string => lab.space.ns(name);
  const exec = (name: string, text: string): string => `${bold('ip netns exec')} ${ns(name)} ${text}`;
  await lab.client.apply(service(SERVICES.bgp, 'bgp'));
  title('Look around (KEEP=1); end it with Ctrl-C');
  table([
    ['what', 'how'],
    ['the API', `export KUBECONFIG=${kubeconfig}; kubectl get services,ipaddresspools,bgppeers,nodestates -A`],
    ['FRR', exec('frr', `vtysh --vty_socket ${lab.directory}/frr -c 'show ip route bgp'`)],
    ['BIRD', exec('bird', `birdc -s ${lab.directory}/bird/bird.ctl show route`)],
    ['a client', exec('client', 'ip neigh')],
    ['a far client', exec('far', 'curl http://VIP/')],
    ['metrics', exec(lab.nodes[0] ?? 'node1', 'curl -s http://127.0.0.1:7482/metrics')],
    ['logs', `${lab.directory}/*.log`],
  ]);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

function finish(): void {
  if (failures.length === 0) {
    console.log(
      `\n${green(bold('Everything worked.'))} ${keep ? '' : dim('make demo KEEP=1 leaves it running; make test runs every test.')}`,
    );
    return;
  }
  console.log(`\n${red(bold('Not everything worked:'))}`);
  for (const failure of failures) console.log(`   ${red('✗')} ${failure}`);
  process.exitCode = 1;
}

await main();
