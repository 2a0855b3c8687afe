// Asks the registry for known weaknesses of what ships. Exit code 0: it knows none that is high or critical. 1: it does. 3: it
// did not answer the question (some mirrors refuse it), so nothing is known; said loudly, since silence would look like 0.
//   node test/setup/audit.mjs
import { spawnSync } from 'node:child_process';

const { stdout } = spawnSync('npm', ['audit', '--omit', 'dev', '--json'], { encoding: 'utf8', timeout: 60_000 });

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

const answer = read(stdout ?? '');
const counts = answer.metadata?.vulnerabilities;
if (counts === undefined) {
  const why = answer.statusCode === undefined ? 'there was no answer' : `it answered ${answer.statusCode}`;
  console.error(`AUDIT NOT DONE: the registry does not tell known weaknesses (${why})`);
  process.exit(3);
}
const grave = (counts.high ?? 0) + (counts.critical ?? 0);
for (const [name, { severity, range }] of Object.entries(answer.vulnerabilities ?? {})) console.log(`${severity}\t${name} ${range}`);
console.log(`audit: ${counts.total ?? 0} known weaknesses in what ships, ${grave} of them high or critical`);
process.exit(grave === 0 ? 0 : 1);
