import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { everyMetric } from '../support/metricNames.ts';
import { need } from '../support/need.ts';

const DIRECTORY = resolve(import.meta.dirname, '../../manifests/dashboards');
const read = (name: string): string => readFileSync(join(DIRECTORY, name), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

const RULES = (parse(read('rules.yaml')) as { groups: readonly { readonly rules: readonly Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const DASHBOARD = JSON.parse(read('heraldlb.json')) as Dashboard;
const PANELS = DASHBOARD.panels.filter(({ type }) => type !== 'row');

/** As Grafana does before it asks Prometheus. */
const filledIn = (expr: string): string => expr.replaceAll('$__rate_interval', '5m').replaceAll('$node', '.*');

const EXPRESSIONS = [
  ...RULES.map(({ alert, expr }) => ({ where: alert, expr })),
  ...PANELS.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: title, expr: filledIn(expr) }))),
];

/** Labels that Prometheus gives a target, by podmonitor.yaml, and `up`, which it makes itself. */
const TARGET_LABELS = ['node', 'instance', 'job', 'pod', 'container', 'namespace', 'program', 'le'];

describe('the alerts and the dashboard', () => {
  /** Metric, with the suffixes of a histogram, to its labels. */
  const served = new Map<string, readonly string[]>([['up', []]]);

  beforeAll(async () => {
    for (const { name, type, labels } of await everyMetric()) {
      served.set(name, labels);
      if (type === 'histogram') for (const suffix of ['_bucket', '_sum', '_count']) served.set(`${name}${suffix}`, labels);
    }
  });

  it('use metrics that the programs serve, under the names of our own', () => {
    const used = EXPRESSIONS.flatMap(({ where, expr }) =>
      [...expr.matchAll(/\b(?:[a-z]+lb|process|nodejs|frrk8s)_\w+|\bup\b/g)].map(([name]) => ({ where, name })),
    );
    expect(used.length).toBeGreaterThan(50);
    expect(used.filter(({ name }) => !served.has(name))).toEqual([]);
    expect(used.filter(({ name }) => /^(metallb|frrk8s)_/.test(name))).toEqual([]);
  });

  it('show all there is of the speakers among one another, and of drains', () => {
    const shown = PANELS.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)).join(' ');
    const names = [...served.keys()].filter((name) =>
      /^heraldlb_(drain_\w+|layer2_(phase|peer_liveness|handovers|handovers_total|takeovers_total|stalls_total|mesh_\w+|\w+_bucket))$/.test(
        name,
      ),
    );
    expect(names.length).toBe(11);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(shown))).toEqual([]);
  });

  it('find no label in a metric that a target has already: the one would hide the other', () => {
    const taken = new Set(['node', 'instance', 'job', 'pod', 'container', 'namespace']);
    const own = [...served].filter(([name]) => name.startsWith('heraldlb_'));
    expect(own.filter(([, labels]) => labels.some((label) => taken.has(label)))).toEqual([]);
  });

  it('name only labels that the metric or its target has', () => {
    const wrong = EXPRESSIONS.flatMap(({ where, expr }) => {
      const metrics = [...expr.matchAll(/\b(?:heraldlb|process|nodejs)_\w+|\bup\b/g)].map(([name]) => name);
      const known = new Set([...TARGET_LABELS, ...metrics.flatMap((name) => served.get(name) ?? [])]);
      const matched = [...expr.matchAll(/\{([^}]*)\}/g)].flatMap(([, inside = '']) => [...inside.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)]);
      const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, inside = '']) => [...inside.matchAll(/(\w+)/g)]);
      return [...matched, ...grouped].map(([, label = '']) => label).flatMap((label) => (known.has(label) ? [] : [`${where}: ${label}`]));
    });
    expect(wrong).toEqual([]);
  });
});

describe('the alerts', () => {
  it('are the same for the operator', () => {
    const { spec } = parse(read('prometheusrule.yaml')) as { spec: unknown };
    expect(spec).toEqual(parse(read('rules.yaml')));
  });

  it('say how bad it is, what it means and what to do, and lead to a page', () => {
    expect(new Set(RULES.map(({ alert }) => alert)).size).toBe(RULES.length);
    for (const { alert, labels, annotations } of RULES) {
      expect(alert).toMatch(/^HeraldLB[A-Z]/);
      expect(['warning', 'critical']).toContain(labels['severity']);
      expect(Object.keys(annotations)).toEqual(['summary', 'description', 'runbook']);
      expect(annotations['runbook']).toMatch(/^docs\/[a-z]+\.md(#[a-z0-9-]+)?$/);
    }
  });

  it('each have a test that sees it fire', () => {
    const { tests } = parse(read('rules.test.yaml')) as {
      tests: readonly { alert_rule_test: readonly { alertname: string; exp_alerts?: unknown[] }[] }[];
    };
    const seen = new Set(
      tests.flatMap(({ alert_rule_test: cases }) => cases.filter((each) => each.exp_alerts).map((each) => each.alertname)),
    );
    expect(RULES.map(({ alert }) => alert).filter((alert) => !seen.has(alert))).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('has panels that lie beside each other, each with a question of its own', () => {
    expect(PANELS.length).toBeGreaterThan(20);
    expect(new Set(DASHBOARD.panels.map(({ id }) => id)).size).toBe(DASHBOARD.panels.length);
    const cells = DASHBOARD.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(DASHBOARD.panels.filter(({ gridPos: { x, w } }) => x + w > 24)).toEqual([]);
    expect(PANELS.filter(({ targets = [] }) => targets.length === 0)).toEqual([]);
  });

  it('uses no variable that it does not have', () => {
    const known = new Set(['datasource', '__rate_interval', '__all', ...DASHBOARD.templating.list.map(({ name }) => name)]);
    const used = [...read('heraldlb.json').matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });
});

need('command:promtool').describe('promtool', () => {
  const promtool = (...words: string[]): string => execFileSync('promtool', words, { cwd: DIRECTORY, encoding: 'utf8', stdio: 'pipe' });

  it('accepts the rules, and their tests pass', () => {
    expect(promtool('check', 'rules', 'rules.yaml')).toContain(`${RULES.length} rules found`);
    expect(promtool('test', 'rules', 'rules.test.yaml')).toContain('SUCCESS');
  });

  it('can read what the panels ask', () => {
    const directory = mkdtempSync(join(tmpdir(), 'hlb-panels-'));
    try {
      const rules = EXPRESSIONS.map(({ expr }, index) => ({ record: `panel:expression:${index}`, expr }));
      writeFileSync(join(directory, 'panels.yaml'), stringify({ groups: [{ name: 'panels', rules }] }));
      expect(promtool('check', 'rules', join(directory, 'panels.yaml'))).toContain(`${rules.length} rules found`);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
