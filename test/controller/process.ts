/** A controller in a process of its own, to be killed: `process.ts KUBECONFIG IDENTITY` */
import { startController } from '../../controller/main.ts';
import { LEASE, NAMESPACE } from './fixtures.ts';

const [, , kubeconfig = '', identity = ''] = process.argv;
const flags = {
  kubeconfig,
  identity,
  namespace: NAMESPACE,
  apiGroup: 'heraldlb.io',
  logLevel: 'warn',
  metricsPort: 0,
  metricsAddress: '127.0.0.1',
  leaderElect: true,
} as const;
const controller = await startController(flags, { lease: LEASE });
process.once('SIGTERM', () => {
  controller.close().catch(() => process.exit(1));
});
