import { setTimeout as sleep } from 'node:timers/promises';
import type { Watch } from './api/watch.ts';
import type { Tokens } from './auth/tokens.ts';
import type { FrontDoor } from './http/frontDoor.ts';
import { StatusError, tooOld } from './status.ts';
import type { Snapshot, Store } from './store.ts';

/** Which requests a fault is for; what is left out matches everything. */
export interface FaultMatch {
  method?: string;
  verb?: string;
  resource?: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  user?: string;
  path?: string | RegExp;
  userAgent?: string | RegExp;
}

/** What a fault is matched against. */
export interface Asked {
  method: string;
  path: string;
  verb: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  user: string;
  userAgent: string;
  connection: number;
}

interface Scope {
  match?: FaultMatch;
  times?: number;
}

/** A fault in force. */
export interface ActiveFault {
  /** Requests it has met. */
  hits: number;
  remove: () => void;
}

/** How a request is to go on. */
export type Outcome = 'serve' | 'reset' | 'loseAnswer';

interface Rule extends ActiveFault {
  match: FaultMatch;
  left: number;
  act: (asked: Asked) => Promise<Outcome> | Outcome;
}

interface OpenWatch {
  watch: Watch;
  asked: Asked;
}

const reasons: Readonly<Record<number, [string, string]>> = {
  400: ['BadRequest', 'the server rejected the request'],
  401: ['Unauthorized', 'Unauthorized'],
  403: ['Forbidden', 'forbidden'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: [
    'Conflict',
    'Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest version and try again',
  ],
  410: ['Expired', 'The resourceVersion for the provided watch is too old.'],
  429: ['TooManyRequests', 'Too many requests, please try again later.'],
  500: ['InternalError', 'Internal error occurred'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in the time allotted, but may still be processing the request'],
};

function matchesText(wanted: string | RegExp | undefined, value: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === 'string' ? value.includes(wanted) : wanted.test(value);
}

function matches(match: FaultMatch, asked: Asked): boolean {
  const exact = ['method', 'verb', 'resource', 'subresource', 'namespace', 'name', 'user'] as const;
  return (
    exact.every((field) => match[field] === undefined || match[field] === asked[field]) &&
    matchesText(match.path, asked.path) &&
    matchesText(match.userAgent, asked.userAgent)
  );
}

/** Everything that can go wrong between a client and the server, on demand. */
export class Faults {
  private store: Store;
  private door: FrontDoor;
  private tokens: Tokens;
  private rules: Rule[] = [];
  private undo = new Set<() => void>();
  private stale: { match: FaultMatch; frozen: Map<string, Snapshot> }[] = [];
  private muted: { match: FaultMatch }[] = [];
  readonly watches = new Set<OpenWatch>();

  constructor(store: Store, door: FrontDoor, tokens: Tokens) {
    this.store = store;
    this.door = door;
    this.tokens = tokens;
  }

  private add({ match = {}, times = Infinity }: Scope, act: Rule['act']): ActiveFault {
    const rule: Rule = { match, left: times, hits: 0, act, remove: () => (this.rules = this.rules.filter((other) => other !== rule)) };
    this.rules.push(rule);
    return rule;
  }

  /** Answers with this code instead of serving. */
  status(fault: Scope & { code: number; reason?: string; message?: string; retryAfterSeconds?: number }): ActiveFault {
    return this.add(fault, () => {
      const [reason, message] = reasons[fault.code] ?? ['', 'fault'];
      const { retryAfterSeconds } = fault;
      throw new StatusError(
        fault.code,
        fault.reason ?? reason,
        fault.message ?? message,
        retryAfterSeconds === undefined ? undefined : { retryAfterSeconds },
        retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) },
      );
    });
  }

  /** Serves later. */
  delay(fault: Scope & { ms: number }): ActiveFault {
    return this.add(fault, async (): Promise<Outcome> => {
      await sleep(fault.ms);
      return 'serve';
    });
  }

  /** Resets the connection instead of answering. */
  reset(fault: Scope = {}): ActiveFault {
    return this.add(fault, () => 'reset');
  }

  /** Serves, then resets the connection instead of answering. */
  loseAnswer(fault: Scope = {}): ActiveFault {
    return this.add(fault, () => 'loseAnswer');
  }

  /** 410 Expired: the answer of a list; the first event of a watch. */
  expire(fault: Scope = {}): ActiveFault {
    return this.add(fault, () => {
      throw tooOld('1', this.store.version);
    });
  }

  /** Every connection gets this many bytes per second from the server. */
  slow(fault: { bytesPerSecond: number }): ActiveFault {
    this.door.bytesPerSecond = fault.bytesPerSecond;
    return this.undoable(() => {
      this.door.bytesPerSecond = 0;
    });
  }

  /** Connections stay open and nothing passes; removing it resets them. */
  halfOpen(fault: { connections?: 'existing' | 'all' } = {}): ActiveFault {
    return this.undoable(this.door.freeze(fault.connections === 'all'));
  }

  private undoable(undo: () => void): ActiveFault {
    this.undo.add(undo);
    return {
      hits: 0,
      remove: () => {
        if (this.undo.delete(undo)) undo();
      },
    };
  }

  /** Resets every open connection. */
  dropConnections(): void {
    this.door.resetAll();
  }

  private open(match: FaultMatch): Watch[] {
    return [...this.watches].filter(({ asked }) => matches(match, asked)).map(({ watch }) => watch);
  }

  /** Ends open watches as a time-out does. */
  endWatches(match: FaultMatch = {}): void {
    for (const watch of this.open(match)) watch.end();
  }

  /** Resets the connections of open watches. */
  breakWatches(match: FaultMatch = {}): void {
    for (const watch of this.open(match)) watch.destroy();
  }

  /** Sends an ERROR event 410 into open watches and ends them. */
  expireWatches(match: FaultMatch = {}): void {
    for (const watch of this.open(match)) watch.fail(tooOld('1', this.store.version));
  }

  /** Watches, open now or later, stay silent until this is removed; then the open ones catch up. */
  muteWatches(match: FaultMatch = {}): ActiveFault {
    const rule = { match };
    this.muted.push(rule);
    for (const watch of this.open(match)) watch.mute();
    return this.undoable(() => {
      this.muted = this.muted.filter((other) => other !== rule);
      for (const watch of this.open(match)) watch.unmute();
    });
  }

  /** Forgets the events: resuming from any older resourceVersion is 410. */
  compact(): void {
    this.store.compact();
  }

  /** Get and list answer from what is stored now, until removed. */
  staleReads({ match = {} }: Scope = {}): ActiveFault {
    const rule = { match, frozen: this.store.freeze() };
    this.stale.push(rule);
    return this.undoable(() => {
      this.stale = this.stale.filter((other) => other !== rule);
    });
  }

  expireToken(token: string): void {
    this.tokens.expire(token);
  }

  clear(): void {
    this.rules = [];
    for (const undo of this.undo) undo();
    this.undo.clear();
    this.stale = [];
    this.muted = [];
  }

  /** Runs the faults a request meets; throws what is to be answered. */
  async meet(asked: Asked): Promise<Outcome> {
    let outcome: Outcome = 'serve';
    // Removing a fault replaces the array, so that this loop is safe.
    for (const rule of this.rules) {
      if (rule.left <= 0 || !matches(rule.match, asked)) continue;
      rule.left -= 1;
      rule.hits += 1;
      const found = await rule.act(asked);
      if (found !== 'serve') outcome = found;
    }
    return outcome;
  }

  /** What a stale reader sees instead of the present. */
  frozenFor(asked: Asked, storage: string): Snapshot | undefined {
    const rule = this.stale.find(({ match }) => matches(match, asked));
    return rule === undefined ? undefined : (rule.frozen.get(storage) ?? { version: 1, entries: [] });
  }

  isMuted(asked: Asked): boolean {
    return this.muted.some(({ match }) => matches(match, asked));
  }
}
