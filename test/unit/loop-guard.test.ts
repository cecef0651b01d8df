/** Who is blocked in a loop, and how long: on a clock of the test's own. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LoopGuard } from '../../src/control/loop-guard.ts';
import type { PortRecord } from '../../src/control/port-record.ts';
import type { Command } from '../../src/shared/commands.ts';

const HOLD_SECONDS = 60;
const VLAN = 7;

/** Of a record, the guard needs no more. */
function record(handle: number, name: string): PortRecord {
  const settings = { mode: 'access', vlan: VLAN, trunks: [] };
  return { handle, request: { name }, settings, hasGoneDown: false } as unknown as PortRecord;
}

const [low, middle, high] = [record(1, 'low'), record(2, 'middle'), record(3, 'high')];
const ports = [low, middle, high];
let guard: LoopGuard;
/** Handles of the ports that sent probes, and the VLANs that they sent them in. */
let probes: number[];
let vlans: number[];
let told: string[];
/** The ports by which a probe comes in. */
let loop: () => PortRecord[];

function onCommand(commands: Command[]): void {
  for (const command of commands) {
    if (command.do !== 'probe') continue;
    probes.push(command.handle);
    vlans.push(command.vlan);
    const from = ports.find(({ handle }) => handle === command.handle)!;
    for (const by of loop()) guard.onProbe(by, from);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  probes = [];
  vlans = [];
  told = [];
  loop = () => [high];
  guard = new LoopGuard({
    settings: () => ({ loopProtection: true, loopHoldSeconds: HOLD_SECONDS }),
    byName: (name) => ports.find(({ request }) => request.name === name) ?? null,
    reconfigure: () => {},
    command: onCommand,
    tell: (port, event, { reason }) => told.push([event, port.request.name, reason].filter(Boolean).join(' ')),
  });
});
afterEach(() => {
  guard.close();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

test('a sign, a probe within the next moment, a block', async () => {
  guard.suspect(low, VLAN);
  guard.suspect(low, VLAN);
  await vi.advanceTimersByTimeAsync(1000);
  expect(probes.filter((handle) => handle === low.handle).length).toBeGreaterThanOrEqual(3);
  expect(guard.blocked('high')).toMatchObject({ peer: 'low' });
  expect(guard.blocked('low')).toBeNull();
  expect(new Set(vlans)).toEqual(new Set([VLAN]));
  expect(told).toEqual(['loop.found high']);
});

test('it lasts its time while the loop is there', async () => {
  guard.suspect(low, VLAN);
  await vi.advanceTimersByTimeAsync(HOLD_SECONDS * 1000 - 500);
  expect(guard.blocked('high')).toMatchObject({ peer: 'low' });
  // Looked for now and then, not all the time.
  expect(probes.length).toBeLessThan(100);
  await vi.advanceTimersByTimeAsync(1000);
  expect(told).toEqual(['loop.found high', 'loop.cleared high its time is over']);
});

test('it ends soon after the loop is gone', async () => {
  guard.suspect(low, VLAN);
  await vi.advanceTimersByTimeAsync(5000);
  loop = () => [];
  await vi.advanceTimersByTimeAsync(20_000);
  expect(told).toEqual(['loop.found high', 'loop.cleared high the loop is gone']);
});

test('where another one opens at the same time, the loop is found before frames find it', async () => {
  guard.onProbe(high, low);
  loop = () => (guard.blocked('high') ? [] : [low]);
  await vi.advanceTimersByTimeAsync(8000);
  expect(told.slice(0, 3)).toEqual(['loop.found high', 'loop.cleared high the loop is gone', 'loop.found high']);
});

test('one look without an answer is no proof', async () => {
  guard.suspect(low, VLAN);
  await vi.advanceTimersByTimeAsync(500);
  let lost = 3;
  loop = () => (lost-- > 0 ? [] : [high]);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(lost).toBeLessThan(0);
  expect(told).toEqual(['loop.found high']);
});

test('where looks find nothing again and again and yet there is a loop, it lasts its time', async () => {
  for (let round = 0; round < 3; round++) {
    guard.onProbe(high, low);
    loop = () => [];
    await vi.advanceTimersByTimeAsync(6000);
    expect(told.at(-1)).toBe('loop.cleared high the loop is gone');
  }
  guard.onProbe(high, low);
  await vi.advanceTimersByTimeAsync(HOLD_SECONDS * 1000 - 100);
  expect(guard.blocked('high')).not.toBeNull();
  await vi.advanceTimersByTimeAsync(200);
  expect(told.at(-1)).toBe('loop.cleared high its time is over');
});

test('of a loop behind one port nothing is looked for: it sends no probes while it is blocked', async () => {
  guard.onProbe(high, high);
  expect(guard.blocked('high')).toMatchObject({ peer: 'high' });
  await vi.advanceTimersByTimeAsync(HOLD_SECONDS * 1000 - 100);
  expect(probes).toEqual([]);
  expect(guard.blocked('high')).not.toBeNull();
});

test('where the peer is blocked too, its own peer looks', async () => {
  guard.suspect(low, VLAN);
  guard.suspect(middle, VLAN);
  loop = () => [high, middle];
  guard.onProbe(high, middle);
  guard.onProbe(middle, low);
  await vi.advanceTimersByTimeAsync(1000);
  probes = [];
  await vi.advanceTimersByTimeAsync(20_000);
  expect(new Set(probes)).toEqual(new Set([low.handle]));
});

test.each([
  ['low', false, 'loop.cleared high its peer went down'],
  ['low', true, 'loop.cleared high its peer was removed'],
  ['high', false, 'loop.cleared high its link went down'],
])('%s is gone (removed: %s): %s', (name, isRemoved, expected) => {
  guard.onProbe(high, low);
  guard.onGone(name, isRemoved);
  expect(told).toEqual(['loop.found high', expected]);
});

test('a port that is removed while it is blocked is forgotten', () => {
  guard.onProbe(high, low);
  guard.onGone('high', true);
  expect(told).toEqual(['loop.found high']);
  expect(guard.blocked('high')).toBeNull();
});
