/** The FDB through the control plane: what frames taught it, what flushing leaves, and its settings. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FdbFilter, SwitchControl } from '../../src/control/model.ts';
import { frame, mac } from '../support/frames.ts';
import { Lab, sleep, until } from '../support/lab.ts';
import type { Host } from '../support/lab.ts';
import type { Wire } from '../support/wire.ts';

const lab = new Lab();
let lan: SwitchControl;
let hosts: Record<'a' | 'b' | 'c', Host>;
let wires: Record<'a' | 'b' | 'c', Wire>;

beforeEach(async () => {
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
afterEach(() => lab.close());

/** The test's addresses as `NUMBER@PORT/VLAN`, by VLAN and number. */
function learned(filter: FdbFilter = {}): string[] {
  const label = (port: string): string => port.split('-').at(-1)!;
  return lan
    .fdb(filter, { limit: 10_000 })
    .entries.filter((entry) => entry.mac.startsWith('02:00:00:00:'))
    .map(({ mac: text, port, vlan }) => `${parseInt(text.slice(12).replace(':', ''), 16)}@${label(port)}/${vlan}`);
}

/** Sends a frame from each address into the port, and waits until the switch has taken them. */
async function announce(from: 'a' | 'b' | 'c', numbers: number[]): Promise<void> {
  const taken = (): number => lan.port(hosts[from].name).stats.rx.frames;
  const before = taken();
  for (const n of numbers) wires[from].send(frame({ src: mac(n) }));
  await until('the switch to take the frames', () => taken() >= before + numbers.length);
}

const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, k) => first + k);

test('learns, per VLAN, and shows what it learned', async () => {
  await announce('a', [1, 2]);
  await announce('b', [3]);
  await announce('c', [1]);
  expect(learned()).toEqual(['1@a/1', '2@a/1', '3@b/1', '1@c/20']);
  expect(learned({ port: hosts.b.name })).toEqual(['3@b/1']);
  expect(learned({ vlan: 20 })).toEqual(['1@c/20']);
  expect(lan.fdb({ vlan: 20 }, { limit: 10 }).entries[0]).toMatchObject({ kind: 'dynamic', ageSeconds: 0 });
  expect(() => lan.fdb({ port: 'nobody' }, { limit: 10 })).toThrow(expect.objectContaining({ code: 'PORT_NOT_FOUND' }));
});

test('a known destination gets its frames alone; an address moves with its last frame', async () => {
  await announce('b', [2]);
  wires.a.send(frame({ src: mac(1), dst: mac(2) }));
  await until('it to arrive', () => wires.b.captured().length > 0);
  await announce('a', [2]);
  expect(learned()).toEqual(['1@a/1', '2@a/1']);
});

test('flushed by port, by VLAN, or as a whole', async () => {
  const teach = async (): Promise<void> => {
    await announce('a', [1]);
    await announce('b', [2, 3]);
    await announce('c', [4]);
  };
  await teach();
  expect(lan.flushFdb({ port: hosts.b.name })).toBe(2);
  expect(learned()).toEqual(['1@a/1', '4@c/20']);
  await teach();
  expect(lan.flushFdb({ vlan: 20 })).toBe(1);
  expect(learned()).toEqual(['1@a/1', '2@b/1', '3@b/1']);
  expect(lan.flushFdb({})).toBe(3);
  expect(learned()).toEqual([]);
});

test('pages: every entry once', async () => {
  await announce('a', range(1, 25));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = lan.fdb({}, { limit: 10, ...(cursor === undefined ? {} : { cursor }) });
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
    expect(learned()).toEqual(['1@a/1']);
  },
);

test('after the ageing time an address is gone, unless it was used, by the real clock', async () => {
  await lan.patchSettings({ ageingSeconds: 10 });
  await announce('a', [1]);
  await announce('b', [2]);
  await sleep(6000);
  await announce('b', [2]);
  expect(learned()).toEqual(['1@a/1', '2@b/1']);
  await sleep(5000);
  expect(learned()).toEqual(['2@b/1']);
});

test('a smaller limit keeps the youngest, and holds', async () => {
  await announce('a', range(1, 30));
  await sleep(150);
  await announce('a', range(31, 5));
  await announce('b', range(36, 5));
  await lan.patchSettings({ fdbLimit: 10 });
  expect(learned()).toEqual([...range(31, 5).map((n) => `${n}@a/1`), ...range(36, 5).map((n) => `${n}@b/1`)]);
  await announce('b', range(100, 50));
  expect(learned().length).toBeLessThanOrEqual(10);
  await lan.patchSettings({ fdbLimit: 65_536 });
  await announce('b', range(100, 50));
  expect(learned({ port: hosts.b.name }).length).toBeGreaterThanOrEqual(50);
});
