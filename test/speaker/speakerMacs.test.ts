import { expect, it } from 'vitest';
import { claimProblems } from '../../speaker/layer2Words.ts';
import { wireProblemText } from '../../speaker/report.ts';
import { SpeakerMacs } from '../../speaker/speakerMacs.ts';
import { questionFrame } from '../../src/layer2/gratuitous.ts';
import type { Mac } from '../../src/net/mac.ts';
import { encodeEthernet } from '../../src/wire/ethernet.ts';
import { encodeNdp } from '../../src/wire/ndp.ts';
import { ETH0, ip } from './support.ts';

const PEERS = [
  { node: 'node4', address: ip('10.0.0.4'), source: ip('10.0.0.1'), ready: true },
  { node: 'node6', address: ip('fd00::6'), source: ip('fd00::1'), ready: true },
];
const MAC = '02:00:00:00:00:66' as Mac;
const link = { ...ETH0, mac: MAC };

function learnt(...frames: readonly Uint8Array[]): string | undefined {
  const macs = new SpeakerMacs();
  macs.set(PEERS);
  for (const frame of frames) macs.learn(frame);
  return macs.nodeOf(MAC);
}

it('the MAC of a speaker is learnt from a question of its node, in either family', () => {
  expect(learnt(questionFrame(ip('10.0.0.1'), ip('10.0.0.4'), link))).toBe('node4');
  expect(learnt(questionFrame(ip('fd00::1'), ip('fd00::6'), link))).toBe('node6');
});

it('and from what the node advertises, on a segment where only IPv6 is spoken', () => {
  const [source, destination] = [ip('fd00::6'), ip('fd00::1')];
  const flags = { router: false, solicited: true, override: true };
  const payload = encodeNdp({ kind: 'advertisement', source, destination, target: source, linkLayer: MAC, ...flags });
  const frame = encodeEthernet({ destination: ETH0.mac, source: MAC, etherType: 0x86dd, payload });
  expect(learnt(frame)).toBe('node6');
  // What is damaged, from the addresses on, teaches nothing.
  for (let at = 14 + 8; at < frame.length; at++) {
    const broken = frame.slice();
    broken[at] = (broken[at] ?? 0) ^ 0x80;
    expect(learnt(broken)).toBeUndefined();
  }
});

it('nothing is learnt from another host, whose address only ends alike', () => {
  expect(learnt(questionFrame(ip('fd00::1'), ip('fd01::6'), link))).toBeUndefined();
  expect(learnt(questionFrame(ip('10.0.0.1'), ip('10.0.0.9'), link))).toBeUndefined();
});

it('an address that somebody configured on another node is told with the name of that node', () => {
  const macs = new SpeakerMacs();
  macs.set(PEERS);
  macs.learn(questionFrame(ip('10.0.0.1'), ip('10.0.0.4'), link));
  const told = (mac: Mac): string[] =>
    claimProblems([], new Map([[ip('10.0.0.200'), { mac, interface: 'eth0' }]]), macs).map(wireProblemText);
  expect(told(MAC)).toEqual([expect.stringContaining('that is node node4 of this cluster')]);
  expect(told('02:00:00:00:00:99' as Mac)).toEqual(['02:00:00:00:00:99 on eth0 uses 10.0.0.200 too']);
});
