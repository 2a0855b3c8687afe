import type { AnnouncedSlice } from '../cluster/endpoints.ts';
import type { ServiceKey } from '../cluster/service.ts';

interface Changed {
  readonly gone: AnnouncedSlice[];
  readonly came: AnnouncedSlice[];
}

/** What came and went, Service by Service. */
export class SliceChanges {
  readonly #byService = new Map<ServiceKey, Changed>();

  constructor(gone: Iterable<AnnouncedSlice>, came: Iterable<AnnouncedSlice>) {
    for (const slice of gone) this.#of(slice.service).gone.push(slice);
    for (const slice of came) this.#of(slice.service).came.push(slice);
  }

  services(): Iterable<ServiceKey> {
    return this.#byService.keys();
  }

  gone(): AnnouncedSlice[] {
    return [...this.#byService.values()].flatMap(({ gone }) => gone);
  }

  came(): AnnouncedSlice[] {
    return [...this.#byService.values()].flatMap(({ came }) => came);
  }

  /** The slices that a Service had. @param now those it has, of which some may be others than those that came, but alike */
  before(service: ServiceKey, now: readonly AnnouncedSlice[]): readonly AnnouncedSlice[] {
    const { gone, came } = this.#of(service);
    const left = now.slice();
    for (const slice of came) {
      const at = left.findIndex((each) => each === slice || isAlike(each, slice));
      if (at >= 0) left.splice(at, 1);
    }
    return [...left, ...gone];
  }

  #of(service: ServiceKey): Changed {
    const known = this.#byService.get(service) ?? { gone: [], came: [] };
    this.#byService.set(service, known);
    return known;
  }
}

/** Of one Service. */
function isAlike(a: AnnouncedSlice, b: AnnouncedSlice): boolean {
  return a.family === b.family && (a.endpoints === b.endpoints || JSON.stringify(a.endpoints) === JSON.stringify(b.endpoints));
}
