import { z } from 'zod';
import { configStatus, int32 } from './fields.ts';
import type { Kind } from './kind.ts';

export const bfdProfileSpec = z.object({
  receiveInterval: int32(10, 60_000).optional().describe('Shortest interval between received packets, in milliseconds. Default 300.'),
  transmitInterval: int32(10, 60_000).optional().describe('Shortest interval between sent packets, in milliseconds. Default 300.'),
  detectMultiplier: int32(2, 255).optional().describe('So many lost packets mean that the peer is gone. Default 3.'),
  echoInterval: int32(10, 60_000).optional().describe('Interval of echo packets, in milliseconds. Default 50.'),
  echoMode: z.boolean().optional().describe('Use the echo function.'),
  passiveMode: z.boolean().optional().describe('Wait for the peer to begin.'),
  auth: z
    .object({
      type: z
        .enum(['SimplePassword', 'KeyedMD5', 'MeticulousKeyedMD5', 'KeyedSHA1', 'MeticulousKeyedSHA1'])
        .describe('Both sides have to have the same.'),
      keyID: int32(0, 255).default(1).describe('Number of the key, the same on both sides.'),
      passwordSecret: z
        .object({ name: z.string().min(1).max(253) })
        .describe(
          'Secret of type kubernetes.io/basic-auth in the same namespace; `password` is the key: 1 to 16 bytes, with SHA1 up to 20.',
        ),
    })
    .optional()
    .describe('Authenticate the packets (RFC 5880 section 6.7); others are not believed.'),
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
