import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DRAIN_LABEL } from '../../../src/announce/drain.ts';
import { type Blow, lostDuring, recover, strikeOwner } from '../../lab/failover.ts';
import { Pinger, SegmentLab } from '../../lab/segment.ts';
import { nodeAddresses } from '../../lab/addresses.ts';
import { sleep, until } from '../../support/until.ts';

/*
 * What a client of a VIP loses when the owner loses its power, its speaker dies or stands still, ends, or is drained, beside
 * keepalived on the same segment. A run that is to be short does only some of it; several can be added up, from the figures printed.
 *   [NODES=3] node test/support/run.mjs test/bench/layer2/failover.ts [TRIALS] [PART ...]
 */
const PARTS = ['cut', 'kill', 'freeze', 'cut-no-api', 'kill-no-api', 'restart', 'restart-no-api', 'drain', 'keepalived', 'keepalived-0.1'];
const TRIALS = Number(process.argv[2] ?? 50);
const NODES = Number(process.env['NODES'] ?? 3);
const CHOSEN = process.argv.length > 3 ? process.argv.slice(3) : PARTS;
const KEEPALIVED_VIP = '10.10.0.210';

function show(name: string, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): string => String(Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN));
  console.log(`${name.padEnd(28)} trials ${values.length}  p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  worst ${at(1)}`);
  console.log(`  ${values.map((value) => Math.round(value)).join(' ')}`);
}

async function unplanned(lab: SegmentLab, blow: Blow, isApiStopped: boolean): Promise<void> {
  const dark: number[] = [];
  const moved: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    if (isApiStopped) lab.door.shut();
    const outage = await strikeOwner(lab, blow);
    lab.door.reopen();
    dark.push(outage.resumedMs);
    moved.push(outage.movedMs);
    await recover(lab, blow, outage.node);
  }
  const what = `${blow}${isApiStopped ? ', no API server' : ''}`;
  // Where only the speaker is lost the kernel of its node goes on with the packets.
  if (blow === 'cut') show(`${what}: answers, ms`, dark);
  show(`${what}: moved, ms`, moved);
}

const ownerOf = async (lab: SegmentLab): Promise<string> => (await until('an owner', () => lab.owner(), 20_000)) ?? '';

/** Packets lost when the owner's speaker ends (SIGTERM), and when it is back and takes the VIP again. */
async function restarts(lab: SegmentLab, isApiStopped: boolean): Promise<void> {
  const away: number[] = [];
  const back: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    const owner = await ownerOf(lab);
    if (isApiStopped) lab.door.shut();
    const end = (): void => lab.kill(owner, 'SIGTERM');
    away.push(await lostDuring(lab, end, () => lab.speakers.get(owner)?.exitCode === 0 && isWith(lab, owner, false)));
    lab.door.reopen();
    back.push(
      await lostDuring(
        lab,
        () => lab.startSpeaker(owner),
        () => isWith(lab, owner, true),
      ),
    );
    await lab.settled();
  }
  const suffix = isApiStopped ? ', no API server' : '';
  show(`SIGTERM${suffix}: lost`, away);
  if (!isApiStopped) show('failback: lost', back);
}

function isWith(lab: SegmentLab, node: string, here: boolean): boolean {
  const owner = lab.owner();
  return owner !== undefined && (owner === node) === here;
}

async function drains(lab: SegmentLab): Promise<void> {
  const away: number[] = [];
  const back: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    const owner = await ownerOf(lab);
    const label = async (value: string | null): Promise<void> => {
      await lab.client.patch({ apiVersion: 'v1', kind: 'Node', name: owner }, { metadata: { labels: { [DRAIN_LABEL]: value } } });
    };
    const begin = (): Promise<void> => label('');
    const end = (): Promise<void> => label(null);
    away.push(await lostDuring(lab, begin, () => isWith(lab, owner, false)));
    back.push(await lostDuring(lab, end, () => isWith(lab, owner, true)));
  }
  show('drain: lost', away);
  show('drain over: lost', back);
}

function keepalivedConfig(index: number, advertSeconds: string): string {
  return `global_defs { vrrp_version 3 }
vrrp_instance vip {
  interface eth0
  state BACKUP
  virtual_router_id 51
  priority ${100 + index}
  advert_int ${advertSeconds}
  virtual_ipaddress { ${KEEPALIVED_VIP}/24 }
}
`;
}

async function keepalived(lab: SegmentLab, advertSeconds: string): Promise<void> {
  const { space, directory } = lab;
  const start = (name: string): ReturnType<typeof space.start> => {
    const index = lab.nodes.indexOf(name);
    const file = join(directory, `keepalived-${name}.conf`);
    writeFileSync(file, keepalivedConfig(index, advertSeconds));
    const words = ['keepalived', '-n', '-l', '-P', '-f', file, '-p', `${file}.pid`, '-r', `${file}.vrrp.pid`];
    return space.start(name, words, join(directory, `keepalived-${name}.log`));
  };
  const running = new Map(lab.nodes.map((name) => [name, start(name)]));
  const dark: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    // Who was healed takes it back by its priority some seconds later; a trial right before that would show no outage.
    const [owner = ''] = lab.nodes.slice(-1);
    await until('its owner', () => lab.owner(KEEPALIVED_VIP) === owner, 20_000);
    const pinger = new Pinger(lab, KEEPALIVED_VIP);
    await until('answers', () => pinger.count > 100);
    await sleep(Math.random() * 1000);
    const at = Date.now();
    lab.cut(owner);
    await sleep(100);
    const { count } = pinger;
    await until('answers again', () => pinger.count > count + 20, 20_000, 20);
    await pinger.stop();
    dark.push(pinger.resumedAfter(at) ?? Infinity);
    lab.heal(owner);
    await sleep(500);
  }
  for (const child of running.values()) await space.stop(child);
  show(`keepalived ${advertSeconds} s: answers, ms`, dark);
}

async function measure(lab: SegmentLab, part: string): Promise<void> {
  const isApiStopped = part.endsWith('-no-api');
  const what = part.replace('-no-api', '');
  if (what === 'restart') await restarts(lab, isApiStopped);
  else if (what === 'drain') await drains(lab);
  else if (what === 'keepalived') await keepalived(lab, '1');
  else if (what === 'keepalived-0.1') await keepalived(lab, '0.1');
  else await unplanned(lab, what as Blow, isApiStopped);
}

const lab = await SegmentLab.start({ tag: 'l2b', nodes: NODES, flags: ['--l2-failback-seconds', '1'] });
try {
  console.log(`${lab.nodes.length} nodes (${nodeAddresses(0).ipv4} …), a client that asks 500 times a second`);
  if (CHOSEN.some((part) => !part.startsWith('keepalived'))) {
    lab.startSpeakers();
    await lab.settled();
  }
  for (const part of CHOSEN) await measure(lab, part);
} finally {
  await lab.close();
}
