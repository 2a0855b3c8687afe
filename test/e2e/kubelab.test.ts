import { need } from '../support/need.ts';
import { mainJob } from './suite.ts';

need(
  'root',
  'command:vtysh',
  'command:birdc',
  'command:arping',
  'command:ndisc6',
  'command:nginx',
  'command:nft',
  'command:tcpdump',
  'command:tshark',
).describe('on the embedded API server', () => mainJob('kubelab'));
