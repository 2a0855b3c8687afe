import * as z from 'zod';
import { configStatus, int32 } from './fields.ts';
import type { Kind } from './kind.ts';

export const bfdProfileSpec = z.object({
  receiveInterval: int32(10, 60_000).optional().describe('Shortest interval between received packets, in milliseconds. Default 300.'),
  transmitInterval: int32(10, 60_000).optional().describe('Shortest interval between sent packets, in milliseconds. Default 300.'),
  detectMultiplier: int32(2, 255).optional().describe('So many lost packets mean that the peer is gone. Default 3.'),
  echoInterval: int32(10, 60_000).optional().describe('Interval of echo packets, in milliseconds. Default 50.'),
  echoMode: z.boolean().optional().describe('Use the echo function.'),
  passiveMode: z.boolean().optional().describe('Wait for the peer to begin.'),
  minimumTtl: int32(1, 254).optional().describe('Multihop: accept packets with at least this TTL. Default 254.'),
});

export const bfdProfile: Kind<typeof bfdProfileSpec> = {
  kind: 'BFDProfile',
  plural: 'bfdprofiles',
  singular: 'bfdprofile',
  shortNames: ['bfdp'],
  description: 'Timers of BFD sessions that guard BGP sessions.',
  spec: bfdProfileSpec,
  status: configStatus,
  columns: [
    { name: 'Accepted', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].status" },
    { name: 'Passive Mode', type: 'boolean', jsonPath: '.spec.passiveMode' },
    { name: 'Transmit Interval', type: 'integer', jsonPath: '.spec.transmitInterval' },
    { name: 'Receive Interval', type: 'integer', jsonPath: '.spec.receiveInterval' },
    { name: 'Multiplier', type: 'integer', jsonPath: '.spec.detectMultiplier' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
