/** Two ports are connected outside the switch: the loop is found and cut, and nobody else suffers from it meanwhile. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import type { SwitchEvent } from '../../src/control/events.ts';
import type { SwitchControl } from '../../src/control/model.ts';
import { ApiProbe, toldTimes } from '../support/api-probe.ts';
import { Bystander, told } from '../support/bystander.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { expectBalance, type Host, ip, Lab, sleep, until } from '../support/lab.ts';
import { expectServed } from '../support/served.ts';

const STORM_MS = process.env['TSWITCH_LONG'] === '1' ? 30_000 : 2000;
const PER_SECOND = 5000;
/** Of half the answers, far more than it takes: a machine that stands still delays only some. What it took is printed. */
const API_P50_MS_MAX = 500;
const SEEDS = 20;
const FEED_MS = 50;
/** A blocked port looks for the loop within its first two seconds, and twice before it opens. */
const STEADY_MS = 6000;

const lab = new Lab();
afterEach(() => lab.close());

let lan: SwitchControl;
let a: Host;
let b: Host;
let events: SwitchEvent[];
let socket: string;

beforeEach(async () => {
  lan = await lab.switch();
  a = await lab.netns('a', { ipv6: false });
  b = await lab.netns('b', { ipv6: false });
  for (const host of [a, b]) await lab.plug(lan, host, 'veth');
  events = [];
  lab.defer(lan.events.subscribe((event) => events.push(event)));
  const folder = mkdtempSync(join(tmpdir(), 'tswt-'));
  lab.defer(() => rmSync(folder, { recursive: true }));
  socket = join(folder, 'api.sock');
  const api = await serveApi(lan, { socket });
  lab.defer(() => api.close());
});

/** Ports `one` and `two` at both ends of one pair, on which only test frames go round. @returns the netdevs */
async function crossPatch(): Promise<[string, string]> {
  const [one, two] = await lab.vethPair();
  for (const netdev of [one, two]) writeFileSync(`/proc/sys/net/ipv6/conf/${netdev}/disable_ipv6`, '1');
  await lan.addPort({ name: 'one', kind: 'packet', netdev: one });
  await lan.addPort({ name: 'two', kind: 'packet', netdev: two });
  return [one, two];
}

/** Ports `one` and `two` on the same Linux bridge, in a namespace of its own. */
async function bridge(): Promise<Host> {
  const host = await lab.netns('bridge', { ipv6: false });
  await host.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'stp_state', '0');
  await host.run('ip', 'link', 'set', 'br0', 'up');
  for (const [name, ifname] of [
    ['one', 'eth0'],
    ['two', 'eth1'],
  ] as const) {
    await lan.addPort({ name, kind: 'veth', netns: host.name, ifname });
    await host.run('ip', 'link', 'set', ifname, 'master', 'br0', 'up');
  }
  return host;
}

async function startBystander(): Promise<Bystander> {
  const task = { from: a.path, to: b.path, src: mac(1), dst: mac(2), perSecond: PER_SECOND };
  const bystander = await Bystander.start(task);
  lab.defer(() => bystander.abandon());
  return bystander;
}

/** A few broadcasts of both hosts, as of any that ask for addresses: these go round. @returns what sends them once more */
function startStorm(): () => void {
  const [wireA, wireB] = [a.wire(), b.wire()];
  const feed = (): void => {
    for (let k = 0; k < SEEDS; k++) {
      wireA.send(frame({ src: mac(1), dst: BROADCAST }));
      wireB.send(frame({ src: mac(2), dst: BROADCAST }));
    }
  };
  feed();
  return feed;
}

function eventsNamed(name: string): SwitchEvent[] {
  return events.filter(({ event }) => event === name);
}

async function knownOn(host: Host): Promise<string[]> {
  return (await lan.fdb({ port: host.name }, { limit: 10 })).entries.map((entry) => entry.mac);
}

/** Frames that came in by the ports of the loop. */
function stormFrames(): number {
  return lan.port('one').stats.rx.frames + lan.port('two').stats.rx.frames;
}

async function expectRest(): Promise<void> {
  await until('the storm to end', async () => {
    const before = stormFrames();
    await sleep(50);
    return stormFrames() === before;
  });
}

/** Starts a storm and expects that the loop is found, told of and cut, while the API answers and the bystander is served. */
async function expectCut(): Promise<void> {
  const bystander = await startBystander();
  const probe = new ApiProbe(socket);
  const startMs = performance.now();
  startStorm();
  await until('the loop to be found', () => eventsNamed('loop.found').length > 0);
  const foundMs = Math.round(performance.now() - startMs);
  await sleep(STORM_MS);
  const times = await probe.stop();
  const outcome = await bystander.stop();
  const went = stormFrames();
  console.log(`loop found after ${foundMs} ms and ${went} frames; ${toldTimes(times)}; ${told(outcome)}`);

  const [found] = eventsNamed('loop.found');
  expect(found).toMatchObject({ port: 'two', peer: 'one', until: expect.any(String) });
  expect(found!['evidence']).toMatch(/^a probe sent out of (one|two) came in by (one|two)$/);
  const { blocked, protection, state } = lan.port('two');
  expect({ state, peer: blocked?.peer }).toEqual({ state: 'up', peer: 'one' });
  expect(protection).toContainEqual(found);
  expect(lan.port('one').blocked).toBeNull();
  await expectRest();

  expect(times.failed).toBe(0);
  expect(times.p50Ms).toBeLessThan(API_P50_MS_MAX);
  expectServed(outcome);
  for (const [host, n] of [
    [a, 1],
    [b, 2],
  ] as const) {
    await until('a host to be known where it is', async () => (await knownOn(host)).includes(mac(n)));
  }
  expect(lan.stats().workers.map(({ restarts }) => restarts)).toEqual([0]);
  await expectBalance(lan);
}

test('both ends of one cable in the switch', async () => {
  await crossPatch();
  await expectCut();
});

test('two ports on one Linux bridge', async () => {
  await bridge();
  await expectCut();
});

test('a port is tried again after loopHoldSeconds: blocked while the loop is there, free once it is cut', async () => {
  await lan.patchSettings({ loopHoldSeconds: 1 });
  const blockedWhenFound: boolean[] = [];
  const note = ({ event }: SwitchEvent): unknown =>
    event === 'loop.found' && blockedWhenFound.push(lan.port('two').blocked !== null);
  lab.defer(lan.events.subscribe(note));
  const host = await bridge();
  startStorm();
  await until('the loop to be found', () => eventsNamed('loop.found').length === 1);
  await until('the port to be tried again', () => eventsNamed('loop.cleared').length === 1);
  expect(eventsNamed('loop.cleared')[0]).toMatchObject({ port: 'two', peer: 'one', reason: 'its time is over' });
  startStorm();
  await until('the loop to be found again', () => eventsNamed('loop.found').length === 2);
  expect(blockedWhenFound).toEqual([true, true]);

  await host.run('ip', 'link', 'set', 'eth1', 'nomaster');
  await until('the port to be tried again', () => eventsNamed('loop.cleared').length === 2);
  startStorm();
  await sleep(1000);
  expect(lan.port('two').blocked).toBeNull();
  expect(eventsNamed('loop.found')).toHaveLength(2);
  await expectRest();
  await expectBalance(lan);
});

test('a port whose link goes down is free at once: it may be cabled anew', async () => {
  const [one] = await crossPatch();
  startStorm();
  await until('the loop to be found', () => eventsNamed('loop.found').length === 1);
  await ip('link', 'set', one, 'down');
  await until('the port to be free', () => eventsNamed('loop.cleared').length === 1);
  // Both ends of the pair go down; either may be seen first.
  const reason = expect.stringMatching(/^its (link|peer) went down$/);
  expect(eventsNamed('loop.cleared')[0]).toMatchObject({ port: 'two', reason });
  expect(lan.port('two').blocked).toBeNull();
});

test.each<[string, string, (host: Host) => Promise<unknown>]>([
  ['its link goes down', 'its peer went down', (host) => host.run('ip', 'link', 'set', 'eth0', 'down')],
  ['it is removed', 'its peer was removed', () => lan.removePort('one')],
])('the other port of a loop fails (%s): the blocked one takes over at once', async (_, reason, fail) => {
  const host = await bridge();
  startStorm();
  await until('the loop to be found', () => eventsNamed('loop.found').length === 1);
  await fail(host);
  await until('the port to be free', () => eventsNamed('loop.cleared').length === 1);
  expect(eventsNamed('loop.cleared')[0]).toMatchObject({ port: 'two', peer: 'one', reason });
  await host.run('ip', 'address', 'add', '10.55.0.9/24', 'dev', 'br0');
  await a.run('ip', 'address', 'add', '10.55.0.1/24', 'dev', 'eth0');
  expect(await a.pings('10.55.0.9')).toBe(true);
  expect(lan.port('two').blocked).toBeNull();
  expect(eventsNamed('loop.found')).toHaveLength(1);
});

test('two switches on two links: one of the links is cut, the other carries on', async () => {
  const other = await lab.switch();
  const far = await lab.netns('far', { ipv6: false });
  await lab.plug(other, far, 'veth', { addresses: ['10.55.0.9/24'] });
  const links = [await lab.vethPair(), await lab.vethPair()];
  for (const netdev of links.flat()) writeFileSync(`/proc/sys/net/ipv6/conf/${netdev}/disable_ipv6`, '1');
  // Crosswise: what is the higher number at one end is the lower one at the other, so the switches would cut one link each.
  for (const [near] of links) await lan.addPort({ name: near, kind: 'packet', netdev: near });
  for (const [, there] of links.toReversed()) await other.addPort({ name: there, kind: 'packet', netdev: there });
  const blocked = (): number => [...lan.ports(), ...other.ports()].filter((port) => port.blocked).length;
  startStorm();
  await until('one end of one link to be blocked, and to stay so', async () => {
    if (blocked() !== 1) return false;
    await sleep(STEADY_MS);
    return blocked() === 1;
  });
  await a.run('ip', 'address', 'add', '10.55.0.1/24', 'dev', 'eth0');
  expect(await a.pings('10.55.0.9')).toBe(true);
  expect(blocked()).toBe(1);
  await expectBalance(lan);
  await expectBalance(other);
});

test('without loop protection, the limits of floods keep a storm small', async () => {
  await lan.patchSettings({ loopProtection: false });
  const [one] = await crossPatch();
  const { broadcastLimit } = lan.port('one');
  const bystander = await startBystander();
  const probe = new ApiProbe(socket);
  // Fed again and again: what goes over a limit is dropped, and that goes round no more.
  const feeding = setInterval(startStorm(), FEED_MS);
  lab.defer(() => clearInterval(feeding));
  await until('the storm to be noticed', () => eventsNamed('storm.started').length > 0);
  const [startMs, before] = [performance.now(), lan.stats().totals];
  await sleep(STORM_MS);
  const [after, seconds] = [lan.stats().totals, (performance.now() - startMs) / 1000];
  clearInterval(feeding);
  const perSecond = (after.flooded - before.flooded) / seconds;
  const times = await probe.stop();
  const outcome = await bystander.stop();
  console.log(`${Math.round(perSecond)} floods/s of a loop; ${toldTimes(times)}; ${told(outcome)}`);

  // Both ports take in what the other one sends, and a bucket holds what comes in one tick; then, what feeds the storm.
  const fed = (2 * SEEDS * 1000) / FEED_MS;
  const bound = 2 * broadcastLimit! * (1 + 0.2 / seconds) + fed;
  expect(perSecond).toBeGreaterThan(fed);
  expect(perSecond).toBeLessThanOrEqual(bound);
  expect([lan.port('one').blocked, lan.port('two').blocked]).toEqual([null, null]);
  expect(eventsNamed('loop.found')).toEqual([]);
  expect(eventsNamed('storm.started')[0]).toMatchObject({ class: 'broadcast', limit: broadcastLimit });
  expect(times.failed).toBe(0);
  expect(times.p50Ms).toBeLessThan(API_P50_MS_MAX);
  expectServed(outcome);

  await ip('link', 'set', one, 'down');
  await expectRest();
  await until('the storm to be over', () => eventsNamed('storm.ended').length > 0);
  await expectBalance(lan);
});
