import { describe, expect, it } from 'vitest';
import { type DefaultRoute, chooseGateway } from '../../src/net/defaultRoute.ts';
import type { Ip } from '../../src/net/ip.ts';

function route(gateway: string, changes: Partial<DefaultRoute> = {}): DefaultRoute {
  return { family: 'ipv4', gateway: gateway as Ip, index: 2, metric: 100, preference: 'medium', table: 254, ...changes };
}

const chosen = (routes: readonly DefaultRoute[], before?: DefaultRoute): string | undefined => chooseGateway(routes, before)?.gateway;

describe('the default gateway', () => {
  it.each<[string, DefaultRoute[], DefaultRoute | undefined, string | undefined]>([
    ['none', [], route('10.0.0.1'), undefined],
    ['one', [route('10.0.0.1')], undefined, '10.0.0.1'],
    ['the lowest metric', [route('10.0.0.1'), route('10.0.0.2', { metric: 50 })], undefined, '10.0.0.2'],
    ['RFC 4191 §2.2: the higher preference', [route('fe80::1'), route('fe80::2', { preference: 'high' })], undefined, 'fe80::2'],
    ['the metric before the preference', [route('fe80::1'), route('fe80::2', { preference: 'high', metric: 200 })], undefined, 'fe80::1'],
    ['of equals the first', [route('10.0.0.2'), route('10.0.0.1')], undefined, '10.0.0.1'],
    ['of equals the one there was', [route('10.0.0.2'), route('10.0.0.1')], route('10.0.0.2'), '10.0.0.2'],
    [
      'no longer the one there was, when another is better',
      [route('10.0.0.2'), route('10.0.0.1', { metric: 5 })],
      route('10.0.0.2'),
      '10.0.0.1',
    ],
    ['the one there was with another metric', [route('10.0.0.2', { metric: 5 })], route('10.0.0.2'), '10.0.0.2'],
    ['the same address on another interface is another', [route('fe80::1', { index: 3 }), route('fe80::1')], route('fe80::1'), 'fe80::1'],
  ])('%s', (_, routes, before, expected) => {
    expect(chosen(routes, before)).toBe(expected);
    expect(chosen(routes.toReversed(), before)).toBe(expected);
  });
});
