import { defineConfig } from 'vitest/config';

/** Needs root, network namespaces, real peers or a kube-apiserver: one file at a time, so that timings mean something. */
const net = [
  'test/native/**/*.test.ts',
  'test/speaker/io/**/*.test.ts',
  'test/speaker/*.net.test.ts',
  'test/interop/**/*.test.ts',
  'test/e2e/**/*.test.ts',
  'test/lab/**/*.test.ts',
  'test/glass/*.net.test.ts',
  'test/conformance/**/*.test.ts',
  'test/kube/**/*.test.ts',
];

/** Random and long: `make chaos`, on a machine that has nothing else to do. */
const chaos = ['test/e2e/robust/**/*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: net,
          setupFiles: ['test/support/fastCheck.ts'],
          pool: 'forks',
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'net',
          include: net,
          exclude: chaos,
          setupFiles: ['test/support/fastCheck.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'chaos',
          include: chaos,
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
