import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Blow, recover, strikeOwner } from '../../lab/failover.ts';
import { Pinger, SegmentLab } from '../../lab/segment.ts';
import { nodeAddresses } from '../../lab/addresses.ts';
import { sleep, until } from '../../support/until.ts';

/*
 * How long a client is without answers when the owner of a VIP loses its power, beside keepalived on the same segment:
 *   node test/support/run.mjs test/bench/layer2/failover.ts [TRIALS] [cut|kill|freeze]
 */
const TRIALS = Number(process.argv[2] ?? 50);
const BLOW = (process.argv[3] ?? 'cut') as Blow;
const KEEPALIVED_VIP = '10.10.0.210';

function show(name: string, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): string => String(Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? NaN));
  console.log(`${name.padEnd(28)} trials ${values.length}  p50 ${at(0.5)} ms  p90 ${at(0.9)} ms  p99 ${at(0.99)} ms  worst ${at(1)} ms`);
}

async function ours(lab: SegmentLab): Promise<void> {
  const dark: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    const { node, resumedMs, movedMs } = await strikeOwner(lab, BLOW);
    dark.push(BLOW === 'cut' ? resumedMs : movedMs);
    await recover(lab, BLOW, node);
  }
  show(`HeraldLB, ${BLOW}`, dark);
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
  for (let trial = 0; trial < Math.min(TRIALS, 50); trial++) {
    const owner = (await until('an owner of keepalived', () => lab.owner(KEEPALIVED_VIP), 20_000)) ?? '';
    const pinger = new Pinger(lab, KEEPALIVED_VIP);
    await until('answers', () => pinger.count > 100);
    await sleep(Math.random() * 1000);
    const at = Date.now();
    lab.cut(owner);
    await sleep(advertSeconds === '1' ? 5000 : 1500);
    await pinger.stop();
    dark.push(pinger.resumedAfter(at) ?? Infinity);
    lab.heal(owner);
    await sleep(1500);
  }
  for (const child of running.values()) await space.stop(child);
  show(`keepalived, ${advertSeconds} s`, dark);
}

const lab = await SegmentLab.start({ tag: 'l2b', flags: ['--l2-failback-seconds', '1'] });
try {
  console.log(`${lab.nodes.length} nodes (${nodeAddresses(0).ipv4} …), a client that asks 500 times a second`);
  lab.startSpeakers();
  await lab.settled();
  await ours(lab);
  await keepalived(lab, '1');
  await keepalived(lab, '0.1');
} finally {
  await lab.close();
}
