/** Prints how long plans of 100,000 Services take: `node test/support/run.mjs test/bench/ipam.bench.ts` */
import { Allocator } from '../../src/ipam/allocator.ts';
import { ip, pool, service, snapshot, written } from '../ipam/support.ts';

const COUNT = 100_000;
const pools = [pool('four', '10.0.0.0/15'), pool('six', '2001:db8::/64')];
const clusters = [['10.96.0.9'], ['fd00::9']];
const services = Array.from({ length: COUNT }, (_, i) => service(`s${i}`, { clusterIPs: clusters[i % 2] ?? [] }));

function measure<Result>(what: string, work: () => Result): Result {
  const start = performance.now();
  const result = work();
  console.log(`${what.padEnd(58)} ${(performance.now() - start).toFixed(1).padStart(9)} ms`);
  return result;
}

const memory = (): number => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

const allocator = new Allocator();
const before = memory();
measure(`${COUNT} Services, none has an address`, () => allocator.reset(snapshot(pools, services)));
console.log(`memory per Service (with --expose-gc)`.padEnd(58), ((memory() - before) / COUNT).toFixed(0).padStart(9), 'bytes');
const ledger = services.map((view) => written(view, allocator.assignment(view.key)));
const restarted = new Allocator();
measure(`${COUNT} Services, all have one (restart)`, () => restarted.reset(snapshot(pools, ledger)));
measure(`${COUNT} Services, an edit of a pool`, () => restarted.reset(snapshot([...pools, pool('more', '10.9.0.0/24')], ledger)));
const extra = Array.from({ length: 1000 }, (_, i) => service(`extra${i}`));
measure('1,000 more, one after another', () => extra.forEach((view) => restarted.upsert(view)));
measure('1,000 deleted, one after another', () => extra.forEach((view) => restarted.remove(view.key)));
const full = new Allocator();
measure(`${COUNT} Services in a full /16`, () =>
  full.reset(
    snapshot(
      [pool('p', '10.0.0.0/16')],
      services.map((view) => ({ ...view, clusterIPs: [ip('10.96.0.9')] })),
    ),
  ),
);
measure('one freed, 34,464 wait', () => full.remove(services[0]?.key ?? ('' as never)));
const shared = Array.from({ length: 20_000 }, (_, i) =>
  service(`x${i}`, { annotations: { 'heraldlb.io/allow-shared-ip': 'k' }, ports: [{ protocol: 'TCP', port: 1 + (i % 100) }] }),
);
measure('20,000 that share, 100 to an address', () => new Allocator().reset(snapshot(pools, shared)));
