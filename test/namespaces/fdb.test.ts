/** The FDB through the control plane: what frames taught it, what flushing leaves, and its settings. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { SwitchEvent } from '../../src/control/events.ts';
import type { FdbFilter, FdbRequest, SwitchControl } from '../../src/control/model.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, Lab, sleep, until } from '../support/lab.ts';
import type { Host } from '../support/lab.ts';
import type { Wire } from '../support/wire.ts';

const AGEING_MS = 10_000;
/** Of the table's clock. */
const TICK_MS = 100;

const lab = new Lab();
let lan: SwitchControl;
let hosts: Record<'a' | 'b' | 'c', Host>;
let wires: Record<'a' | 'b' | 'c', Wire>;

beforeAll(async () => {
  lan = await lab.switch();
  const made = [];
  for (const label of ['a', 'b', 'c']) made.push(await lab.netns(label, { ipv6: false }));
  const [a, b, c] = made as [Host, Host, Host];
  hosts = { a, b, c };
  await lab.plug(lan, a, 'veth');
  await lab.plug(lan, b, 'tap');
  await lab.plug(lan, c, 'veth', { vlan: 20 });
  wires = { a: a.wire(), b: b.wire(), c: c.wire() };
});
afterAll(() => lab.close());

/** One switch for all tests: each begins with an empty table and these settings. */
beforeEach(async () => {
  for (const kind of ['dynamic', 'static', 'sticky'] as const) await lan.flushFdb({ kind });
  await lan.patchSettings({ ageingSeconds: 300, fdbLimit: 65_536 });
  await lan.patchPort(hosts.a.name, { fdbLimit: null });
  await lan.patchPort(hosts.c.name, { mode: 'access', vlan: 20 });
  for (const wire of Object.values(wires)) wire.clear();
});

/** The test's addresses as `NUMBER@PORT/VLAN`, by VLAN and number. */
async function learned(filter: FdbFilter = {}): Promise<string[]> {
  const label = (port: string): string => port.split('-').at(-1)!;
  const { entries } = await lan.fdb(filter, { limit: 10_000 });
  return entries
    .filter((entry) => entry.mac.startsWith('02:00:00:00:'))
    .map(({ mac: text, port, vlan }) => `${parseInt(text.slice(12).replace(':', ''), 16)}@${label(port)}/${vlan}`);
}

/** Sends a frame from each address into the port, and waits until the switch has taken and done with them. */
async function announce(from: 'a' | 'b' | 'c', numbers: number[]): Promise<void> {
  const taken = (): number => lan.port(hosts[from].name).stats.rx.frames;
  const before = taken();
  for (const n of numbers) wires[from].send(frame({ src: mac(n) }));
  await until('the switch to take the frames', () => taken() >= before + numbers.length);
  await expectBalance(lan);
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, k) => first + k);

test('learns, per VLAN, and shows what it learned', async () => {
  await announce('a', [1, 2]);
  await announce('b', [3]);
  const startMs = performance.now();
  await announce('c', [1]);
  expect(await learned()).toEqual(['1@a/1', '2@a/1', '3@b/1', '1@c/20']);
  expect(await learned({ port: hosts.b.name })).toEqual(['3@b/1']);
  expect(await learned({ vlan: 20 })).toEqual(['1@c/20']);
  const [entry] = (await lan.fdb({ vlan: 20 }, { limit: 10 })).entries;
  expect(entry).toMatchObject({ kind: 'dynamic' });
  expect(entry!.ageSeconds).toBeLessThanOrEqual(1 + (performance.now() - startMs) / 1000);
  await expect(lan.fdb({ port: 'nobody' }, { limit: 10 })).rejects.toMatchObject({ code: 'PORT_NOT_FOUND' });
});

test('a known destination gets its frames alone; an address moves with its last frame', async () => {
  await announce('b', [2]);
  wires.a.send(frame({ src: mac(1), dst: mac(2) }));
  await until('it to arrive', () => wires.b.captured().length > 0);
  await announce('a', [2]);
  expect(await learned()).toEqual(['1@a/1', '2@a/1']);
});

test('flushed by port, by VLAN, or as a whole', async () => {
  const teach = async (): Promise<void> => {
    await announce('a', [1]);
    await announce('b', [2, 3]);
    await announce('c', [4]);
  };
  await teach();
  expect(await lan.flushFdb({ port: hosts.b.name })).toBe(2);
  expect(await learned()).toEqual(['1@a/1', '4@c/20']);
  await teach();
  expect(await lan.flushFdb({ vlan: 20 })).toBe(1);
  expect(await learned()).toEqual(['1@a/1', '2@b/1', '3@b/1']);
  expect(await lan.flushFdb({})).toBe(3);
  expect(await learned()).toEqual([]);
});

test('pages: every entry once', async () => {
  await announce('a', range(1, 25));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await lan.fdb({}, { limit: 10, ...(cursor === undefined ? {} : { cursor }) });
    expect(page.total).toBe(25);
    seen.push(...page.entries.map((entry) => entry.mac));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  expect(seen).toEqual(range(1, 25).map(mac));
});

test.each([10, 300, 1_000_000])(
  'an ageing time of %i seconds takes effect on what is learned already',
  async (ageingSeconds) => {
    await announce('a', [1]);
    expect(await lan.patchSettings({ ageingSeconds })).toMatchObject({ ageingSeconds });
    expect(lan.settings()).toMatchObject({ ageingSeconds });
    expect(await learned()).toEqual(['1@a/1']);
  },
);

test('after the ageing time an address is gone, unless it was used, by the real clock; and that is told', async () => {
  const told: SwitchEvent[] = [];
  const end = lan.events.subscribe((event) => event.event === 'fdb.aged' && told.push(event));
  await lan.patchSettings({ ageingSeconds: AGEING_MS / 1000 });
  const firstMs = performance.now();
  await announce('a', [1]);
  const lastMs = performance.now();
  // The other one is used again and again. A machine that stands still for the whole ageing time loses it too.
  let usedMs = firstMs;
  for (;;) {
    if (performance.now() - usedMs > 1000) {
      usedMs = performance.now();
      await announce('b', [2]);
    }
    const lookedMs = performance.now();
    const known = await learned();
    if (!known.includes('1@a/1')) break;
    expect(lookedMs - lastMs).toBeLessThanOrEqual(AGEING_MS + TICK_MS);
    if (performance.now() - usedMs < AGEING_MS && usedMs > firstMs) expect(known).toContain('2@b/1');
    await sleep(20);
  }
  expect(performance.now() - firstMs).toBeGreaterThan(AGEING_MS);
  expect((await learned()).length).toBeLessThanOrEqual(1);
  const ofFirst = (): SwitchEvent | undefined => told.find((event) => event['mac'] === mac(1));
  await until('the sweep to tell', () => ofFirst() !== undefined);
  end();
  expect(ofFirst()).toMatchObject({ port: hosts.a.name, vlan: 1 });
});

test('a smaller limit keeps the youngest, and holds', async () => {
  await announce('a', range(1, 30));
  await sleep(150);
  await announce('a', range(31, 5));
  await announce('b', range(36, 5));
  await lan.patchSettings({ fdbLimit: 10 });
  expect(await learned()).toEqual([...range(31, 5).map((n) => `${n}@a/1`), ...range(36, 5).map((n) => `${n}@b/1`)]);
  await announce('b', range(100, 50));
  expect((await learned()).length).toBeLessThanOrEqual(10);
  await lan.patchSettings({ fdbLimit: 65_536 });
  await announce('b', range(100, 50));
  expect((await learned({ port: hosts.b.name })).length).toBeGreaterThanOrEqual(50);
});

describe('given entries', () => {
  test('a static one stays where it is, and frames from elsewhere with its address are dropped', async () => {
    const given = await lan.addFdb({ mac: mac(1).toUpperCase(), port: hosts.b.name, kind: 'static' });
    expect(given).toEqual({ mac: mac(1), vlan: 1, port: hosts.b.name, kind: 'static', ageSeconds: 0 });
    const pinned = (): number => lan.port(hosts.a.name).stats.drops['SOURCE_PINNED'] ?? 0;
    const before = pinned();
    await announce('a', [1, 1, 1]);
    expect(await learned()).toEqual(['1@b/1']);
    expect(pinned() - before).toBe(3);
    expect(await lan.flushFdb({})).toBe(0);
    expect(await lan.flushFdb({ kind: 'static' })).toBe(1);
    await announce('a', [1]);
    expect(await learned()).toEqual(['1@a/1']);
  });

  test('replaces a learned one, is replaced, is removed; those of a removed port go with it', async () => {
    const leaving = await lab.netns('d', { ipv6: false });
    await lab.plug(lan, leaving, 'veth');
    await announce('a', [1]);
    await lan.addFdb({ mac: mac(1), port: hosts.b.name, kind: 'sticky' });
    await lan.addFdb({ mac: mac(1), port: hosts.c.name, kind: 'static' });
    expect(await learned()).toEqual(['1@b/1', '1@c/20']);
    await lan.addFdb({ mac: mac(1), port: leaving.name, kind: 'static' });
    expect(await learned()).toEqual(['1@d/1', '1@c/20']);
    await lan.removeFdb(20, mac(1));
    await expect(lan.removeFdb(20, mac(1))).rejects.toMatchObject({ code: 'FDB_ENTRY_NOT_FOUND' });
    expect(await learned()).toEqual(['1@d/1']);
    await lan.removePort(leaving.name);
    expect(await learned()).toEqual([]);
  });

  test('stays while its port is down; what was learned goes', async () => {
    await lan.addFdb({ mac: mac(9), port: hosts.a.name, kind: 'static' });
    await announce('a', [1]);
    await lan.patchPort(hosts.a.name, { admin: 'down' });
    expect(await learned()).toEqual(['9@a/1']);
    await lan.patchPort(hosts.a.name, { admin: 'up' });
    await hosts.a.connected();
  });

  test('a limit that they would not fit into is refused', async () => {
    for (const n of range(1, 5))
      await lan.addFdb({ mac: mac(n), port: hosts.a.name, kind: n > 2 ? 'static' : 'sticky' });
    await expect(lan.patchSettings({ fdbLimit: 4 })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(/^fdbLimit: 5 entries are given/),
    });
    expect(lan.settings().fdbLimit).toBe(65_536);
    await lan.patchSettings({ fdbLimit: 5 });
    expect(await learned()).toHaveLength(5);
  });

  test('outlives a change of the limit, which gives up learned ones first', async () => {
    await lan.addFdb({ mac: mac(99), port: hosts.a.name, kind: 'static' });
    await announce('b', range(1, 30));
    await lan.patchSettings({ fdbLimit: 5 });
    expect(await learned({ kind: 'static' })).toEqual(['99@a/1']);
    expect(await learned()).toHaveLength(5);
    for (const n of range(1, 4)) await lan.addFdb({ mac: mac(100 + n), port: hosts.a.name, kind: 'sticky' });
    await expect(lan.addFdb({ mac: mac(200), port: hosts.a.name, kind: 'static' })).rejects.toMatchObject({
      code: 'LIMIT_REACHED',
    });
  });

  test('what makes no sense is refused', async () => {
    const { name: port } = hosts.a;
    await lan.patchPort(hosts.c.name, { mode: 'trunk', trunks: [20, 30] });
    const refused: [FdbRequest, string, RegExp][] = [
      [{ mac: '01:00:5e:00:00:01', port, kind: 'static' }, 'BAD_REQUEST', /^mac: /],
      [{ mac: mac(1), port: 'nobody', kind: 'static' }, 'PORT_NOT_FOUND', /nobody/],
      [{ mac: mac(1), port, vlan: 20, kind: 'static' }, 'BAD_REQUEST', /does not carry VLAN 20/],
      [{ mac: mac(1), port: hosts.c.name, kind: 'static' }, 'BAD_REQUEST', /say which VLAN/],
    ];
    for (const [request, code, message] of refused) {
      await expect(lan.addFdb(request)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    }
    expect(await lan.addFdb({ mac: mac(1), port: hosts.c.name, vlan: 30, kind: 'static' })).toMatchObject({ vlan: 30 });
  });
});

test('at its limit a port learns no more, and others do', async () => {
  await lan.patchPort(hosts.a.name, { fdbLimit: 3 });
  await announce('a', range(1, 10));
  await announce('b', range(11, 10));
  expect(await learned({ port: hosts.a.name })).toEqual(['1@a/1', '2@a/1', '3@a/1']);
  expect(await learned({ port: hosts.b.name })).toHaveLength(10);
  await lan.patchPort(hosts.a.name, { fdbLimit: null });
  await announce('a', range(1, 10));
  expect(await learned({ port: hosts.a.name })).toHaveLength(10);
});

test('learning and moving are told to who listens', async () => {
  const told: SwitchEvent[] = [];
  const [address, other] = [mac(500), mac(501)];
  const end = lan.events.subscribe((event) => [address, other].includes(String(event['mac'])) && told.push(event));
  await announce('a', [500]);
  await announce('b', [500]);
  await until('both to be told', () => told.length >= 2);
  expect(told).toMatchObject([
    { event: 'fdb.learned', port: hosts.a.name, mac: address, vlan: 1 },
    { event: 'fdb.moved', port: hosts.b.name, from: hosts.a.name, mac: address, vlan: 1 },
  ]);
  end();
  await announce('c', [501]);
  await sleep(100);
  expect(told).toHaveLength(2);
});

test('the last dropped frames are kept, decoded, for each reason', async () => {
  const dropped = (): number => lan.stats().drops['NOT_A_MEMBER'] ?? 0;
  const before = dropped();
  for (const vid of range(40, 6)) {
    wires.a.send(frame({ src: mac(1), tags: [{ vid, pcp: 3 }] }));
    await until('it to be dropped', () => dropped() > before + vid - 40);
    // No more than four are kept of each tenth of a second.
    await sleep(110);
  }
  const drop = lan.drops().find(({ reason }) => reason === 'NOT_A_MEMBER')!;
  expect(drop).toMatchObject({
    count: before + 6,
    sentence: 'tagged with a VID that the ingress port does not carry tagged',
  });
  expect(drop.samples.map(({ summary }) => summary)).toEqual(
    [42, 43, 44, 45].map(
      (vid) => `${mac(1)} > ff:ff:ff:ff:ff:ff, 802.1Q vlan ${vid} pcp 3, local experimental (88b5), length 64`,
    ),
  );
  expect(drop.samples[0]).toMatchObject({ port: hosts.a.name, length: 64 });
  expect(drop.samples[0]!.bytes).toMatch(/^ffffffffffff0200000000018100602a88b5/);
});

test('explains a frame by the live configuration and table, and leaves both alone', async () => {
  await announce('b', [2]);
  const bytes = Buffer.from(frame({ src: mac(1), dst: mac(2) })).toString('hex');
  const before = { entries: await learned(), stats: lan.stats().totals };
  expect(await lan.explain({ port: hosts.a.name, frame: bytes })).toMatchObject({
    outcome: 'forwarded',
    vlan: 1,
    egress: [{ port: hosts.b.name, frame: bytes }],
  });
  expect({ entries: await learned(), stats: lan.stats().totals }).toEqual(before);
  await expect(lan.explain({ port: 'nobody', frame: bytes })).rejects.toMatchObject({ code: 'PORT_NOT_FOUND' });
});
