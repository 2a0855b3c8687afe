import { need } from '../support/need.ts';
import { LAB_NEEDS } from './needs.ts';
import { mainJob } from './suite.ts';

need(...LAB_NEEDS).describe('on the embedded API server', () => mainJob('kubelab'));
