import { ClaimTable } from '../src/layer2/claimTable.ts';
import { probeFrame, questionFrame } from '../src/layer2/gratuitous.ts';
import { type InterfaceView, viewInterface } from '../src/layer2/link.ts';
import { REPLY_BYTES, respond } from '../src/layer2/responder.ts';
import type { Ip } from '../src/net/ip.ts';
import { macFromBytes } from '../src/net/mac.ts';
import { Layer2Counters } from './layer2Counters.ts';

/** Often enough that the compiler takes the hot path for one, in some 50 ms. */
const ROUNDS = 150;
const VIPS = 16;

/**
 * Answers questions in memory, so that those of a whole segment, which come at once when a node has taken over, do not meet cold code: it takes
 * five times as long for each. Nothing of it is kept, and nothing goes out.
 * @returns how many were answered
 */
export function warmAnswers(rounds = ROUNDS): number {
  const [own, asker] = [linkOf(1), linkOf(2)];
  const vips = Array.from({ length: VIPS }, (_, vip) => [`192.0.2.${vip + 1}`, `2001:db8::${(vip + 1).toString(16)}`] as Ip[]).flat();
  const table = new ClaimTable();
  table.setOwnMacs([own.mac]);
  // One of each family is nobody's.
  for (const ip of vips.slice(2)) table.set({ ip, phase: 'claimed' });
  const questions = vips.flatMap((ip) => questionsFor(ip, asker));
  const counters = new Layer2Counters(table);
  const out = new Uint8Array(REPLY_BYTES);
  let answered = 0;
  for (let round = 0; round < rounds; round++) {
    for (const question of questions) {
      const response = respond(question, own, table, out);
      counters.count(response);
      if (response.kind === 'reply') answered += 1;
    }
  }
  return answered;
}

/** What is asked again and again, and now and then by one who wants the address for himself. */
function questionsFor(ip: Ip, asker: InterfaceView): Uint8Array[] {
  const question = questionFrame(ip, (ip.includes(':') ? '2001:db8::ffff' : '192.0.2.254') as Ip, asker);
  return [question, question, question, probeFrame(ip, asker)];
}

function linkOf(last: number): InterfaceView {
  const mac = macFromBytes(Uint8Array.of(2, 0, 0, 0, 0, last), 0);
  return viewInterface({ name: 'warm', index: last, mac, up: true, arp: true, ndp: true });
}
