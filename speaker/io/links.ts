import { type Listed, type LinkState, LinkTable } from './linkTable.ts';
import { type Netlink, openNetlink } from './netlink.ts';
import { decodeRtnetlink, encodeAddressDump, encodeLinkDump, type RtMessage } from './rtnetlink.ts';

export interface LinkWatcher {
  /** Empty until the first list is complete. */
  current(): readonly LinkState[];
  /** After this `onChange` is never called again. */
  close(): void;
}

// RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR
const GROUPS = 0x1 | 0x10 | 0x100;

/** Between two lists when one failed or was torn: interfaces that change all the time must not keep us listing. */
const RETRY_MS = 100;

/**
 * Watches the interfaces of this network namespace and their addresses. `onChange` gets all of them whenever something has
 * changed, once per turn of the event loop, first when the first list is complete. Where the kernel had more events than it
 * could hold (ENOBUFS) everything is listed again.
 * @throws Error with `code` when the socket cannot be made
 */
export function watchLinks(onChange: (links: readonly LinkState[]) => void): LinkWatcher {
  const watch = new Watch(onChange);
  return { current: () => watch.current, close: () => watch.close() };
}

class Watch {
  current: readonly LinkState[] = [];
  readonly #onChange: (links: readonly LinkState[]) => void;
  readonly #table = new LinkTable();
  readonly #netlink: Netlink;
  /** What is being listed; undefined between lists. */
  #listing: Listed | undefined;
  #sequence = 0;
  /** The tables changed under the running list, or events were lost: list once more. */
  #again = false;
  /** Whether a whole list has ever come in: before, nothing is told. */
  #complete = false;
  #changed = false;
  #publishing: NodeJS.Immediate | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(onChange: (links: readonly LinkState[]) => void) {
    this.#onChange = onChange;
    this.#netlink = openNetlink(GROUPS, {
      datagram: (bytes) => {
        for (const message of decodeRtnetlink(bytes)) this.#take(message);
      },
      lost: () => this.#listAgain(),
      batch: () => {
        if (this.#changed && this.#complete) this.#publish();
      },
    });
    this.#list('links');
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    clearImmediate(this.#publishing);
    this.#netlink.close();
  }

  #take(message: RtMessage): void {
    const isAnswer = message.sequence === this.#sequence && this.#listing !== undefined;
    if (isAnswer && message.interrupted) this.#again = true;
    if (message.body.kind !== 'done' && message.body.kind !== 'error') {
      if (this.#table.apply(message.body)) this.#changed = true;
    } else if (isAnswer) this.#listed(message.body.errno);
  }

  #listed(errno: number): void {
    const listing = this.#listing;
    this.#listing = undefined;
    if (listing === undefined) return;
    if (errno !== 0) {
      this.#again = true;
      this.#listLater();
      return;
    }
    // A torn list may have left something out that is there: it adds, and takes nothing away.
    if (!this.#again && this.#table.finish(listing)) this.#changed = true;
    if (listing === 'links') {
      this.#list('addresses');
      return;
    }
    if (this.#again) this.#listLater();
    else if (!this.#complete) {
      this.#complete = true;
      this.#changed = true;
    }
  }

  #listAgain(): void {
    this.#again = true;
    // The end of the running list may be among what was lost, so it is not waited for.
    this.#listing = undefined;
    this.#listLater();
  }

  #listLater(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#again = false;
      this.#list('links');
    }, RETRY_MS);
  }

  #list(listed: Listed): void {
    this.#sequence += 1;
    this.#listing = listed;
    this.#table.begin(listed);
    const request = listed === 'links' ? encodeLinkDump(this.#sequence) : encodeAddressDump(this.#sequence);
    if (!this.#netlink.send(request)) this.#listAgain();
  }

  #publish(): void {
    this.#publishing ??= setImmediate(() => {
      this.#publishing = undefined;
      this.#changed = false;
      this.current = this.#table.list();
      this.#onChange(this.current);
    });
  }
}
