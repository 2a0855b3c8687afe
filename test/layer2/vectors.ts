import { readFileSync } from 'node:fs';
import { hex } from './support.ts';

/** A golden frame of test/vectors, by `arp/request`. */
export function vector(name: string): Uint8Array {
  return hex(readFileSync(new URL(`../vectors/${name}.hex`, import.meta.url), 'utf8'));
}
