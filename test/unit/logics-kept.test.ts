/** Loaded logics beyond the daemon's end, and in documents: what is wished, what is in force, and what is said where those differ. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangeQueue } from '../../src/control/change-queue.ts';
import { EventBus, type SwitchEvent } from '../../src/control/events.ts';
import { SILENT } from '../../src/control/log.ts';
import { Logics } from '../../src/control/logic/logics.ts';
import { lookAtLogics } from '../../src/control/logic/look.ts';
import { RunRecord } from '../../src/control/logic/run-record.ts';
import { logicWords } from '../../src/control/wish/action-words.ts';
import type { WishedLogic } from '../../src/control/wish/wish.ts';
import type { LogicLoad } from '../../src/shared/logic-load.ts';

let folder: string;
let made: Logics[];
let events: SwitchEvent[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tswitch-logics-'));
  made = [];
  events = [];
});
afterEach(async () => {
  for (const logics of made) await logics.close();
  rmSync(folder, { recursive: true });
});

/** One daemon's; the workers are told and do nothing. */
function logics(): Logics & { told: LogicLoad[][] } {
  const bus = new EventBus();
  bus.subscribe((event) => events.push(event));
  const queue = new ChangeQueue();
  const told: LogicLoad[][] = [];
  const one = new Logics({
    change: (change) => queue.run(change),
    followUp: (change) => queue.run(change),
    events: bus,
    workers: 1,
    command: async (command) => {
      if (command.do === 'logics') told.push([...command.logics]);
    },
    arenas: () => [],
    runRecord: null,
    nameOf: String,
    checkPort: () => undefined,
    log: SILENT,
  });
  made.push(one);
  return Object.assign(one, { told });
}

function file(name: string, code = 'DEFER'): string {
  const path = join(folder, `${name}.ts`);
  writeFileSync(
    path,
    `import { DEFER, defineLogic, FLOOD } from 'tswitch/logic';
export default defineLogic({
  name: '${name}',
  description: 'for a test',
  params: (z) => z.object({ limit: z.number().default(1) }),
  create: ({ params }) => ({ frame: () => ${code} }),
});
`,
  );
  return path;
}

const named = (name: string): SwitchEvent[] => events.filter(({ event }) => event === name);
const inForce = (one: Logics): string[] => one.loads().map(({ name, isShadow }) => (isShadow ? `${name}?` : name));

describe('kept', () => {
  test('what was loaded is loaded again, with parameters, binding and order', async () => {
    const before = logics();
    await before.load({ file: file('one'), params: { limit: 7 }, vlans: [10], ports: ['red'] });
    await before.load({ file: file('two') });
    await before.load({ file: file('one', 'FLOOD'), shadow: true, params: { limit: 8 } });
    const kept = JSON.parse(JSON.stringify(before.wished())) as WishedLogic[];
    expect(kept.map(({ name, shadow, params, ports, vlans }) => [name, shadow, params, ports, vlans])).toEqual([
      ['one', false, { limit: 7 }, ['red'], [10]],
      ['one', true, { limit: 8 }, ['red'], [10]],
      ['two', false, {}, [], []],
    ]);
    file('one');
    const after = logics();
    after.begin(kept);
    expect(after.wished()).toEqual(kept);
    expect(after.show('two')).toMatchObject({ live: null, missing: [{ state: 'live', reason: null }] });
    await expect.poll(() => inForce(after)).toEqual(['one', 'two']);
    // The live one is as it was; the one in shadow is another one by now.
    expect(after.show('one')).toMatchObject({
      live: { params: { limit: 7 } },
      shadow: null,
      missing: [{ state: 'shadow', reason: expect.stringMatching(/one.ts has been changed since it was loaded/) }],
    });
    expect(named('logic.missing')).toMatchObject([{ logic: 'one', state: 'shadow' }]);
    expect(after.wished()).toEqual(kept);
  });

  test.each([
    ['gone', (path: string) => rmSync(path), /cannot read .*one.ts/],
    ['another one', (path: string) => writeFileSync(path, 'export default 5;'), /has been changed since it was loaded/],
  ])('a file that is %s is told, and waits for what is done about it', async (_, spoil, message) => {
    const path = file('one');
    const before = logics();
    await before.load({ file: path });
    const kept = before.wished();
    spoil(path);
    const after = logics();
    after.begin(kept);
    await expect.poll(() => named('logic.missing')).toHaveLength(1);
    expect(named('logic.missing')[0]).toMatchObject({ logic: 'one', reason: expect.stringMatching(message) });
    await expect(after.change('one', {})).rejects.toThrow(/logic one is not in force, as it could not be loaded/);
    expect(after.loads()).toEqual([]);
    await after.load({ file: file('one') });
    expect(after.show('one')).toMatchObject({ live: { file: path }, missing: [] });
    await after.unload('one', false);
    expect(after.wished()).toEqual([]);
  });

  test('parameters with which it breaks the contract are refused, and those before stay', async () => {
    const one = logics();
    const code = `{ if (params.limit > 5) throw new Error('too much'); return DEFER; }`;
    await one.load({ file: file('one', code) });
    await expect(one.change('one', { params: { limit: 6 } })).rejects.toThrow(
      /^the parameters of one stay as they are: it breaks the contract "no frame makes it fail": throw: .*too much/,
    );
    expect(one.wished()).toMatchObject([{ params: {} }]);
    expect(one.loads()).toMatchObject([{ params: { limit: 1 }, revision: 0 }]);
    await one.change('one', { params: { limit: 5 } });
    await one.change('one', { vlans: [7] });
    expect(one.loads()).toMatchObject([{ params: { limit: 5 }, revision: 2 }]);
    expect(named('logic.changed')).toMatchObject([{ params: { limit: 5 } }, { params: { limit: 5 } }]);
  });

  test('the name of the built-in logic is refused', async () => {
    await expect(logics().load({ file: file('learning') })).rejects.toThrow(/name: learning is the built-in logic/);
  });

  test('what was unloaded while it was being loaded stays away', async () => {
    const before = logics();
    await before.load({ file: file('one') });
    const after = logics();
    after.begin(before.wished());
    await after.unload('one', false);
    await after.load({ file: file('two') });
    await expect.poll(() => inForce(after)).toEqual(['two']);
    expect(after.list().map(({ name }) => name)).toEqual(['two']);
  });
});

describe('a document', () => {
  test('is looked at before anything is done, and all that is wrong is told', async () => {
    const good = file('one');
    const wanted = [
      { file: good },
      { file: good, shadow: true, vlans: [5] },
      { file: join(folder, 'gone.ts') },
      { file: good, shadow: true, params: { limit: 'x' } },
      { file: file('two'), sha256: '00'.repeat(32) },
      { file: file('three'), name: 'other' },
      { file: good },
    ];
    const { problems, logics: found } = await lookAtLogics(wanted, []);
    expect(found.map(({ name, shadow }) => [name, shadow])).toEqual([['one', false]]);
    expect(problems.map(({ path, message }) => [path, message])).toEqual([
      ['/logics/1', expect.stringMatching(/logic one is live for other ports or VLANs/)],
      ['/logics/2', expect.stringMatching(/cannot read/)],
      ['/logics/3', expect.stringMatching(/limit: /)],
      ['/logics/4', expect.stringMatching(/has been changed/)],
      ['/logics/5', expect.stringMatching(/its name is three, not other/)],
      ['/logics/6', expect.stringMatching(/logic one is in the list already/)],
    ]);
    // What is in force need not be looked at again, nor be there.
    rmSync(good);
    expect(await lookAtLogics(found, found)).toEqual({ logics: found, problems: [] });
  });

  test('at a start, what the daemon died in is neither looked at nor refused', async () => {
    const path = file('one', '{ throw new Error("it was run"); }');
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    const held = { name: 'one', file: path, sha256, params: {}, shadow: false, reason: 'the daemon died' };
    writeFileSync(join(folder, 'record'), JSON.stringify({ held: [held], run: null }));
    const record = new RunRecord(join(folder, 'record'), { workers: 1, boot: 'this', log: SILENT });
    const { reason: _, ...known } = held;
    expect(await lookAtLogics([{ file: path, vlans: [7] }], [], record)).toEqual({
      logics: [{ ...known, ports: [], vlans: [7] }],
      problems: [],
    });
    expect((await lookAtLogics([{ file: path, params: { limit: 2 } }], [], record)).problems).toHaveLength(1);
    record.close();
  });

  test('exchanges what differs, keeps what does not, and is taken back though files have changed', async () => {
    const one = logics();
    await one.load({ file: file('one') });
    await one.load({ file: file('two') });
    const before = one.wished();
    const [kept] = one.loads();
    const { logics: wanted } = await lookAtLogics(
      [
        { file: join(folder, 'one.ts'), vlans: [10] },
        { file: file('three'), shadow: true },
      ],
      before,
    );
    expect(logicWords(before, wanted)).toBe(
      `logics: one gets other vlans; three in shadow is loaded from ${folder}/three.ts; two is unloaded`,
    );
    await one.become(wanted, false);
    expect(one.wished()).toEqual(wanted);
    expect(one.told.at(-1)).toMatchObject([
      { id: kept!.id, revision: 1 },
      { name: 'three', isShadow: true },
    ]);
    expect(named('logic.unloaded')).toMatchObject([{ logic: 'two' }]);
    file('two', 'FLOOD');
    await one.become(before, true);
    expect(one.wished()).toEqual(before);
    expect(inForce(one)).toEqual(['one', 'two']);
  });

  test('one that fails half-way changes nothing', async () => {
    const one = logics();
    await one.load({ file: file('one') });
    const before = one.wished();
    const missing = { ...before[0]!, name: 'gone', file: join(folder, 'gone.ts') };
    await expect(one.become([...before, missing], false)).rejects.toMatchObject({ code: 'LOGIC_REFUSED' });
    expect(one.wished()).toEqual(before);
    expect(named('logic.loaded')).toHaveLength(1);
  });
});
