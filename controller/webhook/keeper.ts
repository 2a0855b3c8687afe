import { record, text } from '../../src/cluster/json.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { KubeError, isNotFound } from '../../src/host/kube/kubeError.ts';
import { type KubeObject, createObject, getObject, patchObject, replaceObject } from '../../src/host/kube/objects.ts';
import { SECRETS, customResource } from '../../src/host/kube/resource.ts';
import type { Logger } from '../../src/host/log.ts';
import { type WebhookCertificate, issueCertificate, renewalReason } from './certificate.ts';

export interface KeeperOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly secret: string;
  /** Name of the ValidatingWebhookConfiguration. */
  readonly configuration: string;
  readonly names: readonly string[];
  readonly lifetimeMs: number;
  readonly leads: () => boolean;
  readonly log: Logger;
}

const CONFIGURATIONS = customResource(
  'admissionregistration.k8s.io',
  'v1',
  'validatingwebhookconfigurations',
  'ValidatingWebhookConfiguration',
  false,
);

interface Held {
  readonly certificate: WebhookCertificate;
  readonly resourceVersion: string | undefined;
}

/**
 * Keeps the certificate of the webhook and what the API server trusts in step. Every replica reads the Secret; the leader renews.
 * The trust comes first and includes the authority before, so no order of events leaves a certificate that is not trusted.
 * @returns the certificate to serve with; undefined while there is none
 * @throws KubeError
 */
export async function keepCertificate(options: KeeperOptions, nowMs: number): Promise<WebhookCertificate | undefined> {
  const { names, lifetimeMs, leads, log } = options;
  const held = await readSecret(options);
  const reason = renewalReason(held?.certificate, names, nowMs, lifetimeMs);
  if (!leads()) return reason === undefined || reason === 'Expiring' ? held?.certificate : undefined;
  if (reason === undefined) {
    await trust(options, held?.certificate);
    return held?.certificate;
  }
  const fresh = issueCertificate(names, nowMs, lifetimeMs, held?.certificate.authorities);
  await trust(options, fresh);
  await writeSecret(options, fresh, held?.resourceVersion);
  log.info({ reason, secret: options.secret }, 'the certificate of the webhook was renewed');
  return fresh;
}

async function readSecret({ client, namespace, secret }: KeeperOptions): Promise<Held | undefined> {
  try {
    const { metadata, ...rest } = await getObject(client, SECRETS, { namespace, name: secret });
    const data = record(rest['data']) ?? {};
    const decoded = (key: string): string => Buffer.from(text(data[key]) ?? '', 'base64').toString('utf8');
    const certificate = { certificate: decoded('tls.crt'), key: decoded('tls.key'), authorities: decoded('ca.crt') };
    return { certificate, resourceVersion: metadata.resourceVersion };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Conditional, so that of two who believe to lead one writes; the other finds out at its next look. */
async function writeSecret(options: KeeperOptions, made: WebhookCertificate, resourceVersion: string | undefined): Promise<void> {
  const { client, namespace, secret } = options;
  const labels = { 'app.kubernetes.io/name': 'heraldlb' };
  const metadata = { namespace, name: secret, labels, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
  const body = {
    metadata,
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': encoded(made.certificate), 'tls.key': encoded(made.key), 'ca.crt': encoded(made.authorities) },
  };
  if (resourceVersion === undefined) await createObject(client, SECRETS, body);
  else await replaceObject(client, SECRETS, body);
}

function encoded(pem: string): string {
  return Buffer.from(pem, 'utf8').toString('base64');
}

/** Written only when it differs; a configuration that is not there is nothing to trust from. */
async function trust({ client, configuration, log }: KeeperOptions, made: WebhookCertificate | undefined): Promise<void> {
  if (made === undefined) return;
  const caBundle = encoded(made.authorities);
  let found: KubeObject;
  try {
    found = await getObject(client, CONFIGURATIONS, { name: configuration });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    log.debug({ configuration }, 'there is no such ValidatingWebhookConfiguration: nobody calls the webhook');
    return;
  }
  const webhooks = Array.isArray(found['webhooks']) ? (found['webhooks'] as readonly unknown[]) : [];
  const patch = webhooks.flatMap((webhook, index) =>
    record(record(webhook)?.['clientConfig'])?.['caBundle'] === caBundle
      ? []
      : [{ op: 'add', path: `/webhooks/${index}/clientConfig/caBundle`, value: caBundle }],
  );
  if (patch.length === 0) return;
  const test = { op: 'test', path: '/metadata/resourceVersion', value: found.metadata.resourceVersion };
  await patchObject(client, CONFIGURATIONS, { name: configuration }, [test, ...patch], { type: 'json' });
}

/** Lost races are nobody's fault; the next look settles them. */
export function isRace(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 409 || error.status === 422);
}
