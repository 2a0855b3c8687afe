import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../../src/api/crd.ts';
import { CONFIG_KINDS, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import { type Kubelab, StatusError, startKubelab } from '../kubelab/kubelab.ts';
import { INVALID, INVALID_ENTRIES, type ObjectCase, VALID } from './objectCases.ts';

function objectOf({ kind, spec }: ObjectCase, name = 'x'): Record<string, unknown> {
  return { apiVersion: 'heraldlb.io/v1', kind, metadata: { name, namespace: 'h' }, ...(spec === undefined ? {} : { spec }) };
}

function parse(written: ObjectCase): ReturnType<typeof parseConfig> {
  const empty = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, []])) as unknown as RawObjects;
  return parseConfig({ ...empty, [written.kind]: [objectOf(written)] }, { generation: 1 });
}

function errorsOf(written: ObjectCase): string[] {
  return parse(written).problems.flatMap(({ severity, path, message }) => (severity === 'error' ? [`${path}: ${message}`] : []));
}

describe('the parser', () => {
  it.each(VALID)('takes $name', (written) => {
    expect(errorsOf(written)).toEqual([]);
  });

  it.each(INVALID)('refuses $name', (written) => {
    expect(errorsOf(written)).not.toEqual([]);
  });

  it.each(INVALID_ENTRIES)('warns of $name', (written) => {
    expect(errorsOf(written)).toEqual([]);
    expect(parse(written).problems).not.toEqual([]);
  });

  it('takes an empty text for an absent one', () => {
    const empty = parse({
      name: '',
      kind: 'BGPPeer',
      spec: { myASN: 1, peerASN: 2, peerAddress: '10.0.0.1', routerID: '', vrf: '', password: '' },
    });
    const absent = parse({ name: '', kind: 'BGPPeer', spec: { myASN: 1, peerASN: 2, peerAddress: '10.0.0.1' } });
    expect(empty.config.peers).toEqual(absent.config.peers);
    const dynamic = parse({ name: '', kind: 'BGPPeer', spec: { myASN: 1, peerASN: 0, dynamicASN: 'internal', peerAddress: '10.0.0.1' } });
    expect(dynamic.config.peers[0]?.peerAsn).toBe('internal');
  });
});

describe('the embedded API server with our CRDs', () => {
  let lab: Kubelab;

  beforeAll(async () => {
    lab = await startKubelab({ crdDir: 'manifests/crds' });
    await lab.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'h' } });
  });
  afterAll(() => lab.close());

  let count = 0;
  async function statusOf(written: ObjectCase): Promise<number> {
    try {
      await lab.create(objectOf(written, `x${count++}`));
      return 201;
    } catch (error) {
      if (error instanceof StatusError) return error.status;
      throw error;
    }
  }

  it('knows every kind', () => {
    expect(KINDS.map(({ kind }) => kind)).toEqual(expect.arrayContaining([...CONFIG_KINDS]));
  });

  it.each(VALID)('takes $name', async (written) => {
    expect(await statusOf(written)).toBe(201);
  });

  it.each([...INVALID, ...INVALID_ENTRIES])('refuses $name', async (written) => {
    expect(await statusOf(written)).toBe(422);
  });
});
