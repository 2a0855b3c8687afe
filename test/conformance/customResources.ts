import { beforeAll, describe, expect, it } from 'vitest';
import type { Answer, KubeObject } from '../support/apiClient.ts';
import { until } from '../support/until.ts';
import { caller, openWatch, type Target } from './target.ts';

const GROUP = 'conformance.heraldlb.io';
const MERGE = 'application/merge-patch+json';

const CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `widgets.${GROUP}` },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList', shortNames: ['wd'], categories: ['heraldlb'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [
          { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
          { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
          { name: 'Mode', type: 'string', jsonPath: '.spec.mode', priority: 1 },
          { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
        ],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            required: ['spec'],
            properties: {
              spec: {
                type: 'object',
                required: ['size'],
                properties: {
                  size: { type: 'integer', minimum: 1, maximum: 10 },
                  mode: { type: 'string', enum: ['fast', 'slow'], default: 'fast' },
                  fixed: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'fixed is immutable' }] },
                  name: { type: 'string', pattern: '^[a-z]+$', maxLength: 8 },
                  low: { type: 'integer' },
                  high: { type: 'integer' },
                  addresses: { type: 'array', maxItems: 3, items: { type: 'string', maxLength: 50 } },
                },
                'x-kubernetes-validations': [
                  {
                    rule: '!has(self.low) || !has(self.high) || self.low <= self.high',
                    message: 'low must not be above high',
                    fieldPath: '.low',
                  },
                  { rule: '!has(self.addresses) || self.addresses.all(a, isCIDR(a))', message: 'addresses must be CIDRs' },
                ],
              },
              status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            },
          },
        },
      },
    ],
  },
};

const messageOf = (answer: Answer): string => String((answer.body as { message?: string }).message);
const objectOf = (answer: Answer): KubeObject => answer.body as KubeObject;

/** Schemas, defaults, CEL, the status subresource and printing of our own kinds. */
export function customResourceCases(target: () => Target, namespace: string): void {
  describe('custom resources', () => {
    const path = `/apis/${GROUP}/v1/namespaces/${namespace}/widgets`;
    const call = caller(target);
    const widget = (name: string, spec: object): object => ({
      apiVersion: `${GROUP}/v1`,
      kind: 'Widget',
      metadata: { name, namespace },
      spec,
    });

    beforeAll(async () => {
      await target().admin.apply(CRD);
      await until('the resource is served', async () => (await call('GET', path)).status === 200, 20_000);
    });

    it('are said to be established, and are discovered', async () => {
      const crd = objectOf(await call('GET', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${CRD.metadata.name}`));
      const conditions = crd.status?.['conditions'] as { type: string; status: string }[];
      expect(conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
      const resources = (await call('GET', `/apis/${GROUP}/v1`)).body;
      expect(resources).toMatchObject({
        kind: 'APIResourceList',
        resources: expect.arrayContaining([
          expect.objectContaining({ name: 'widgets', kind: 'Widget', namespaced: true, shortNames: ['wd'] }),
          expect.objectContaining({ name: 'widgets/status' }),
        ]) as unknown[],
      });
    });

    it('get defaults, lose unknown fields, and begin with generation 1', async () => {
      const made = objectOf(await call('POST', path, widget('one', { size: 1, unknown: 'x' })));
      expect(made.spec).toEqual({ size: 1, mode: 'fast' });
      expect(made.metadata.generation).toBe(1);
    });

    it('refuse unknown fields when validation is strict', async () => {
      const answer = await call('POST', `${path}?fieldValidation=Strict`, widget('strict', { size: 1, unknown: 'x' }));
      expect(answer.status).toBe(400);
      expect(messageOf(answer)).toContain('unknown field "spec.unknown"');
    });

    it.each([
      ['too small', { size: 0 }, 'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1'],
      ['too large', { size: 11 }, 'spec.size: Invalid value: 11: spec.size in body should be less than or equal to 10'],
      ['of the wrong type', { size: 'x' }, 'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"'],
      ['missing', {}, 'spec.size: Required value'],
      ['not of the enum', { size: 1, mode: 'other' }, 'spec.mode: Unsupported value: "other": supported values: "fast", "slow"'],
      ['not of the pattern', { size: 1, name: 'A1' }, 'spec.name: Invalid value: "A1": spec.name in body should match \'^[a-z]+$\''],
      ['too long', { size: 1, name: 'abcdefghi' }, 'spec.name: Too long: may not be more than 8 bytes'],
      [
        'too many',
        { size: 1, addresses: ['10.0.0.0/8', '10.0.0.0/8', '10.0.0.0/8', '10.0.0.0/8'] },
        'spec.addresses: Too many: 4: must have at most 3 items',
      ],
      ['broken by CEL with a path', { size: 1, low: 3, high: 2 }, 'spec.low: Invalid value: '],
      ['broken by CEL', { size: 1, low: 3, high: 2 }, 'low must not be above high'],
      ['broken by a CEL function', { size: 1, addresses: ['nonsense'] }, 'addresses must be CIDRs'],
    ])('refuse a value that is %s', async (_what, spec, message) => {
      const answer = await call('POST', path, widget('bad', spec));
      expect(answer).toMatchObject({ status: 422, body: { reason: 'Invalid', details: { name: 'bad', kind: 'Widget', group: GROUP } } });
      expect(messageOf(answer)).toContain('Widget.conformance.heraldlb.io "bad" is invalid');
      expect(messageOf(answer)).toContain(message);
    });

    it('hold a field to its old value', async () => {
      await call('POST', path, widget('fixed', { size: 1, fixed: 'a' }));
      const answer = await call('PATCH', `${path}/fixed`, { spec: { fixed: 'b' } }, MERGE);
      expect(answer.status).toBe(422);
      expect(messageOf(answer)).toContain('fixed is immutable');
    });

    it('count a generation for spec, not for status or labels', async () => {
      await call('POST', path, widget('gen', { size: 1 }));
      const labelled = objectOf(await call('PATCH', `${path}/gen`, { metadata: { labels: { a: 'b' } } }, MERGE));
      expect(labelled.metadata.generation).toBe(1);
      const status = objectOf(await call('PATCH', `${path}/gen/status`, { status: { phase: 'x' }, spec: { size: 9 } }, MERGE));
      expect(status).toMatchObject({ metadata: { generation: 1 }, spec: { size: 1 }, status: { phase: 'x' } });
      const both = objectOf(await call('PATCH', `${path}/gen`, { spec: { size: 2 }, status: { phase: 'y' } }, MERGE));
      expect(both).toMatchObject({ metadata: { generation: 2 }, spec: { size: 2 }, status: { phase: 'x' } });
    });

    it('give up what a manager applies to the status no more', async () => {
      const made = objectOf(await call('POST', path, widget('given-up', { size: 1 })));
      const apply = async (status: object): Promise<unknown> => {
        const { apiVersion, kind } = made;
        const body = { apiVersion, kind, metadata: { name: 'given-up' }, status };
        const answer = await call('PATCH', `${path}/given-up/status?fieldManager=one&force=true`, body, 'application/apply-patch+yaml');
        return objectOf(answer).status;
      };
      expect(await apply({ phase: 'x', drain: { since: 'y' } })).toEqual({ phase: 'x', drain: { since: 'y' } });
      expect(await apply({ phase: 'z' })).toEqual({ phase: 'z' });
    });

    it('ignore status at creation', async () => {
      const made = objectOf(await call('POST', path, { ...widget('with-status', { size: 1 }), status: { phase: 'x' } }));
      expect(made.status).toBeUndefined();
    });

    it('want a resourceVersion in a replace', async () => {
      const answer = await call('PUT', `${path}/gen`, widget('gen', { size: 3 }));
      expect(answer.status).toBe(422);
      expect(messageOf(answer)).toContain('metadata.resourceVersion: Invalid value: 0: must be specified for an update');
    });

    it('know no strategic merge patch', async () => {
      const answer = await call('PATCH', `${path}/gen`, { spec: { size: 3 } }, 'application/strategic-merge-patch+json');
      expect(answer.status).toBe(415);
    });

    it('are applied with defaults, and their status by its own path', async () => {
      const applied = await call(
        'PATCH',
        `${path}/applied?fieldManager=one`,
        widget('applied', { size: 4 }),
        'application/apply-patch+yaml',
      );
      expect(applied).toMatchObject({ status: 201, body: { spec: { size: 4, mode: 'fast' } } });
      const object = { ...widget('applied', {}), spec: undefined, status: { conditions: [{ type: 'Ready', status: 'True' }] } };
      const status = await call('PATCH', `${path}/applied/status?fieldManager=two&force=true`, object, 'application/apply-patch+yaml');
      expect(status).toMatchObject({ status: 200, body: { spec: { size: 4 }, status: { conditions: [{ type: 'Ready' }] } } });
    });

    it('are printed in the columns of their definition', async () => {
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      const answer = await target().table(`${path}?fieldSelector=metadata.name%3Dapplied`, accept);
      const table = answer as { kind: string; columnDefinitions: { name: string; priority: number }[]; rows: { cells: unknown[] }[] };
      expect(table.kind).toBe('Table');
      expect(table.columnDefinitions.map(({ name, priority }) => `${name}/${priority}`)).toEqual([
        'Name/0',
        'Size/0',
        'Ready/0',
        'Mode/1',
        'Age/0',
      ]);
      expect(table.rows[0]?.cells).toEqual(['applied', 4, 'True', 'fast', expect.any(String)]);
    });

    it('are watched like everything else', async () => {
      const list = (await call('GET', path)).body as { metadata: { resourceVersion: string } };
      const watch = await openWatch(target().client, path, { resourceVersion: list.metadata.resourceVersion });
      await call('POST', path, widget('watched', { size: 1 }));
      await call('DELETE', `${path}/watched`);
      await until('two events', () => watch.lines.length >= 2);
      await watch.close();
      expect(watch.lines.map(({ type }) => type)).toEqual(['ADDED', 'DELETED']);
      expect(watch.lines[0]?.object).toMatchObject({ apiVersion: `${GROUP}/v1`, kind: 'Widget' });
    });
  });
}
