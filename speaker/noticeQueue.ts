import type { ServiceKey } from '../src/cluster/service.ts';
import { SharedValues } from '../src/rows/sharedValues.ts';
import type { Texts } from '../src/rows/texts.ts';
import type { Notice } from './notices.ts';

type Told = Omit<Notice, 'service'>;

/** Notices that wait to be told, in their order. Thousands say the same of other Services, whose names are somewhere else anyway: one has 16 bytes. */
export class NoticeQueue {
  readonly #names: Texts;
  readonly #services: number[] = [];
  readonly #told: number[] = [];
  readonly #values = new SharedValues<Told>();

  constructor(names: Texts) {
    this.#names = names;
  }

  get length(): number {
    return this.#services.length;
  }

  push({ service, type, reason, message }: Notice): void {
    this.#services.push(this.#names.hold(service));
    this.#told.push(this.#values.hold({ type, reason, message }, `${type} ${reason} ${message}`));
  }

  /** The first of them, at most so many. */
  take(most: number): Notice[] {
    const told = this.#told.splice(0, most);
    return this.#services.splice(0, most).flatMap((place, i) => {
      const service = this.#names.text(place) as ServiceKey;
      const value = this.#values.of(told[i] ?? -1);
      this.#names.release(place);
      this.#values.release(told[i] ?? -1);
      return value === undefined ? [] : [{ service, ...value }];
    });
  }
}
