import type { Cause } from '../view/cause.ts';
import type { Explanation, StepState } from '../view/explain.ts';
import { ageText } from './age.ts';
import { sessionCells } from './sessionLines.ts';
import { tableLines } from './table.ts';

const STATES: Readonly<Record<Explanation['state'], string>> = {
  announced: 'is announced',
  degraded: 'is announced, but not as it should be',
  notAnnounced: 'is not announced',
};

const MARKS: Readonly<Record<StepState, string>> = { ok: 'ok', warning: 'WARNING', broken: 'BROKEN', notReached: '-' };

/** The verdict in the first line; then the chain, link by link. */
export function explainLines(explanation: Explanation, nowMs: number): string[] {
  const { service, state, addresses, causes, chain, nodes, passedOver, sessions } = explanation;
  const [first, ...others] = causes;
  const at = addresses.length === 0 ? '' : ` (${addresses.join(', ')})`;
  const head = `${service}${at} ${STATES[state]}`;
  return [
    first === undefined ? head : `${head}: ${causeText(first)}`,
    ...others.map((cause) => `  also ${causeText(cause)}`),
    ...passedOver.map((cause) => `  behind others: ${causeText(cause)}`),
    ...block(
      ['stage', 'state', 'detail'],
      chain.map((step) => [step.stage, MARKS[step.state], step.text]),
    ),
    ...block(
      ['node', 'ready', 'speaker', 'bgp', 'layer 2', 'on the wire', 'drain'],
      nodes.map((row) => [
        row.node,
        row.ready ? 'yes' : 'no',
        row.speaker,
        row.bgp,
        row.layer2,
        row.onWire.join('; ') || '-',
        row.drain ?? '',
      ]),
    ),
    ...block(
      ['node', 'peer', 'router', 'state', 'since', 'routes', 'bfd', 'last error'],
      sessions.map((session) => sessionCells(session, ageText(session.since, nowMs))),
    ),
  ];
}

/** `NoEndpoints: the Service has no serving endpoint. Next: ... (docs/troubleshoot.md#noendpoints)` */
export function causeText({ reason, object, message, next, docs }: Cause): string {
  const about = object === undefined ? '' : ` [${object}]`;
  return `${reason}${about}: ${message.replace(/\.$/, '')}. Next: ${next} (${docs})`;
}

function block(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return rows.length === 0 ? [] : ['', ...tableLines(head, rows)];
}
