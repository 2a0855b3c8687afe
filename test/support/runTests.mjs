// Runs every test project one after the other and ends with the failures, if any, and one count. Exit code 0 only when
// all passed and some ran.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'heraldlb-tests-'));
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
let broken = false;

/** Failed cases, and files that could not be run at all. */
function failuresOf({ name, message, assertionResults }) {
  const file = relative(process.cwd(), name);
  const cases = assertionResults.filter(({ status }) => status === 'failed');
  if (cases.length === 0 && message) return [`${file}\n${message}`];
  return cases.map(({ fullName, failureMessages }) => `${file}: ${fullName}\n${failureMessages.join('\n')}`);
}

for (const project of ['unit', 'net']) {
  const report = join(directory, `${project}.json`);
  const run = spawnSync(
    join('node_modules', '.bin', 'vitest'),
    ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)],
    { stdio: 'inherit' },
  );
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    total.passed += result.numPassedTests;
    total.failed += result.numFailedTests;
    total.skipped += result.numPendingTests + result.numTodoTests;
    failures.push(...result.testResults.flatMap(failuresOf));
    if (result.numTotalTests === 0) broken = true;
  } catch {
    console.error(`the ${project} tests left no report`);
    broken = true;
  }
  if (run.status !== 0) broken = true;
}

rmSync(directory, { recursive: true, force: true });
for (const failure of failures) console.log(`\nFAILED ${failure.slice(0, 3000)}`);
console.log(`\nTests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(broken || total.failed > 0 || total.passed === 0 ? 1 : 0);
