import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DRAIN_LABEL } from '../../announce/drain.ts';
import type { KubeClient } from '../../host/kube/kubeClient.ts';
import { getObject, patchObject } from '../../host/kube/objects.ts';
import { NODES } from '../../host/kube/resource.ts';

/** Tells the label of a drill from one that somebody means. */
const DRILL = 'drill';
const RETRY_MS = 1000;
/** An API server may be away for as long as its restart takes. */
const TRIES = 120;

export async function beginDrain(client: KubeClient, node: string): Promise<void> {
  await setLabel(client, node, DRILL);
}

/** Takes the drill's label away, and no other. @throws Error that says what to do, when the API server stays away */
export async function endDrain(client: KubeClient, node: string, say: (line: string) => void, tries = TRIES): Promise<void> {
  for (let left = tries; ; left--) {
    try {
      const { metadata } = await getObject(client, NODES, { name: node });
      if (metadata.labels?.[DRAIN_LABEL] === DRILL) await setLabel(client, node, null);
      return;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (left <= 1) throw new Error(`${node} is drained still: ${why}. Run \`heraldlb undrain ${node}\``, { cause: error });
      if (left === tries) say(`${node} cannot be put back into service yet: ${why}`);
      await sleep(RETRY_MS);
    }
  }
}

async function setLabel(client: KubeClient, node: string, value: string | null): Promise<void> {
  await patchObject(client, NODES, { name: node }, { metadata: { labels: { [DRAIN_LABEL]: value } } });
}

const DONE = 'done\n';

export interface Guard {
  /** The drain has been taken back: there is nothing left to do for it. */
  readonly dismiss: () => void;
}

/**
 * A second process, which outlives this one: where it is killed, and so cannot clean up, the guard does.
 * @param words the command that guards, without the program itself
 */
export function startGuard(words: readonly string[]): Guard {
  const program = process.argv[1] ?? '';
  const child = spawn(process.execPath, [...process.execArgv, program, ...words], {
    // Neither Ctrl-C nor the end of the terminal is for it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without one the drill still cleans up after itself, as long as it is not killed.
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  if (child.stdin instanceof Socket) child.stdin.unref();
  return { dismiss: () => void child.stdin.end(DONE) };
}

/** What the guard does: waits for the end of the other process, and takes the drain back unless that has. */
export async function guardDrain(client: KubeClient, node: string, input: AsyncIterable<unknown>): Promise<void> {
  let text = '';
  for await (const chunk of input) text += String(chunk);
  if (text === DONE) return;
  // What the other one asked for last may be under way.
  await sleep(RETRY_MS);
  await endDrain(client, node, () => {});
}
