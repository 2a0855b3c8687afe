import { tableLines } from '../table.ts';
import type { Finding } from './contract.ts';
import { remedyFor } from './remedy.ts';

/** What `-o json` prints: the findings, each with what to do. */
export function reportValue(findings: readonly Finding[]): object {
  return findings.map((finding) => (finding.reason === undefined ? finding : { ...finding, remedy: remedyFor(finding.reason) }));
}

/** A table, then what to do, once for each reason. */
export function reportLines(findings: readonly Finding[]): string[] {
  const rows = findings.map(({ level, check, reason = '', message }) => [level, check, reason, message]);
  const reasons = [...new Set(findings.flatMap(({ reason }) => reason ?? []))];
  const count = (level: string): number => findings.filter((finding) => finding.level === level).length;
  return [
    ...tableLines(['result', 'check', 'reason', 'what was found'], rows),
    ...(reasons.length === 0 ? [] : ['', 'What to do:', ...reasons.map((reason) => `  ${reason}: ${remedyFor(reason)}`)]),
    '',
    `${count('FAIL')} fail, ${count('WARN')} warn, ${count('PASS')} pass`,
  ];
}
