/** Loaded logics in a real switch: workers, real frames, faults of every kind under traffic, and swaps. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SwitchEvent } from '../../src/control/events.ts';
import type { SwitchControl } from '../../src/control/model.ts';
import { expectBalance, type Host, Lab, until } from '../support/lab.ts';

const EXAMPLES = join(import.meta.dirname, '../../examples/logics');
const SWAPS = process.env['TSWITCH_LONG'] ? 1000 : 100;

let lab: Lab;
let on: SwitchControl;
let red: Host;
let blue: Host;
let folder: string;
let events: SwitchEvent[];

beforeEach(async () => {
  lab = new Lab();
  folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-logic-`));
  lab.defer(() => rmSync(folder, { recursive: true }));
  on = await lab.switch({ workers: 2 });
  red = await lab.netns('red');
  blue = await lab.netns('blue');
  await lab.plug(on, red, 'veth', { addresses: ['10.0.0.1/24'] });
  await lab.plug(on, blue, 'veth', { addresses: ['10.0.0.2/24'] });
  events = [];
  on.events.subscribe((event) => events.push(event));
});
afterEach(() => lab.close());

/** Writes a logic of which only what it does with a frame matters. */
function logicFile(name: string, body: string, more = ''): string {
  const file = join(folder, `${name}.ts`);
  writeFileSync(
    file,
    `import { DEFER, defineLogic, FLOOD } from 'tswitch/logic';
export default defineLogic({
  name: '${name}',
  description: 'for a test',
  drops: { NO: 'no' },
  ${more}
  create: ({ drop, ports, params }) => ({ frame: (frame) => { ${body} } }),
});
`,
  );
  return file;
}

const told = (name: string): SwitchEvent[] => events.filter(({ event }) => event === name);

test('a logic decides real frames, tells what it did, and lets go again', async () => {
  expect(await red.pings('10.0.0.2')).toBe(true);
  const file = logicFile('no-icmp', `return frame.protocol === 1 ? drop.NO : DEFER;`);
  expect(await on.logic.load({ file })).toMatchObject({
    name: 'no-icmp',
    live: { style: 'frame', faults: 0 },
    shadow: null,
  });
  expect(await red.pingsInVain('10.0.0.2')).toBe(true);
  const { live } = on.logic.show('no-icmp');
  expect(live!.drops).toEqual([{ reason: 'NO', sentence: 'no', count: expect.any(Number) }]);
  expect(live!.drops[0]!.count).toBeGreaterThanOrEqual(3);
  expect(on.stats().drops['LOGIC']).toBe(live!.drops[0]!.count);
  const icmp = `0200000000020200000000010800 4500001c000100004001 66dd0a0000010a000002 0800f7ff00000000${'00'.repeat(18)}`;
  const explained = await on.explain({ port: red.name, frame: icmp });
  expect(explained).toMatchObject({ outcome: 'dropped', reason: 'LOGIC' });
  expect(explained.stages.at(-1)).toEqual({ stage: 'logic', verdict: 'dropped: NO', text: 'no-icmp: no' });
  await on.logic.unload('no-icmp', false);
  expect(await red.pings('10.0.0.2')).toBe(true);
  await expectBalance(on);
  expect(events.map(({ event }) => event).filter((name) => name.startsWith('logic'))).toEqual([
    'logic.loaded',
    'logic.unloaded',
  ]);
});

test('parameters, shadow, diff, promote and rollback', async () => {
  const more = `params: (z) => z.object({ block: z.boolean().default(false) }),`;
  const file = logicFile('door', `return params.block && frame.protocol === 1 ? drop.NO : DEFER;`, more);
  await on.logic.load({ file, shadow: true, params: { block: true } });
  expect(await red.pings('10.0.0.2')).toBe(true);
  await expect.poll(() => on.logic.diff('door').samples.length).toBeGreaterThan(0);
  const diff = on.logic.diff('door');
  expect(diff.different).toBeGreaterThanOrEqual(6);
  expect(diff.samples[0]).toMatchObject({ shadow: 'drop NO', live: expect.stringMatching(/^forward to tswt-/) });
  await on.logic.promote('door');
  expect(await red.pingsInVain('10.0.0.2')).toBe(true);
  await on.logic.change('door', { params: { block: false } });
  expect(await red.pings('10.0.0.2')).toBe(true);
  await expect(on.logic.change('door', { params: { block: 7 } })).rejects.toMatchObject({
    code: 'LOGIC_REFUSED',
    message: expect.stringMatching(/^the parameters of door stay as they are: block: /),
  });
  await expect(on.logic.change('door', { params: { lock: true } })).rejects.toThrow(
    /lock: there is no such parameter; there are block/,
  );
  await on.logic.load({ file: logicFile('door', 'return drop.NO;') });
  expect(await red.pingsInVain('10.0.0.2')).toBe(true);
  await on.logic.rollback('door');
  expect(await red.pings('10.0.0.2')).toBe(true);
  expect(on.logic.show('door')).toMatchObject({ live: { params: { block: false } }, previous: { params: {} } });
  await expectBalance(on);
});

test.each([
  ['throws', `throw new Error('my fault');`, /my fault/],
  ['gives what is no verdict', `return 77;`, /a verdict is 77/],
  ['writes a wrong length', `frame.batch.length[frame.index] = 60000; return DEFER;`, /another place, length/],
])('one that %s: its batches go on, and it is unloaded with the evidence', async (_, body, message) => {
  // What the contract would find is hidden from it.
  const file = logicFile('faulty', `if (ports.handleOf('a') >= 0) return DEFER; ${body}`);
  await on.logic.load({ file });
  for (let k = 0; k < 10 && told('logic.unloaded').length === 0; k++) expect(await red.pings('10.0.0.2')).toBe(true);
  await until('it to be unloaded', () => told('logic.unloaded').length > 0);
  const [gone] = told('logic.unloaded');
  expect(gone).toMatchObject({ logic: 'faulty', state: 'live', reason: expect.stringMatching(message) });
  const [fault] = told('logic.fault') as (SwitchEvent & {
    fault: { port: string; frame: string; stack: string | null };
  })[];
  expect(fault!.fault.port).toMatch(/^tswt-/);
  expect(fault!.fault.frame).toMatch(/^[0-9a-f]{28,}/);
  if (body.startsWith('throw')) expect(fault!.fault.stack).toContain(file);
  expect(on.logic.list()).toEqual([]);
  await expectBalance(on);
});

test.each([
  ['never comes back', 'for (;;);'],
  ['takes all the memory there is', 'const all = []; for (;;) all.push(new Array(1_000_000).fill(frame.length));'],
])('one that %s takes its worker with it, once', async (_, body) => {
  const file = logicFile('endless', `if (ports.handleOf('a') >= 0) return DEFER; ${body}`);
  await on.logic.load({ file });
  expect(on.logic.list()).toHaveLength(1);
  void red.pings('10.0.0.2');
  await until('it to be unloaded', () => told('logic.unloaded').length > 0);
  expect(told('logic.unloaded')[0]).toMatchObject({
    logic: 'endless',
    reason: expect.stringMatching(/took worker \d with it/),
  });
  await until('the worker to be replaced', () => told('worker.restarted').length > 0);
  await until('red to reach blue', () => red.pings('10.0.0.2'));
  expect(on.stats().workers.reduce((sum, { restarts }) => sum + restarts, 0)).toBe(told('worker.restarted').length);
  expect(on.logic.list()).toEqual([]);
});

test('what does not load changes nothing, and says where and why', async () => {
  await on.logic.load({ file: join(EXAMPLES, 'hub.ts') });
  const broken = (name: string, text: string): string => {
    const file = join(folder, `${name}.ts`);
    writeFileSync(file, text);
    return file;
  };
  // At once: each is looked at in a thread of its own.
  await Promise.all(
    (
      [
        [broken('five', 'export default 5;'), /five.ts is not loaded: the file must `export default defineLogic/],
        [broken('prose', 'this is no code'), /prose.ts is not loaded: line 1: Expected/],
        [broken('alone', `import 'no-such-package';`), /no-such-package/],
        [broken('top', `throw new Error('at the top');`), /at the top/],
        [
          logicFile('throwing', `throw new Error('for every frame');`),
          /breaks the contract "no frame makes it fail".*for every frame/,
        ],
      ] as const
    ).map(([file, message]) => expect(on.logic.load({ file })).rejects.toThrow(message)),
  );
  await expect(on.logic.load({ file: '/no/such.ts' })).rejects.toThrow(/cannot read \/no\/such.ts/);
  await expect(on.logic.load({ file: '/dev/null.ts' })).rejects.toMatchObject({ code: 'LOGIC_REFUSED' });
  await expect(on.logic.load({ file: 'relative.ts' })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  await expect(on.logic.load({ file: join(EXAMPLES, 'hub.ts'), ports: ['gone'] })).rejects.toMatchObject({
    code: 'PORT_NOT_FOUND',
  });
  expect(on.logic.list().map(({ name }) => name)).toEqual(['hub']);
  expect(told('worker.restarted')).toEqual([]);
});

test(`${SWAPS} swaps under traffic: nothing is lost, nothing comes twice`, async () => {
  const file = logicFile('passing', 'return DEFER;');
  await on.logic.load({ file });
  await on.logic.load({ file });
  const [client, server] = await Promise.all([red.agent(), blue.agent()]);
  const port = await server.call('udpEcho', '10.0.0.2');
  let isOver = false;
  const lengths = Array.from({ length: 200 }, (_, k) => 1 + ((k * 173) % 1400));
  const traffic = (async () => {
    let echoed = 0;
    while (!isOver) echoed += await client.call('udpExchange', { address: '10.0.0.2', port, lengths });
    return echoed;
  })();
  for (let k = 0; k < SWAPS; k++) await on.logic.rollback('passing');
  isOver = true;
  expect((await traffic) % lengths.length).toBe(0);
  expect(on.logic.show('passing').live).toMatchObject({
    faults: 0,
    exchangeMicroseconds: expect.toSatisfy((micros: number) => micros > 0),
  });
  expect(on.stats().totals.txDropped).toBe(0);
  await expectBalance(on);
});
