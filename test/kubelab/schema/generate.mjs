// Writes builtinTypes.ts: the field lists of the built-in kinds, read from the types of @kubernetes/client-node.
//   node test/kubelab/schema/generate.mjs
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as client from '@kubernetes/client-node';

const models = join(dirname(createRequire(import.meta.url).resolve('@kubernetes/client-node')), 'gen', 'models');
const roots = [
  'V1Pod V1PodTemplateSpec V1Service V1Node V1Namespace V1ConfigMap V1Secret V1ServiceAccount CoreV1Event EventsV1Event V1Endpoints',
  'V1Deployment V1DaemonSet V1ReplicaSet V1StatefulSet V1Job V1Lease V1EndpointSlice V1Ingress V1IngressClass V1NetworkPolicy',
  'V1Role V1RoleBinding V1ClusterRole V1ClusterRoleBinding V1PodDisruptionBudget V1PriorityClass',
  'V1ValidatingWebhookConfiguration V1MutatingWebhookConfiguration V1CustomResourceDefinition',
  'V1TokenReview V1SubjectAccessReview V1SelfSubjectAccessReview V1LocalSubjectAccessReview V1SelfSubjectRulesReview',
  'V1SelfSubjectReview AuthenticationV1TokenRequest V1ServiceCIDR V1IPAddress V1Status V1DeleteOptions',
]
  .join(' ')
  .split(' ');

const scalars = {
  string: 'string',
  boolean: 'bool',
  Date: 'time',
  V1MicroTime: 'microtime',
  IntOrString: 'intstr',
  any: 'any',
  object: 'any',
};
const seen = new Map();

function typeName(type, format) {
  const array = /^Array<(.*)>$/.exec(type);
  if (array) return `[]${typeName(array[1], '')}`;
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) return `{}${typeName(map[1], '')}`;
  if (type === 'number') return format === 'double' ? 'number' : 'int';
  if (type === 'string' && format === 'byte') return 'bytes';
  if (scalars[type]) return scalars[type];
  if (type === 'V1JSONSchemaProps') return 'any';
  visit(type);
  return type;
}

function visit(name) {
  if (seen.has(name)) return;
  seen.set(name, '');
  const declaration = readFileSync(join(models, `${name}.d.ts`), 'utf8');
  const fields = client[name].attributeTypeMap.map(({ name: property, baseName, type, format }) => {
    const required = new RegExp(`^    '${property.replace('$', '\\$')}': `, 'm').test(declaration) ? '!' : '';
    return `${baseName}${required}:${typeName(type, format)}`;
  });
  seen.set(name, fields.join(' '));
}

for (const root of roots) {
  if (client[root] === undefined) console.error(`no type ${root}`);
  else visit(root);
}
const lines = [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, fields]) => `  ${name}:\n    '${fields}',`);
writeFileSync(
  join(dirname(fileURLToPath(import.meta.url)), 'builtinTypes.ts'),
  `/** Fields of the built-in kinds as \`name:type\`, \`!\` = required. Written by generate.mjs. */\nexport const builtinTypes: Readonly<Record<string, string>> = {\n${lines.join('\n')}\n};\n`,
);
