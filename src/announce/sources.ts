import type { AnnouncedSlice } from '../cluster/endpoints.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import { Texts } from '../rows/texts.ts';
import { MultiMap } from './multiMap.ts';

export interface ServiceSource {
  readonly get: (key: ServiceKey) => AnnouncedService | undefined;
  readonly values: () => Iterable<AnnouncedService>;
}

export interface SliceSource {
  /** Of one Service. */
  readonly of: (service: ServiceKey) => readonly AnnouncedSlice[];
}

/**
 * Where a plan looks for what there is in thousands. Whoever has it anyway, and tells every change of it, spares the plan a second one; what it
 * has while a plan is made is what was told by then.
 */
export interface Sources {
  /** Of Services: whoever keeps something of one holds its name here. */
  readonly names: Texts;
  readonly services: ServiceSource;
  readonly slices: SliceSource;
}

/** What a plan keeps itself, of all that it was told. */
export class OwnSources implements Sources {
  readonly names = new Texts();
  readonly services = new Map<ServiceKey, AnnouncedService>();
  readonly #slices = new MultiMap<ServiceKey, AnnouncedSlice>();
  readonly slices: SliceSource = { of: (service) => this.#slices.get(service) };

  changeSlices(gone: Iterable<AnnouncedSlice>, came: Iterable<AnnouncedSlice>): void {
    for (const slice of gone) this.#slices.delete(slice.service, slice);
    for (const slice of came) this.#slices.add(slice.service, slice);
  }
}
