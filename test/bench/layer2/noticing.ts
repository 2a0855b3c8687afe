import { RANDOM, SHAPED, problemsOf } from '../../sim/histories.ts';

// Run by mutations.ts: says which histories of CI are not as they should be.
const noticed = [...SHAPED, ...RANDOM].flatMap((family) => [...problemsOf(family).keys()]);
console.log(`${noticed.length === 0 ? 'not noticed' : 'noticed'}: ${noticed.join('; ')}`);
