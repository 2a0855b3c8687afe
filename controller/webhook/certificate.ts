import { X509Certificate, generateKeyPairSync, randomBytes } from 'node:crypto';
import forge from 'node-forge';

/** As a Secret of type kubernetes.io/tls holds it, in PEM. */
export interface WebhookCertificate {
  readonly certificate: string;
  readonly key: string;
  /** What a client has to trust: the issuer of this certificate first, then that of the one before it. */
  readonly authorities: string;
}

const RSA_BITS = 2048;
/** Clocks of the API servers may be behind. */
const BACKDATE_MS = 3_600_000;
/** A third of its life before its end. */
const RENEW_AT = 1 / 3;

/**
 * A new certificate from an authority that is made for it and whose key is thrown away: nobody can ever sign another.
 * @param names DNS names the API server may call us by
 * @param earlier authorities that shall be trusted a while longer, so that no moment is without a trusted certificate
 */
export function issueCertificate(names: readonly string[], nowMs: number, lifetimeMs: number, earlier?: string): WebhookCertificate {
  const authority = newKeys();
  const leaf = newKeys();
  const period = { notBefore: new Date(nowMs - BACKDATE_MS), notAfter: new Date(nowMs + lifetimeMs) };
  const issuer = [{ name: 'commonName', value: `heraldlb webhook authority ${randomBytes(4).toString('hex')}` }];
  const subject = [{ name: 'commonName', value: names[0] ?? 'heraldlb' }];
  const root = sign({ subject: issuer, issuer, publicKey: authority.publicKey, signingKey: authority.privateKey, period }, [
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, critical: true },
  ]);
  const certificate = sign({ subject, issuer, publicKey: leaf.publicKey, signingKey: authority.privateKey, period }, [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    // 2: dNSName.
    { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) },
  ]);
  const kept = earlier === undefined ? [] : validAuthorities(earlier, nowMs).slice(0, 1);
  return { certificate, key: leaf.privateKey, authorities: [root, ...kept].join('') };
}

interface Keys {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Node's own generator: node-forge's takes seconds. */
function newKeys(): Keys {
  return generateKeyPairSync('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

interface Request {
  readonly subject: forge.pki.CertificateField[];
  readonly issuer: forge.pki.CertificateField[];
  readonly publicKey: string;
  readonly signingKey: string;
  readonly period: { readonly notBefore: Date; readonly notAfter: Date };
}

function sign({ subject, issuer, publicKey, signingKey, period }: Request, extensions: object[]): string {
  const made = forge.pki.createCertificate();
  made.publicKey = forge.pki.publicKeyFromPem(publicKey);
  // Positive, so the first bit is not set.
  made.serialNumber = `0${randomBytes(16).toString('hex').slice(1)}`;
  made.validity.notBefore = period.notBefore;
  made.validity.notAfter = period.notAfter;
  made.setSubject(subject);
  made.setIssuer(issuer);
  made.setExtensions(extensions);
  made.sign(forge.pki.privateKeyFromPem(signingKey), forge.md.sha256.create());
  return forge.pki.certificateToPem(made).replaceAll('\r\n', '\n');
}

export type RenewalReason = 'Missing' | 'Unreadable' | 'WrongNames' | 'Expiring' | 'Untrusted';

/** Why there has to be a new certificate; undefined: this one is good. */
export function renewalReason(
  found: WebhookCertificate | undefined,
  names: readonly string[],
  nowMs: number,
  lifetimeMs: number,
): RenewalReason | undefined {
  if (found === undefined) return 'Missing';
  try {
    const leaf = new X509Certificate(found.certificate);
    const [issuer] = validAuthorities(found.authorities, nowMs);
    if (issuer === undefined || !leaf.verify(new X509Certificate(issuer).publicKey)) return 'Untrusted';
    if (names.some((name) => leaf.checkHost(name) === undefined)) return 'WrongNames';
    return Date.parse(leaf.validTo) - nowMs < lifetimeMs * RENEW_AT ? 'Expiring' : undefined;
  } catch {
    return 'Unreadable';
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\n?/g;

function validAuthorities(bundle: string, nowMs: number): string[] {
  return (bundle.match(PEM) ?? []).map((pem) => (pem.endsWith('\n') ? pem : `${pem}\n`)).filter((pem) => isValid(pem, nowMs));
}

export function isValid(pem: string, nowMs: number): boolean {
  try {
    return Date.parse(new X509Certificate(pem).validTo) > nowMs;
  } catch {
    return false;
  }
}
