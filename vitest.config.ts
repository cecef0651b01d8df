/**
 * Three projects. `unit` needs no root. `kernel` makes real namespaces, netdevs and daemons, so each of its files has a network
 * namespace to itself; one waits more than it works, so more run than there are processors, those of `unit` in between. `alone`
 * is of the same kind, but looks at what passes in a time, so one runs after another, when the others are done.
 */
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.ts';

const KERNEL = ['test/namespaces/**/*.test.ts', 'test/contract/**/*.test.ts'];
const ALONE = ['bench-command', 'bench-smoke', 'faults', 'loop', 'losses', 'spray', 'takeover'].map(
  (name) => `test/namespaces/${name}.test.ts`,
);
/** Files at a time. */
const maxWorkers = availableParallelism() + 1;
const inOwnNetns = ['--require', fileURLToPath(new URL('test/support/own-netns.ts', import.meta.url))];
/** Where .ci/run wants the counts; people read the default report. */
const report = process.env['TSWITCH_TEST_REPORT'];

/** What the package exports, which is built when it is packed. */
const source = (file: string): string => fileURLToPath(new URL(`src/sdk/${file}.ts`, import.meta.url));

export default defineConfig({
  resolve: { alias: { 'tswitch/logic': source('logic'), 'tswitch/sandbox': source('sandbox') } },
  test: {
    globalSetup: [fileURLToPath(new URL('test/support/run-folders.ts', import.meta.url))],
    pool: 'forks',
    testTimeout: 180_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000,
    expect: { poll: { timeout: 30_000, interval: 20 } },
    sequence: { sequencer: LongestFirst },
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: KERNEL,
          maxWorkers,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'kernel',
          include: KERNEL,
          exclude: ALONE,
          maxWorkers,
          execArgv: inOwnNetns,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALONE,
          fileParallelism: false,
          execArgv: inOwnNetns,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
