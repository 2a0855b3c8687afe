import type { Need } from '../support/need.ts';

/** What the lab is made of. */
export const LAB_NEEDS: readonly Need[] = [
  'netns',
  'command:vtysh',
  'command:birdc',
  'command:arping',
  'command:ndisc6',
  'command:nginx',
  'command:nft',
  'command:tcpdump',
  'command:tshark',
];
