import * as fc from 'fast-check';

/**
 * The same random cases in every run, so that a failure in CI is a failure here. `SEED=random` looks for new ones: what it finds is
 * mended and becomes a named test of its own.
 */
const FIXED = 20_261_123;

if (process.env['SEED'] !== 'random') fc.configureGlobal({ seed: Number(process.env['SEED'] ?? FIXED) });
