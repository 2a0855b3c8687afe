import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { KINDS } from '../../api/crd.ts';
import { GROUP, VERSION } from '../../api/kind.ts';
import type { NodeStateStatus } from '../../api/nodeState.ts';
import { type Raw, items, record, text } from '../../cluster/json.ts';
import { projectNode } from '../../cluster/project.ts';
import type { Credentials } from '../../host/kube/credentials.ts';
import { readDefinitions } from '../../host/kube/definitions.ts';
import type { KubeClient } from '../../host/kube/kubeClient.ts';
import { NODES, customResource, objectPath } from '../../host/kube/resource.ts';
import { outdatedKinds } from '../../view/definitions.ts';
import type { ClusterFacts, Right } from './contract.ts';
import { findOthers } from './gatherOthers.ts';
import { optional } from './optional.ts';
import { rightsOf } from './rights.ts';

export interface ClusterAsk {
  readonly credentials: Credentials;
  readonly client: KubeClient;
  readonly namespace: string;
  readonly nodeName: string;
}

/** What the cluster can tell, as far as these credentials may ask: what may not be asked is not said. */
export async function gatherCluster(ask: ClusterAsk): Promise<ClusterFacts> {
  const { credentials, client, namespace, nodeName } = ask;
  const hello = await greet(credentials);
  const facts: ClusterFacts = { server: credentials.server, ...hello };
  if ('error' in hello.answer || hello.answer.status >= 300) return facts;
  const served = await servedPlurals(client);
  const node = await optional(client.request({ method: 'GET', path: objectPath(NODES, { name: nodeName }) }));
  const state = customResource(GROUP, VERSION, 'nodestates', 'NodeState');
  const nodeState = await optional(client.request({ method: 'GET', path: objectPath(state, { namespace, name: nodeName }) }));
  const others = await findOthers(client);
  const missing = await missingRights(ask);
  const view = projectNode(node);
  const status = record(record(nodeState)?.['status']) as NodeStateStatus | undefined;
  return {
    ...facts,
    served,
    outdated: await outdatedFields(client, served),
    ...(missing === undefined ? {} : { missingRights: missing }),
    ...(others === undefined ? {} : { others }),
    ...(view === undefined ? {} : { node: view }),
    ...(status === undefined ? {} : { nodeState: status }),
  };
}

type Hello = Pick<ClusterFacts, 'answer' | 'skewMs'>;

/** One bare request, for the status and the clock that no client shows. */
async function greet(credentials: Credentials): Promise<Hello> {
  const url = new URL(`${credentials.server}/version`);
  const headers = await credentials.headers();
  const request = url.protocol === 'http:' ? httpRequest : httpsRequest;
  const options = { headers, ...(url.protocol === 'http:' ? {} : await credentials.tls()), timeout: 5000 };
  return new Promise((resolve) => {
    const sent = request(url, options, (answer) => {
      answer.resume();
      const date = Date.parse(answer.headers.date ?? '');
      // The header has whole seconds: on average half of one is missing.
      const skew = Number.isNaN(date) ? {} : { skewMs: date + 500 - Date.now() };
      resolve({ answer: { status: answer.statusCode ?? 0 }, ...skew });
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in 5 s')));
    sent.on('error', (error) => resolve({ answer: { error: error.message === '' ? error.name : error.message } }));
    sent.end();
  });
}

async function servedPlurals(client: KubeClient): Promise<string[]> {
  const found = await optional(client.request<Raw>({ method: 'GET', path: `/apis/${GROUP}/${VERSION}` }));
  return items(found?.['resources']).flatMap((one) => text(record(one)?.['name']) ?? []);
}

async function outdatedFields(client: KubeClient, served: readonly string[]): Promise<Record<string, readonly string[]>> {
  const kinds = KINDS.filter(({ plural }) => served.includes(plural));
  const outdated = outdatedKinds(kinds, await readDefinitions(client, kinds));
  return Object.fromEntries(kinds.map(({ plural, kind }) => [plural, outdated.find((one) => one.kind === kind)?.fields ?? []]));
}

/**
 * Of both service accounts where these credentials may ask for others, else of the speaker's where they are its own. What they may
 * do themselves says nothing of the programs. @returns undefined: not known
 */
async function missingRights({ client, namespace }: ClusterAsk): Promise<Right[] | undefined> {
  const missing: Right[] = [];
  for (const program of ['speaker', 'controller'] as const) {
    for (const right of rightsOf(program, namespace)) {
      const allowed = await isAllowed(client, right, namespace);
      if (allowed === 'unknown') return program === 'controller' ? missing : undefined;
      if (!allowed) missing.push(right);
    }
  }
  return missing;
}

async function isAllowed(client: KubeClient, right: Right, home: string): Promise<boolean | 'unknown'> {
  const { account, verb, group, resource, subresource, namespace, name } = right;
  const resourceAttributes = { verb, group, resource, ...optionalFields({ subresource, namespace, name }) };
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${home}`, 'system:authenticated'];
  const user = `system:serviceaccount:${home}:${account}`;
  const asked = await review(client, 'SubjectAccessReview', { user, groups, resourceAttributes });
  if (asked !== undefined) return asked;
  if ((await ownName(client)) !== user) return 'unknown';
  return (await review(client, 'SelfSubjectAccessReview', { resourceAttributes })) ?? 'unknown';
}

async function ownName(client: KubeClient): Promise<string | undefined> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const asked = client.request<Raw>({ method: 'POST', path: '/apis/authentication.k8s.io/v1/selfsubjectreviews', body });
  return text(record(record((await optional(asked))?.['status'])?.['userInfo'])?.['username']);
}

function optionalFields(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function review(client: KubeClient, kind: string, spec: object): Promise<boolean | undefined> {
  const path = `/apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`;
  const body = { apiVersion: 'authorization.k8s.io/v1', kind, spec };
  const answer = await optional(client.request<Raw>({ method: 'POST', path, body }));
  return answer === undefined ? undefined : record(answer['status'])?.['allowed'] === true;
}
