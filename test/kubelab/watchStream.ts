import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { until } from '../support/until.ts';
import type { Kubelab } from './kubelab.ts';
import type { KubeObject } from './json.ts';

export interface WatchEvent {
  type: string;
  object: KubeObject;
}

/** A watch over a real socket, for tests of the server itself. */
export class WatchStream {
  readonly events: WatchEvent[] = [];
  ended = false;
  failed = false;
  private request: ClientRequest;
  private rest = '';

  constructor(lab: Kubelab, path: string) {
    this.request = httpRequest(`${lab.url}${path}`, { agent: false }, (response) => this.read(response));
    this.request.on('error', () => (this.failed = true));
    this.request.end();
  }

  private read(response: IncomingMessage): void {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const lines = (this.rest + chunk).split('\n');
      this.rest = lines.pop() ?? '';
      for (const line of lines) this.events.push(JSON.parse(line) as WatchEvent);
    });
    response.on('end', () => (this.ended = true));
    response.on('error', () => (this.failed = true));
  }

  /** Waits for so many events and gives them as "TYPE name". */
  async names(count: number): Promise<string[]> {
    await until(`${count} watch events`, () => this.events.length >= count, 5000, 5);
    return this.events.map(({ type, object }) => `${type} ${object.metadata?.name ?? ''}`.trim());
  }

  async closed(): Promise<void> {
    await until('the end of the watch', () => this.ended || this.failed, 5000, 5);
  }

  close(): void {
    this.request.destroy();
  }
}
