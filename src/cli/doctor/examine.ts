import type { Facts, Finding, Level } from './contract.ts';
import { judgeApi, judgeConfiguration, judgeDefinitions, judgeOthers, judgeRights } from './judgeCluster.ts';
import { judgeInterfaces, judgePools } from './judgeLinks.ts';
import { judgeCapabilities, judgeKernel, judgePorts, judgeSysctls } from './judgeNode.ts';
import { judgeDuplicates, judgeEchoes, judgePeers } from './judgeWire.ts';

/** In the order of causes: who comes later often fails because of who comes earlier. */
const JUDGES: readonly ((facts: Facts) => Finding[])[] = [
  judgeCapabilities,
  judgeKernel,
  judgeApi,
  judgeDefinitions,
  judgeRights,
  judgeConfiguration,
  judgeOthers,
  judgeInterfaces,
  judgeSysctls,
  judgePools,
  judgeDuplicates,
  judgePorts,
  judgePeers,
  judgeEchoes,
];

const ORDER: readonly Level[] = ['FAIL', 'WARN', 'PASS'];

/** Everything there is to say of these facts, what has to be mended first. */
export function examine(facts: Facts): Finding[] {
  return JUDGES.flatMap((judge) => judge(facts)).toSorted((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level));
}
