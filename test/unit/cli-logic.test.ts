/** The command `logic`, against the API on a real Unix socket; `new` and `check` without any daemon. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, serveApi } from '../../src/api/server.ts';
import { parseParam } from '../../src/cli/param.ts';
import { cliRunner, commandRunner } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-cli-logic-'));
const socket = join(folder, 'api.sock');
const run = commandRunner(socket);
const program = cliRunner(socket);
let api: Api;

beforeAll(async () => {
  api = await serveApi(fakeControl(), { socket });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

test('a parameter is JSON, or else text', () => {
  expect(parseParam('a=5', parseParam('b=["x"]'))).toEqual({ a: 5, b: ['x'] });
  expect(parseParam('name=02:00')).toEqual({ name: '02:00' });
  expect(parseParam('text=a=b')).toEqual({ text: 'a=b' });
  for (const text of ['a', '=5', 'a b=5']) expect(() => parseParam(text)).toThrow(/NAME=VALUE/);
});

test('new writes a logic that passes its own check, and never over a file', { timeout: 120_000 }, async () => {
  const dir = join(folder, 'new');
  expect(await program(['logic', 'new', 'mine', '--dir', dir])).toMatchObject({ code: 0, stderr: '' });
  const checked = await program(['logic', 'check', join(dir, 'mine.ts'), '--param', 'drop=[1]']);
  expect(checked, checked.stdout).toMatchObject({ code: 0, stderr: '' });
  expect(checked.stdout).toMatch(/^ok {3}types: right\nok {3}loads: mine: /);
  expect(checked.stdout).toMatch(/\n- {4}speed: adds \d+ ns/);
  expect(checked.stdout).toMatch(/\nok {3}test: \S+mine.test.ts passes\n$/);
  const again = await program(['logic', 'new', 'mine', '--dir', dir]);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/mine.ts exists already/) });
  expect((await program(['logic', 'new', 'Mine'])).code).toBe(2);
});

test('check says what is wrong: types, contract, test', { timeout: 120_000 }, async () => {
  const file = join(folder, 'wrong.ts');
  const text = `import { defineLogic } from 'tswitch/logic';
export default defineLogic({
  name: 'wrong',
  description: 'is wrong',
  drops: { NO: 'no' },
  create: ({ drop }) => ({ frame: (frame) => { if (frame.vlan === 10) throw new Error('not 10'); return drop.YES; } }),
});
`;
  writeFileSync(file, text);
  writeFileSync(
    join(folder, 'wrong.test.ts'),
    `import { test } from 'node:test';\ntest('it', () => { throw new Error('no'); });\n`,
  );
  const { code, stdout } = await program(['logic', 'check', file]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^NOT {2}types: \S*wrong.ts\(6,\d+\): error TS\d+: .*'YES'/);
  expect(stdout).toMatch(/\nNOT {2}no frame makes it fail: throw: Error: not 10\n\s+at \S+ \(\S*wrong.ts:6:/);
  expect(stdout).toMatch(/\nNOT {2}test: /);
  const loaded = await program(['logic', 'load', file]);
  expect(loaded).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/is not loaded: its types are wrong\n.*'YES'/),
  });
  const missing = await program(['logic', 'check', join(folder, 'gone.ts'), '--json']);
  expect(missing.code).toBe(1);
  expect(JSON.parse(missing.stdout)).toMatchObject({ error: expect.stringMatching(/cannot read .*gone.ts/) });
});

test('types are looked at as those of a module, whatever is around the file', { timeout: 120_000 }, async () => {
  const file = join(folder, 'module.ts');
  const text = `import { DEFER, defineLogic } from 'tswitch/logic';
export default defineLogic({ name: 'here', description: import.meta.url, create: () => ({ frame: () => DEFER }) });
`;
  writeFileSync(file, text);
  expect((await program(['logic', 'check', file])).stdout).toMatch(/^ok {3}types: right/);
});

test('what is no file of a logic is refused at once, a pipe that nobody writes into too', async () => {
  const pipe = join(folder, 'pipe.ts');
  execFileSync('mkfifo', [pipe]);
  const checked = await program(['logic', 'check', pipe]);
  expect(checked.stdout).toMatch(/^- {4}types: not checked.*\nNOT {2}loads: \S+pipe.ts is no regular file\n/);
  expect((await program(['logic', 'check', '/etc/passwd'])).stdout).toMatch(/\nNOT {2}loads: file: must end in .ts/);
});

test('load, ls, show, set, diff, promote, rollback, unload', async () => {
  const file = join(folder, 'filter.ts');
  writeFileSync(file, '');
  const load = ['logic', 'load', file, '--no-types'];
  expect(await run([...load, '--shadow', '--vlans', '10,20', '--param', 'limit=5'])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^filter is in shadow: nothing changes; see `tswitch logic diff filter`/),
  });
  expect((await run(['logic', 'ls'])).stdout).toMatch(
    /^NAME .*\nfilter {2}shadow {2}all {4}10,20 +1000 +10 +50 +1 {2}\S+filter.ts\n$/,
  );
  expect((await run(['logic', 'diff', 'filter'])).stdout).toMatch(
    /200 frames compared, 3 would .*\(1.50 %\)\n.*\n {2}live flood, shadow drop .*\n.*\n.*\n {2}bytes from 30: live 0a000002, shadow 0a000063\n/,
  );
  expect((await run(['logic', 'promote', 'filter'])).stdout).toBe('filter is live\n');
  await run([...load, '--ports', 'red,blue']);
  expect((await run(['logic', 'set', 'filter', 'limit=7', 'name=x'])).stdout).toContain('{"limit":7,"name":"x"}');
  const shown = (await run(['logic', 'show', 'filter'])).stdout;
  expect(shown).toMatch(/ports +red, blue/);
  expect(shown).toMatch(/taken up +in 0.4 ms, /);
  expect(shown).toMatch(/NOT_ALLOWED +10 {2}not on the list/);
  expect(shown).toMatch(/throw {2}my fault {2}\(port red\)\n {2}frame ffffffffffff\n {4}at frame \(\/x\/a.ts:5:7\)/);
  expect((await run(['logic', 'rollback', 'filter'])).stdout).toMatch(/^filter is the version loaded 2026/);
  expect(JSON.parse((await run(['logic', 'show', 'filter', '--json'])).stdout)).toMatchObject({
    live: { params: { limit: 5 } },
  });
  expect((await run(['logic', 'unload', 'filter'])).stdout).toBe('filter is unloaded\n');
  expect((await run(['logic', 'ls'])).stdout).toMatch(/^no logics are loaded/);
});

test.each([
  [['logic', 'set', 'filter'], 2, /say what to set/],
  [['logic', 'set', 'filter', 'x'], 2, /NAME=VALUE/],
  [['logic', 'show', '../x'], 2, /is no name of a logic/],
  [['logic', 'show', 'gone'], 1, /no logic gone is loaded/],
  [['logic', 'load', '/x/broken.ts'], 1, /broken.ts is not loaded: it is broken/],
])('%j', async (args, code, message) => {
  expect(await run(args)).toMatchObject({ code, stderr: expect.stringMatching(message) });
});

test('the tutorial in docs/logic.md names commands that there are', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/logic.md'), 'utf8');
  const commands = new Set(Array.from(page.matchAll(/tswitch logic ([a-z]+)/g), ([, command]) => command!));
  for (const command of commands) expect((await run(['logic', command, '--help'])).code, command).toBe(0);
});
