// Writes builtinTypes.ts: the field lists of the built-in kinds, read from the types of @kubernetes/client-node, with the
// field numbers of their protobuf form, read from a directory of the generated.proto files of k8s.io/api and apimachinery.
//   node test/kubelab/schema/generate.mjs DIRECTORY
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as everything from '@kubernetes/client-node';

const models = join(dirname(createRequire(import.meta.url).resolve('@kubernetes/client-node')), 'gen', 'models');
/** The generated types by name. */
const client = Object.fromEntries(Object.entries(everything));
const roots = [
  'V1Pod V1PodTemplateSpec V1Service V1Node V1Namespace V1ConfigMap V1Secret V1ServiceAccount CoreV1Event EventsV1Event V1Endpoints',
  'V1Deployment V1DaemonSet V1ReplicaSet V1StatefulSet V1Job V1Lease V1EndpointSlice V1Ingress V1IngressClass V1NetworkPolicy',
  'V1Role V1RoleBinding V1ClusterRole V1ClusterRoleBinding V1PodDisruptionBudget V1PriorityClass V1FlowSchema',
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

/** Fields of every message: name, number, message type. */
const messages = new Map();
for (const file of readdirSync(process.argv[2])) {
  const source = readFileSync(join(process.argv[2], file), 'utf8').replace(/\/\/.*$/gm, '');
  const own = /^package (.*);/m.exec(source)[1];
  for (const [, message, body] of source.matchAll(/^message (\w+) \{([\s\S]*?)^\}/gm)) {
    const fields = [...body.matchAll(/^\s*(?:optional|repeated|required)?\s*(map<[^>]*>|[.\w]+) (\w+) = (\d+);/gm)];
    messages.set(
      `${own}.${message}`,
      fields.map(([, type, field, number]) => ({ type, field, number })),
    );
  }
}

const renamed = { CoreV1Event: 'core.v1.Event', EventsV1Event: 'events.v1.Event', CoreV1EventSeries: 'core.v1.EventSeries' };
Object.assign(renamed, { EventsV1EventSeries: 'events.v1.EventSeries', AuthenticationV1TokenRequest: 'authentication.v1.TokenRequest' });
Object.assign(renamed, {
  RbacV1Subject: 'rbac.v1.Subject',
  DiscoveryV1EndpointPort: 'discovery.v1.EndpointPort',
  CoreV1EndpointPort: 'core.v1.EndpointPort',
});
Object.assign(renamed, { V1TokenRequestSpec: 'authentication.v1.TokenRequestSpec', V1UserInfo: 'authentication.v1.UserInfo' });

function messageOf(name) {
  const wanted = renamed[name] ?? `.${name.replace(/^V1/, 'v1.')}`;
  const found = [...messages.keys()].filter((message) => message.endsWith(wanted));
  if (found.length > 1) console.error(`${name}: ${found.join(' ')}`);
  return messages.get(found[0]) ?? [];
}

/** Messages that are one JSON object with the message around them. */
function inlined(name, known) {
  const parts = messageOf(name).filter(({ field, type }) => !known.has(field) && type[0] !== 'm' && /[A-Z]/.test(type));
  return parts.map(({ field, type, number }) => {
    const inner = `V1${type.split('.').pop()}`;
    if (client[inner] === undefined) return seenInline(inner, type, field, number);
    visit(inner);
    return `~${field}:${inner}@${number}`;
  });
}

/** Inline types the client has no type for, as their members are part of the outer one. */
function seenInline(inner, type, field, number) {
  const key = type.startsWith('.') ? type.slice(1) : type;
  const found = [...messages.keys()].find((message) => message === key || message.endsWith(`.${key}`));
  const fields = (messages.get(found) ?? []).map((part) => {
    const target = `V1${part.type.split('.').pop()}`;
    if (client[target] !== undefined) visit(target);
    return `${part.field}:${client[target] === undefined ? 'string' : target}@${part.number}`;
  });
  seen.set(inner, fields.join(' '));
  return `~${field}:${inner}@${number}`;
}

function visit(name) {
  if (seen.has(name)) return;
  seen.set(name, '');
  const declaration = readFileSync(join(models, `${name}.d.ts`), 'utf8');
  const numbers = new Map(messageOf(name).map(({ field, number }) => [field, number]));
  const known = new Set(client[name].attributeTypeMap.map(({ baseName }) => baseName));
  const fields = client[name].attributeTypeMap.map(({ name: property, baseName, type, format }) => {
    const required = new RegExp(`^    '${property.replace('$', '\\$')}': `, 'm').test(declaration) ? '!' : '';
    const number = numbers.get(baseName);
    return `${baseName}${required}:${typeName(type, format)}${number === undefined ? '' : `@${number}`}`;
  });
  fields.push(...inlined(name, known));
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
