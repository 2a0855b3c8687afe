import { findKubeBinaries } from '../kube/binaries.ts';
import { need } from '../support/need.ts';
import { LAB_NEEDS } from './needs.ts';
import { realApi } from './realApi.ts';
import { mainJob } from './suite.ts';

const reason = 'there is no real kube-apiserver (test/kube/build.sh makes one where Go is at hand)';

need(...LAB_NEEDS, { reason, met: findKubeBinaries()?.controllerManager !== undefined }).describe('on a real API server', () =>
  mainJob('kube-apiserver', realApi),
);
