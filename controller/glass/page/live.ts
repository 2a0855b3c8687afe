import { type Patch, applyPatch } from '../../../src/glass/diff.ts';
import type { Snapshot } from '../../../src/glass/view.ts';

export type Connection = 'live' | 'connecting' | 'lost';

/** Reads along. The browser itself connects anew; every connection begins with the whole. */
export function readLive(onSnapshot: (snapshot: Snapshot) => void, onConnection: (state: Connection) => void): void {
  let latest: Snapshot | undefined;
  let retryMs = 1000;

  const connect = (): void => {
    const source = new EventSource('api/live');
    source.addEventListener('open', () => {
      retryMs = 1000;
      onConnection('live');
    });
    source.addEventListener('snapshot', (event) => {
      latest = JSON.parse(event.data) as Snapshot;
      onSnapshot(latest);
    });
    source.addEventListener('patch', (event) => {
      if (latest === undefined) return;
      latest = applyPatch(latest, JSON.parse(event.data) as Patch);
      onSnapshot(latest);
    });
    source.addEventListener('error', () => {
      onConnection('lost');
      // CONNECTING: the browser tries again by itself.
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => void again(), retryMs);
      retryMs = Math.min(retryMs * 2, 30_000);
    });
  };

  /** An answer that is no stream ends an EventSource for good; the session may have come to its end. */
  const again = async (): Promise<void> => {
    const answer = await fetch('api/snapshot', { method: 'HEAD' }).catch(() => undefined);
    if (answer?.status === 401) location.assign('login');
    else connect();
  };
  connect();
}
