import { sleep } from '../../src/host/kube/backoff.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import type { Logger } from '../../src/host/log.ts';
import type { AdmissionWorld } from '../../src/ipam/admission.ts';
import { isValid } from './certificate.ts';
import { isRace, keepCertificate } from './keeper.ts';
import { answerReview } from './review.ts';
import { type WebhookServer, startWebhookServer } from './server.ts';

export interface WebhookOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly port: number;
  readonly host: string;
  /** The cluster as it is known; undefined before the first lists are in. */
  readonly world: () => AdmissionWorld | undefined;
  readonly leads: () => boolean;
  readonly log: Logger;
  readonly timing?: WebhookTiming;
}

/** What tests shorten. */
export interface WebhookTiming {
  readonly lifetimeMs: number;
  readonly lookMs: number;
}

export interface Webhook {
  /** 0 while there is no certificate to serve with. */
  readonly port: () => number;
  readonly close: () => Promise<void>;
}

const DAY_MS = 86_400_000;
const TIMING: WebhookTiming = { lifetimeMs: 90 * DAY_MS, lookMs: 30_000 };
/** While there is nothing to serve with, looks are quicker. */
const FIRST_LOOK_MS = 1000;
const SECRET = 'heraldlb-webhook';
const CONFIGURATION = 'heraldlb';
const SERVICE = 'heraldlb-webhook';

/**
 * The validating webhook, in every replica: what it says depends on what it has read, not on who leads. Whatever goes wrong here
 * is logged and tried again, and nothing else of the controller waits for it.
 */
export function startWebhook(options: WebhookOptions): Webhook {
  const { client, namespace, apiGroup, port, host, world, leads, log, timing = TIMING } = options;
  const stopping = new AbortController();
  const names = [`${SERVICE}.${namespace}.svc`, `${SERVICE}.${namespace}.svc.cluster.local`, 'localhost'];
  const keeper = { client, namespace, names, leads, log, secret: SECRET, configuration: CONFIGURATION, lifetimeMs: timing.lifetimeMs };
  let server: WebhookServer | undefined;
  let served = '';
  let next = '';

  const look = async (): Promise<void> => {
    const certificate = await keepCertificate(keeper, Date.now());
    if (certificate === undefined || certificate.certificate === served) return;
    if (server === undefined) {
      const answer = (review: unknown) => answerReview(review, apiGroup, world());
      server = await startWebhookServer({ port, host, certificate, answer, log });
      log.info({ port: server.port }, 'the webhook answers');
    } else if (next !== certificate.certificate && isValid(served, Date.now())) {
      // From the next look on: until then the API servers have taken up that they are to trust it.
      next = certificate.certificate;
      return;
    } else server.use(certificate);
    served = certificate.certificate;
  };

  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await look();
      } catch (error) {
        if (isRace(error)) log.debug({ err: error }, 'the certificate of the webhook was written by another');
        else log.warn({ err: error }, 'the webhook could not be kept');
      }
      await sleep(server === undefined ? Math.min(FIRST_LOOK_MS, timing.lookMs) : timing.lookMs, stopping.signal);
    }
  };

  const running = run();
  return {
    port: () => server?.port ?? 0,
    close: async () => {
      stopping.abort();
      await running;
      await server?.close();
    },
  };
}
