/**
 * Whether the suite notices: a copy of the project has one rule of the switch taken out, and the tests of switching must
 * fail there. Without a mutation they pass there, so that it is the mutation that fails them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = ['src', 'native-bindings', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');
const SUITE = [
  'test/unit/switching.test.ts',
  'test/unit/vlan',
  'test/unit/storm-limits.test.ts',
  'test/unit/storm.test.ts',
];

interface Mutation {
  file: string;
  /** Occurs once in the file. */
  from: string;
  to: string;
}

const MUTATIONS: Record<string, Mutation> = {
  'nothing is learned': {
    file: 'src/switching/learner.ts',
    from: 'if (!learns) {',
    to: 'if (!learns || fdb.count >= 0) {',
  },
  'nothing ages': {
    file: 'src/switching/fdb-layout.ts',
    from: 'return ((now - seen) | 0) > ageingTicks && kind !== KIND_STATIC;',
    to: 'return ((now - seen) | 0) > ageingTicks && kind === -1;',
  },
  'ingress VLANs are not checked': {
    file: 'src/switching/port-table.ts',
    from: 'if (this.mode[handle] === MODE_ACCESS || !this.carries(handle, vid)) return NOT_A_MEMBER;',
    to: '',
  },
  'floods leave their VLAN': {
    file: 'src/datapath/egress.ts',
    from: 'candidates[w]! & members[vlan + w]! & ',
    to: 'candidates[w]! & (members[vlan + w]! | -1) & ',
  },
  'known destinations leave their VLAN': {
    file: 'src/switching/reach.ts',
    from: '& members[batch.vlan[i]! * PORT_SET_WORDS + w]! &',
    to: '& (members[0]! | -1) &',
  },
  'isolated ports reach each other': {
    file: 'src/switching/reach.ts',
    from: 'const isIsolated = this.#ports.isIn(SET_ISOLATED, ingress);',
    to: 'const isIsolated = false;',
  },
  'floodUnknown is ignored': {
    file: 'src/switching/port-table.ts',
    from: 'setBit(this.sets, SET_FLOOD + FLOOD_UNKNOWN, handle, config.floodUnknown);',
    to: 'setBit(this.sets, SET_FLOOD + FLOOD_UNKNOWN, handle, true);',
  },
  'floodMulticast is ignored': {
    file: 'src/switching/port-table.ts',
    from: 'setBit(this.sets, SET_FLOOD + FLOOD_MULTICAST, handle, config.floodMulticast);',
    to: 'setBit(this.sets, SET_FLOOD + FLOOD_MULTICAST, handle, true);',
  },
  'floodBroadcast is ignored': {
    file: 'src/switching/port-table.ts',
    from: 'setBit(this.sets, SET_FLOOD + FLOOD_BROADCAST, handle, config.floodBroadcast);',
    to: 'setBit(this.sets, SET_FLOOD + FLOOD_BROADCAST, handle, true);',
  },
};

const copy = mkdtempSync(join(tmpdir(), 'tswitch-mutation-'));
afterAll(() => rmSync(copy, { recursive: true, force: true }));
for (const path of COPIED) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));

/** Runs the tests of switching in the copy. @returns whether they passed, and what they printed */
async function runSuite(): Promise<{ passed: boolean; output: string }> {
  const { TSWITCH_TEST_REPORT: _, TSWITCH_LONG: __, VITEST_POOL_ID: ___, ...env } = process.env;
  const child = spawn(process.execPath, [VITEST, 'run', '--project', 'unit', '--bail', '1', ...SUITE], {
    cwd: copy,
    env,
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code]: unknown[] = await once(child, 'close');
  return { passed: code === 0, output };
}

test('without a mutation the tests pass', { timeout: 180_000 }, async () => {
  const { passed, output } = await runSuite();
  expect(passed, output).toBe(true);
});

test.each(Object.entries(MUTATIONS))('%s: the tests fail', { timeout: 180_000 }, async (_, { file, from, to }) => {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  expect(text.split(from)).toHaveLength(2);
  writeFileSync(
    path,
    text.replace(from, () => to),
  );
  try {
    const { passed, output } = await runSuite();
    expect(passed).toBe(false);
    expect(output).toMatch(/Tests .*failed/);
  } finally {
    writeFileSync(path, text);
  }
});
