import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../support/apiClient.ts';
import { until } from '../support/until.ts';
import type { Target } from './target.ts';

interface Review {
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly object: { readonly metadata: { readonly name: string } };
    readonly userInfo: object;
  };
}

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

function selfSigned(): Certificate {
  const directory = mkdtempSync(join(tmpdir(), 'heraldlb-webhook-'));
  try {
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const flags = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert, ...subject];
    execFileSync('openssl', flags, { stdio: 'ignore' });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The call-out to a validating admission webhook. */
export function webhookCases(target: () => Target, namespace: string): void {
  describe('a validating webhook', () => {
    const path = `/api/v1/namespaces/${namespace}/configmaps`;
    const reviews: Review[] = [];
    let server: Server;
    let certificate: Certificate;

    const configuration = (failurePolicy: 'Fail' | 'Ignore', port: number): object => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'conformance' },
      webhooks: [
        {
          name: 'check.conformance.heraldlb.io',
          clientConfig: { url: `https://127.0.0.1:${port}/check`, caBundle: Buffer.from(certificate.cert).toString('base64') },
          rules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'], scope: 'Namespaced' },
          ],
          objectSelector: { matchLabels: { hook: 'yes' } },
          failurePolicy,
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          timeoutSeconds: 2,
        },
      ],
    });
    const create = (name: string): Promise<Answer> =>
      target().admin.raw('POST', path, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { hook: 'yes' } } });

    beforeAll(async () => {
      certificate = selfSigned();
      server = createServer(certificate, (request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
          const review = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Review;
          reviews.push(review);
          const allowed = !review.request.object.metadata.name.startsWith('bad');
          const status = allowed ? {} : { status: { code: 403, message: 'no bad names' } };
          response.setHeader('content-type', 'application/json');
          response.end(
            JSON.stringify({
              apiVersion: 'admission.k8s.io/v1',
              kind: 'AdmissionReview',
              response: { uid: review.request.uid, allowed, ...status },
            }),
          );
        });
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      await target().admin.apply(configuration('Fail', (server.address() as AddressInfo).port));
      await until('the webhook is asked', async () => {
        await create(`bad-${Date.now()}`);
        return reviews.length > 0;
      });
    });
    afterAll(async () => {
      await target().admin.raw('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/conformance');
      server.close();
      server.closeAllConnections();
    });

    it('is asked with the object, and its refusal reaches the user', async () => {
      reviews.length = 0;
      expect((await create('hook-good')).status).toBe(201);
      const refused = await create('bad-name');
      expect(refused.status).toBe(403);
      expect((refused.body as { message: string }).message).toBe(
        'admission webhook "check.conformance.heraldlb.io" denied the request: no bad names',
      );
      expect(reviews[0]).toMatchObject({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: {
          operation: 'CREATE',
          namespace,
          name: 'hook-good',
          kind: { group: '', version: 'v1', kind: 'ConfigMap' },
          resource: { group: '', version: 'v1', resource: 'configmaps' },
          object: { metadata: { name: 'hook-good' } },
          userInfo: { username: expect.any(String) as string },
        },
      });
    });

    it('that is away blocks with Fail and not with Ignore', async () => {
      await target().admin.apply(configuration('Fail', 1));
      await until('a refusal for want of an answer', async () => {
        const answer = await create(`away-${Date.now()}`);
        return answer.status === 500 && (answer.body as { message: string }).message.includes('failed calling webhook');
      });
      await target().admin.apply(configuration('Ignore', 1));
      const passed = await until('the object passes', async () => {
        const answer = await create(`ignored-${Date.now()}`);
        return answer.status === 201 ? answer : undefined;
      });
      expect(passed.status).toBe(201);
    });
  });
}
