// Runs every test project one after the other and ends with one count. Exit code 0 only when all passed and some ran.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const directory = mkdtempSync(join(tmpdir(), 'heraldlb-tests-'));
const total = { passed: 0, failed: 0, skipped: 0 };
let broken = false;

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
    if (result.numTotalTests === 0) broken = true;
  } catch {
    console.error(`the ${project} tests left no report`);
    broken = true;
  }
  if (run.status !== 0) broken = true;
}

rmSync(directory, { recursive: true, force: true });
console.log(`\nTests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(broken || total.failed > 0 || total.passed === 0 ? 1 : 0);
