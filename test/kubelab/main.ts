import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startKubelab } from './kubelab.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    host: { type: 'string', default: '127.0.0.1' },
    tls: { type: 'boolean', default: false },
    rbac: { type: 'boolean', default: false },
    crds: { type: 'string', multiple: true, default: [] },
    'kubeconfig-out': { type: 'string' },
    controllers: { type: 'string', default: '' },
  },
});

const controllers = values.controllers.split(',');
const lab = await startKubelab({
  port: Number(values.port),
  host: values.host,
  tls: values.tls,
  rbac: values.rbac,
  crdDir: values.crds,
  controllers: { endpointSlices: controllers.includes('endpointSlices'), nodeLifecycle: controllers.includes('nodeLifecycle') },
});
if (values['kubeconfig-out'] !== undefined) writeFileSync(values['kubeconfig-out'], lab.kubeconfig(), { mode: 0o600 });
console.log(`kubelab: ${lab.url}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void lab.close().then(() => process.exit(0)));
