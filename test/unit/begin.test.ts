/** What a daemon begins with: what wins over what, and what is remembered over a reboot. */
import { describe, expect, test } from 'vitest';
import { type Beginning, planBeginning } from '../../src/control/begin.ts';
import { PORTS_MAX } from '../../src/limits.ts';
import { normalizePortRequest } from '../../src/control/port-request.ts';
import { settingsOf } from '../../src/control/port-record.ts';
import { SETTINGS_DEFAULT } from '../../src/control/settings.ts';
import type { Kept } from '../../src/control/store/kept.ts';
import { type KnownRequest, type Wish, type WishedLogic, wishedPort } from '../../src/control/wish/wish.ts';

const MAC = '02:00:00:00:00:0a';
const NOW = Date.parse('2026-01-31T12:00:00.000Z');

function wishOf(...names: string[]): Wish {
  const ports = names.map((name) => {
    const request = normalizePortRequest({ name, kind: 'veth', netns: name });
    return wishedPort(request, MAC, settingsOf(request, 1500, true));
  });
  return { switch: SETTINGS_DEFAULT, ports, fdb: [] };
}

function keptWith(change: Partial<Kept> = {}): Kept {
  return {
    instance: 'c0ffee',
    generation: 7,
    time: '',
    boot: 'boot',
    wish: wishOf('red'),
    pending: null,
    namespaces: [],
    ...change,
  };
}

function begin(kept: Kept | null, document: KnownRequest | null = null, boot = 'boot'): Beginning {
  return planBeginning({ kept, document, owned: [], defaults: { offloads: () => ['csum'] }, boot, now: NOW });
}

const names = ({ wish }: Beginning): string[] => wish.ports.map(({ name }) => name);
const until = (seconds: number): string => new Date(NOW + seconds * 1000).toISOString();

test('with nothing: an empty switch with default settings', () => {
  expect(begin(null)).toMatchObject({
    wish: { switch: SETTINGS_DEFAULT, ports: [], fdb: [] },
    generation: 0,
    kept: null,
  });
});

test('what was kept is there again, and needs not be kept anew', () => {
  const kept = keptWith();
  const beginning = begin(kept);
  expect(names(beginning)).toEqual(['red']);
  expect(beginning).toMatchObject({ generation: 7, kept: kept.wish, pending: null, remarks: [] });
});

describe('a document wins over what was kept', () => {
  test('as a whole; an address that tswitch chose stays with its port, and a new far end gets one', () => {
    const beginning = begin(keptWith({ wish: wishOf('red', 'blue') }), {
      ports: [
        { name: 'red', kind: 'veth', netns: 'red', vlan: 20 },
        { name: 'green', kind: 'tap', netns: 'green' },
        { name: 'wire', kind: 'packet', netdev: 'eth1' },
      ],
    });
    const [red, green, wire] = beginning.wish.ports;
    expect(names(beginning)).toEqual(['red', 'green', 'wire']);
    expect(red).toMatchObject({ vlan: 20, mac: MAC });
    expect(green?.mac).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
    expect([wire?.mac, wire?.mtu]).toEqual([null, undefined]);
  });

  test('also over one that waits to be confirmed', () => {
    const pending = { until: until(60), previous: wishOf('blue') };
    const beginning = begin(keptWith({ pending }), { ports: [] });
    expect([names(beginning), beginning.pending, beginning.kept]).toEqual([[], null, null]);
  });

  test('and is refused with all that is wrong with it', () => {
    const bad: KnownRequest = {
      ports: [
        { name: 'a b', kind: 'veth', netns: 'a' },
        { name: 'c', kind: 'veth', netns: 'c', vlan: 5000 },
      ],
    };
    expect(() => begin(null, bad)).toThrow(
      expect.objectContaining({ code: 'BAD_REQUEST', details: [expect.anything(), expect.anything()] }),
    );
  });
});

describe('a document that waits to be confirmed', () => {
  test('goes on waiting', () => {
    const pending = { until: until(60), previous: wishOf('blue') };
    const beginning = begin(keptWith({ pending }));
    expect([names(beginning), beginning.pending, beginning.remarks]).toEqual([['red'], pending, []]);
  });

  test('gives way to the one before when its time has run out', () => {
    const pending = { until: until(0), previous: wishOf('blue') };
    const beginning = begin(keptWith({ pending }));
    expect([names(beginning), beginning.pending, beginning.kept]).toEqual([['blue'], null, null]);
    expect(beginning.remarks).toEqual([expect.stringContaining('nobody confirmed')]);
  });
});

test('logics stay where a document says nothing of them, and go with the wish that had none', () => {
  const logic: WishedLogic = {
    name: 'hub',
    file: '/x/hub.ts',
    sha256: '00'.repeat(32),
    params: {},
    ports: [],
    vlans: [],
    shadow: false,
  };
  const wish = { ...wishOf('red'), logics: [logic] };
  const kept = keptWith({ wish });
  expect(begin(kept)).toMatchObject({ wish: { logics: [logic] }, kept: wish });
  expect(begin(kept, { ports: [] }).wish.logics).toEqual([logic]);
  expect(begin(kept, { ports: [], logics: [] }).wish.logics).toEqual([]);
  const pending = { until: until(0), previous: wishOf('blue') };
  expect(begin(keptWith({ wish, pending })).wish.logics).toEqual([]);
});

test('after a reboot no process is the one it was, and no namespace', () => {
  const process = { pid: 12, start: 34, isItsOwn: true };
  const namespaces: Kept['namespaces'] = [
    ['red', { spec: 'red', inode: 5, process: null }],
    ['pid', { spec: '12', inode: 6, process }],
  ];
  const wish = wishOf('red', 'pid', 'moved');
  wish.ports[1]!.netns = '12';
  const kept = keptWith({
    wish,
    namespaces: [...namespaces, ['moved', { spec: 'elsewhere', inode: 7, process: null }]],
  });
  const known = ({ ports }: Beginning): unknown[] => ports.map(({ request, remembered }) => [request.name, remembered]);
  expect(known(begin(kept))).toEqual([...namespaces, ['moved', null]]);
  const rebooted = begin(kept, null, 'another');
  expect(known(rebooted)).toEqual([
    ['red', null],
    ['pid', { spec: '12', inode: 6, process: { ...process, start: -1 } }],
    ['moved', null],
  ]);
  expect(rebooted.kept).toBe(null);
});

test('owners’ ports come beside those that are wished, as far as names and places are free', () => {
  const owned = ['red', 'web:a'].map((name) => {
    return { request: { name, kind: 'veth' as const, netns: 'a', mac: MAC }, remembered: null };
  });
  const options = { document: null, defaults: { offloads: () => [] }, boot: 'boot', now: NOW };
  const { ports, wish } = planBeginning({ ...options, kept: keptWith(), owned });
  expect(ports.map(({ request, wishedBy }) => [request.name, wishedBy])).toEqual([
    ['red', 'configuration'],
    ['web:a', 'owner'],
  ]);
  expect(wish.ports.map(({ name }) => name)).toEqual(['red']);
  const full = keptWith({ wish: wishOf(...Array.from({ length: PORTS_MAX }, (_, index) => `p${index}`)) });
  expect(planBeginning({ ...options, kept: full, owned }).ports).toHaveLength(PORTS_MAX);
});
