// Runs every test project one after the other and ends with the failures, if any, and one count. Exit code 0 only when
// all passed and some ran.
//
// A file of the projects in real time that failed is run once more, alone, if the machine stood still meanwhile: a program that only wants
// to be woken was not, for a tenth of a second or more (machineWatch.mjs). That is told at the end. Without such a moment a failure is
// a failure at once, and a second one is final.
import { fork, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const REAL_TIME = ['net', 'timed'];
const directory = mkdtempSync(join(tmpdir(), 'heraldlb-tests-'));
const moments = join(directory, 'machine');
writeFileSync(moments, '');
const watch = fork('test/support/machineWatch.mjs', [moments], { stdio: 'inherit' });
const total = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
const repeated = [];
let broken = false;

/** Failed cases, and files that could not be run at all. */
function failuresOf({ name, message, assertionResults }) {
  const file = relative(process.cwd(), name);
  const cases = assertionResults.filter(({ status }) => status === 'failed');
  if (cases.length === 0 && message) return [`${file}\n${message}`];
  return cases.map(({ fullName, failureMessages }) => `${file}: ${fullName}\n${failureMessages.join('\n')}`);
}

function vitest(project, files) {
  const report = join(directory, `${project}.json`);
  rmSync(report, { force: true });
  const words = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { status } = spawnSync(join('node_modules', '.bin', 'vitest'), [...words, ...files], { stdio: 'inherit' });
  try {
    return { status, report: JSON.parse(readFileSync(report, 'utf8')) };
  } catch {
    console.error(`the ${project} tests left no report`);
    return { status, report: undefined };
  }
}

/** The longest time that the machine stood still while the file ran, in ms; 0: it did not. */
function stoodStill({ startTime, endTime }) {
  const lines = readFileSync(moments, 'utf8').trim().split('\n').filter(Boolean);
  const times = lines.map((line) => line.split(' ').map(Number));
  return Math.max(0, ...times.filter(([at, ms]) => at + ms >= startTime && at <= endTime).map(([, ms]) => ms));
}

/** @returns what is to be counted for the file */
function again(project, result) {
  const ms = REAL_TIME.includes(project) && result.status === 'failed' ? stoodStill(result) : 0;
  if (ms === 0) return result;
  const file = relative(process.cwd(), result.name);
  console.log(`\n${file} failed, and the machine had stood still for ${ms} ms: once more, alone`);
  const second = vitest(project, [file]).report?.testResults.find(({ name }) => name === result.name);
  if (second === undefined) return result;
  repeated.push(`${file} (${ms} ms): ${second.status}\n${failuresOf(result).join('\n')}`);
  return second;
}

function count({ assertionResults }) {
  for (const { status } of assertionResults) {
    if (status === 'passed' || status === 'failed') total[status] += 1;
    else total.skipped += 1;
  }
}

for (const project of ['unit', ...REAL_TIME]) {
  const { status, report } = vitest(project, process.argv.slice(2));
  if (report === undefined || report.numTotalTests === 0) {
    broken = true;
    continue;
  }
  const results = report.testResults.map((result) => again(project, result));
  for (const result of results) count(result);
  failures.push(...results.flatMap(failuresOf));
  // Whatever else made it fail, such as an error outside of any test.
  if (status !== 0 && !report.testResults.some((result) => result.status === 'failed')) broken = true;
}

watch.disconnect();
rmSync(directory, { recursive: true, force: true });
for (const each of repeated) console.log(`\nRUN TWICE, the machine had stood still: ${each.slice(0, 3000)}`);
for (const failure of failures) console.log(`\nFAILED ${failure.slice(0, 3000)}`);
console.log(`\nTests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped, ${repeated.length} files run twice`);
process.exit(broken || failures.length > 0 || total.failed > 0 || total.passed === 0 ? 1 : 0);
