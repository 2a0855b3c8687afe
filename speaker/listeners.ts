import type { EngineParts } from './engineParts.ts';
import type { Accepted, HostLink, ListenKey, Listener } from './hands.ts';
import { codeOf } from './io/errno.ts';
import type { WireProblem } from './report.ts';

const NO_PORT = 'no BGP connections are accepted';

/** Where routers may connect: one listener for all, and one for each device (VRF) that a session is bound to. */
export class Listeners {
  readonly #parts: EngineParts;
  readonly #accept: (accepted: Accepted) => void;
  readonly #byDevice = new Map<string, DeviceListener>();
  #port = 0;
  #links: readonly HostLink[] = [];
  #keys: ReadonlyMap<string, readonly ListenKey[]> = new Map();
  #isClosed = false;

  constructor(parts: EngineParts, accept: (accepted: Accepted) => void) {
    this.#parts = parts;
    this.#accept = accept;
  }

  /** Without a listening port HeraldLB still dials; so a port that is taken is a problem and no failure. */
  async listen(port: number): Promise<void> {
    this.#port = port;
    await this.#open('');
  }

  /** A device that comes back has another index, and its old listener hears nothing. */
  setLinks(links: readonly HostLink[]): void {
    this.#links = links;
    for (const [device, { index }] of this.#byDevice) {
      if (device !== '' && this.#indexOf(device) !== index) this.#reopen(device);
    }
  }

  /** @param devices that need a listener of their own */
  set(devices: ReadonlySet<string>, keys: ReadonlyMap<string, readonly ListenKey[]>): void {
    this.#keys = keys;
    if (this.#port === 0 || this.#isClosed) return;
    for (const device of this.#byDevice.keys()) if (device !== '' && !devices.has(device)) this.#close(device);
    for (const device of devices) if (!this.#byDevice.has(device)) void this.#open(device);
    for (const [device, entry] of this.#byDevice) this.#setKeys(device, entry);
  }

  /** Whether the kernel was told to ask this key of whoever connects there. */
  refusedKey(device: string, keyName: string): string | undefined {
    return this.#byDevice.get(device)?.refused.get(keyName);
  }

  /** Whether the kernel did not take a key, which is tried again. */
  hasRefused(): boolean {
    return [...this.#byDevice.values()].some(({ refused }) => refused.size > 0);
  }

  problems(): WireProblem[] {
    return [...this.#byDevice].flatMap(([device, { error }]): WireProblem[] => {
      if (error === undefined) return [];
      if (error === 'EACCES') return [{ reason: 'CapabilityMissing', capability: 'NET_BIND_SERVICE', what: NO_PORT }];
      return [{ reason: 'CannotListen', port: this.#port, error, ...(device === '' ? {} : { device }) }];
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const device of this.#byDevice.keys()) this.#close(device);
  }

  #indexOf(device: string): number | undefined {
    return this.#links.find(({ name }) => name === device)?.index;
  }

  #reopen(device: string): void {
    this.#close(device);
    void this.#open(device);
  }

  #close(device: string): void {
    this.#byDevice.get(device)?.listener?.close();
    this.#byDevice.delete(device);
  }

  async #open(device: string): Promise<void> {
    const entry: DeviceListener = { index: device === '' ? undefined : this.#indexOf(device), refused: new Map() };
    this.#byDevice.set(device, entry);
    const { hands, log, changed } = this.#parts;
    try {
      const listener = await hands.tcp.listen(this.#port, this.#accept, device === '' ? undefined : device);
      if (this.#byDevice.get(device) !== entry) {
        listener.close();
        return;
      }
      entry.listener = listener;
      this.#setKeys(device, entry);
    } catch (error) {
      entry.error = codeOf(error);
      log.warn({ port: this.#port, device, err: error }, 'no BGP connections are accepted');
    }
    changed();
  }

  #setKeys(device: string, entry: DeviceListener): void {
    if (entry.listener !== undefined) entry.refused = entry.listener.setKeys(this.#keys.get(device) ?? []);
  }
}

interface DeviceListener {
  /** Of its device when it was made. */
  readonly index: number | undefined;
  listener?: Listener;
  error?: string;
  refused: ReadonlyMap<string, string>;
}
