import type { Speaker } from '../src/layer2/conflictState.ts';
import type { Home } from './home.ts';
import type { Layer2Surroundings } from './layer2Surroundings.ts';
import type { Mesh } from './mesh.ts';
import type { Pulse } from './pulse.ts';
import type { SelfNote } from './selfNote.ts';

interface Around {
  readonly mesh: Mesh;
  readonly pulse: Pulse;
  readonly home: Home;
  readonly note: SelfNote;
  /** It hears none of several. */
  readonly isAlone: () => boolean;
}

export function surroundingsOf({ mesh, pulse, home, note, isAlone }: Around, orderOf: Layer2Surroundings['orderOf']): Layer2Surroundings {
  const doubtOf = (): Speaker['doubt'] => (home.isLost ? 'strayed' : isAlone() ? 'alone' : undefined);
  return {
    isDoubtful: () => pulse.isDoubtful(),
    orderOf,
    meeting: (node) => ({ isMet: mesh.isUp(node), isLost: mesh.hearsAnybody() && mesh.saysAlone(node), doubt: doubtOf() }),
    phasesChanged: () => note.phasesChanged(),
  };
}
