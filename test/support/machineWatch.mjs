// A program that asks for nothing but to be woken every 20 ms, and writes down when it was not: that is the machine's doing, and no
// test's. One line for each time: when it should have been woken, in ms since the epoch, and how many ms later it was.
//   node test/support/machineWatch.mjs FILE
import { appendFileSync } from 'node:fs';

const TICK_MS = 20;
const LATE_MS = 100;
const [, , file] = process.argv;
if (file === undefined) throw new Error('usage: machineWatch.mjs FILE');

let last = performance.now();
setInterval(() => {
  const lateMs = performance.now() - last - TICK_MS;
  if (lateMs > LATE_MS) appendFileSync(file, `${Math.round(Date.now() - lateMs)} ${Math.round(lateMs)}\n`);
  last = performance.now();
}, TICK_MS);
process.on('disconnect', () => process.exit(0));
