import { defineConfig } from 'vitest/config';

/** In real time, to within some hundred milliseconds: one file at a time, while nothing else runs. */
const timed = [
  'test/speaker/layer2*.net.test.ts',
  'test/speaker/hostile.net.test.ts',
  'test/interop/bfd*.test.ts',
  'test/e2e/drain.test.ts',
  'test/e2e/drill*.test.ts',
  'test/kube/webhook.test.ts',
  'test/native/**/*.test.ts',
  'test/speaker/io/**/*.test.ts',
];

/** Needs root, network namespaces, real peers or a kube-apiserver, which it mostly waits for: two files at a time. */
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

/** By default vitest leaves one core idle, which on a machine of two is half of it. */
const WORKERS = 2;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...net, ...timed],
          setupFiles: ['test/support/fastCheck.ts'],
          pool: 'forks',
          maxWorkers: WORKERS,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'net',
          include: net,
          exclude: [...timed, ...chaos],
          setupFiles: ['test/support/fastCheck.ts'],
          pool: 'forks',
          maxWorkers: WORKERS,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'timed',
          include: timed,
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
