/** Recordings and replays: the same becomes of every frame again, and what differs is found at the frame where it does. */
import { describe, expect, test } from 'vitest';
import arpResponder from '../../examples/logics/arp-responder.ts';
import packetSampler from '../../examples/logics/packet-sampler.ts';
import policer from '../../examples/logics/policer.ts';
import { GSO_TCPV4, OFFLOADS_ALL } from '../../src/frame/vnet-header.ts';
import { DEFER, defineLogic, FLOOD, type Frame } from '../../src/sdk/logic.ts';
import { arpRequest, mac, type ReplayReport, replay, type Sandbox, sandbox, tcp, udp } from '../../src/sdk/sandbox.ts';
import { PORT_CONFIG_DEFAULT, type PortConfig } from '../../src/shared/commands.ts';
import type { Batch } from '../../src/frame/batch.ts';
import { inOneGo } from '../../src/switching/fdb-collect.ts';
import { LOCK } from '../../src/switching/fdb-layout.ts';
import { learning } from '../../src/switching/logics/learning.ts';
import { storm, stormSeed } from '../model/storm.ts';
import { memorySwitch } from '../support/memory-switch.ts';
import { BROADCAST, frame as anyFrame, mac as macOf } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';
import { offloadHeader, PROTOCOL_TCP, tcp4 } from '../support/packets.ts';
import { readPcapng } from '../support/pcapng.ts';
import { recordLan, replaySame } from '../support/replaying.ts';

const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 200_000 : 10_000;
const BROKEN = process.env['TSWITCH_LONG'] === '1' ? 3000 : 150;
const PORTS = ['a', 'b', 'c'];

const dropsUdp9 = (from: number) =>
  defineLogic({
    name: 'door',
    description: 'drops what is for a port',
    params: (z) => z.object({ from: z.int().default(from) }),
    drops: { CLOSED: 'the door is closed' },
    create: ({ params, drop }) => ({
      frame: (seen: Frame) => (seen.destinationPort >= params.from ? drop.CLOSED : DEFER),
    }),
  });

/** A switch, and what has others keep the lock of its MAC table while frames are decided. */
function lockable(ports: Record<string, Partial<PortConfig>>): { lan: Lan; whileLocked: (act: () => void) => void } {
  let isLocked = false;
  const logic = {
    ...learning,
    create(setup: Parameters<typeof learning.create>[0]) {
      const decider = learning.create(setup);
      const lock = new Int32Array(setup.fdb.buffer);
      const decide = (batch: Batch, now: number): void => {
        if (isLocked) lock[LOCK] = 99;
        decider.decide!(batch, now);
        lock[LOCK] = 0;
      };
      return { ...decider, decide };
    },
  };
  const whileLocked = (act: () => void): void => {
    isLocked = true;
    act();
    isLocked = false;
  };
  return { lan: new Lan(ports, { logic }), whileLocked };
}

/** Ten frames to UDP ports 1 to 10, the first of which is flooded. */
function tenFrames(lan: Sandbox): void {
  lan.send('b', udp({ src: mac(2), dst: mac(9), destinationPort: 1 }));
  for (let to = 1; to <= 10; to++) lan.send('a', udp({ src: mac(1), dst: mac(2), destinationPort: to }));
}

describe('a replay is identical', () => {
  test('in random worlds, while others change the MAC table and the configuration', { timeout: 600_000 }, async () => {
    let [frames, disturbed] = [0, 0];
    await storm({
      seed: stormSeed(),
      frames: FRAMES,
      stage: 'memory',
      open: (world) => {
        const lan = new Lan(world.ports, world.options);
        const end = recordLan(lan);
        return {
          ...memorySwitch(world, lan),
          close() {
            const report = replaySame(end());
            frames += report.frames;
            disturbed += report.disturbed;
          },
        };
      },
    });
    expect(frames).toBeGreaterThanOrEqual(FRAMES);
    expect(disturbed).toBe(0);
  });

  test('with logics that keep tables, draw lots, tick, and send of their own, exchanged in the middle', () => {
    const lan = sandbox({
      ports: { a: {}, b: {}, c: {}, collector: {} },
      logic: [{ logic: policer, params: { kilobytesPerSecond: 1, burstKilobytes: 2 } }, { logic: arpResponder }],
    });
    const mix = (n: number): void => {
      for (let k = 0; k < n; k++) {
        const [src, dst] = [mac(1 + (k % 3)), mac(1 + ((k + 1) % 3))];
        lan.sendAll(PORTS[k % 3]!, [
          udp({ src, dst, payload: new Uint8Array(500 + (k % 200)) }),
          arpRequest(src, `10.0.0.${1 + (k % 3)}`, `10.0.0.${1 + ((k + 1) % 3)}`),
          tcp({ src, dst, tags: k % 7 === 0 ? [5] : [] }),
        ]);
        lan.advance(130);
      }
    };
    mix(20);
    const end = lan.record();
    mix(50);
    lan.use([
      { logic: arpResponder },
      { logic: packetSampler, params: { oneIn: 3, port: 'collector' }, scope: { ports: ['a', 'b'] } },
      { logic: dropsUdp9(5), isShadow: true },
    ]);
    mix(50);
    lan.use([{ logic: policer, params: { kilobytesPerSecond: 2, burstKilobytes: 3 } }]);
    mix(50);
    const report = replaySame(end(), { recorded: [policer, arpResponder, packetSampler] });
    expect(report).toMatchObject({ frames: 450, batches: 150, workers: 1, reason: 'stopped', faults: [] });
    const verdicts = Object.keys(report.sides[0]!.verdicts);
    expect(verdicts).toEqual(expect.arrayContaining(['forward', 'flood', 'drop OVER_RATE', 'drop ANSWERED']));
    expect(report.sides[0]!.verdicts).toEqual(report.sides[1]!.verdicts);
    expect(report.ports.find(({ port }) => port === 'collector')!.sent).toBeGreaterThan(0);
  });

  test('of super-frames, checksums left open, tags beside the bytes, mirrors, limits, probes, and what the kernel refuses', () => {
    const lan = new Lan({
      a: {
        offloads: OFFLOADS_ALL,
        broadcastLimit: 5,
        mirror: { to: 3, file: null, received: true, sent: true, vlans: [] },
      },
      takes: { offloads: OFFLOADS_ALL },
      takesNot: {},
      monitor: { vlan: 99 },
      trunk: { mode: 'trunk', vlan: 0 },
    });
    const end = recordLan(lan);
    const ends = { src: macOf(1), dst: macOf(2), sourceIp: '10.0.0.1', targetIp: '10.0.0.2' };
    const payload = Uint8Array.from({ length: 4001 }, (_, k) => k);
    lan.port('takesNot').refuse = (n) => (n % 3 === 1 ? 11 : 0);
    for (let k = 0; k < 60; k++) {
      lan.send('a', tcp4(ends, [1, 2], k, payload), offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1000));
      lan.send('trunk', anyFrame({ tags: [{ vid: 1, pcp: 5 }], src: macOf(2), payload: k }));
      lan.send('a', anyFrame({ src: macOf(1), payload: 600 }));
      if (k % 10 === 0) lan.dataPath.probe(1, 1);
      lan.seconds += 0.03;
    }
    const report = replaySame(end());
    expect(report.frames).toBe(180);
    expect(report.ports.find(({ port }) => port === '0')!.drops).toHaveProperty('STORM_BROADCAST');
    expect(report.ports.find(({ port }) => port === '2')!.drops).toHaveProperty('EGRESS_FULL');
  });

  test('where others had the lock of the MAC table for a moment, and changed nothing', () => {
    const { lan, whileLocked } = lockable({ a: {}, b: {}, c: {} });
    const end = recordLan(lan);
    whileLocked(() => lan.send('a', anyFrame({ src: macOf(1) })));
    const left = lan.send('b', anyFrame({ src: macOf(2), dst: macOf(1) }));
    expect([...left.keys()]).toEqual(['a', 'c']);
    lan.send('a', anyFrame({ src: macOf(1), dst: macOf(2) }));
    expect(replaySame(end())).toMatchObject({ frames: 3, sides: [{ verdicts: { flood: 2, forward: 1 } }, {}] });
  });

  test('where what need not come out the same took the tokens of a flood limit', () => {
    const { lan, whileLocked } = lockable({ a: { unknownLimit: 1 }, b: {}, c: {} });
    const end = recordLan(lan);
    whileLocked(() => {
      // It is not learned that 2 stands on the port, so what is for it is flooded.
      lan.port('a').inject(anyFrame({ src: macOf(2), dst: BROADCAST }), null);
      for (let k = 0; k < 50; k++) lan.port('a').inject(anyFrame({ src: macOf(1), dst: macOf(2) }), null);
      lan.run();
    });
    lan.flush();
    for (let k = 0; k < 50; k++) lan.send('a', anyFrame({ src: macOf(1), dst: macOf(9) }));
    const report = replaySame(end());
    expect(report).toMatchObject({ frames: 101, disturbed: 51 });
    expect(report.ports.find(({ port }) => port === '0')!.drops).toHaveProperty('STORM_UNKNOWN');
  });

  test("where the table has a port's limit, or the switch's, before a command tells of any", () => {
    const lan = new Lan({ a: {}, b: {}, c: {} });
    const end = recordLan(lan);
    const meet = (n: number): void => {
      lan.send('a', anyFrame({ src: macOf(n) }));
      lan.send('b', anyFrame({ src: macOf(2), dst: macOf(n) }));
    };
    meet(1);
    lan.fdb.setPortLimit(0, 1);
    meet(3);
    lan.fdb.setPortLimit(0, -1);
    meet(4);
    lan.fdb.setMoveLimit(1, 1000);
    for (let k = 0; k < 3; k++) for (const port of ['a', 'c']) lan.send(port, anyFrame({ src: macOf(4) }));
    meet(4);
    lan.seconds += 20;
    lan.fdb.ageingTicks = 100;
    meet(5);
    lan.send('a', anyFrame({ src: macOf(5), dst: macOf(4) }));
    expect(replaySame(end())).toMatchObject({ frames: 17, disturbed: 0 });
  });

  test('where the table is full, and others are just sweeping it', () => {
    const count = 100;
    const lan = new Lan({ a: {}, b: {}, c: {} }, { fdbLimit: count, ageingSeconds: 10 });
    const end = recordLan(lan);
    const seen = (n: number): void => void lan.send('a', anyFrame({ src: macOf(n), dst: BROADCAST }));
    for (let n = 0; n < count; n++) seen(n);
    lan.seconds = 5;
    for (let n = 0; n < count; n++) seen(n);
    lan.seconds = 11;
    const sweep = lan.fdb.sweeping(lan.ticks);
    sweep.next();
    for (let n = count; n < count + 20; n++) seen(n);
    for (let n = 0; n < count; n++) lan.send('b', anyFrame({ src: macOf(1), dst: macOf(n) }));
    expect(inOneGo(sweep)).toBe(0);
    expect(replaySame(end())).toMatchObject({ frames: 320, disturbed: 0 });
  });

  test('of ports that come and go', () => {
    const lan = new Lan({ a: {}, b: {}, c: {} });
    const { dataPath } = lan;
    const end = recordLan(lan);
    lan.send('a', anyFrame({ src: macOf(1) }));
    dataPath.closePort(1);
    lan.send('a', anyFrame({ src: macOf(1) }));
    dataPath.openPort(lan.port('b'), { ...PORT_CONFIG_DEFAULT, vlan: 7 });
    lan.send('b', anyFrame({ src: macOf(3) }));
    lan.configure('b', { vlan: 1 });
    lan.send('b', anyFrame({ src: macOf(3), dst: macOf(1) }));
    expect(replaySame(end())).toMatchObject({ frames: 4, sides: [{ verdicts: { flood: 3, forward: 1 } }, {}] });
  });
});

describe('what differs is found', () => {
  const recordedTen = (logic = dropsUdp9(9)): Uint8Array => {
    const lan = sandbox({ ports: PORTS, logic });
    const end = lan.record();
    tenFrames(lan);
    return end();
  };
  const differenceOf = (report: ReplayReport) => report.difference!;

  test('a changed logic differs at the first frame that it treats otherwise', () => {
    const report = replay(recordedTen(), { logic: dropsUdp9(7), params: { from: 7 } });
    expect(report).toMatchObject({ isSame: false, different: 2, frames: 11 });
    expect(differenceOf(report)).toMatchObject({
      frame: 8,
      port: 'a',
      sides: [
        { name: 'recorded', verdict: 'forward to b', by: 'learning', sent: [{ port: 'b', frames: 1 }] },
        { name: 'door', verdict: 'drop CLOSED', by: 'door', sent: [] },
      ],
    });
    const bytes = udp({ src: mac(1), dst: mac(2), destinationPort: 7 });
    expect(differenceOf(report).bytes).toBe(Buffer.from(bytes).toString('hex'));
  });

  test('it gets the parameters that were recorded, if it is given none', () => {
    expect(replaySame(recordedTen(), { logic: dropsUdp9(7) }).sides[1]!.name).toBe('door');
    const other = defineLogic({ name: 'door', description: 'takes none', create: () => ({ frame: () => DEFER }) });
    expect(() => replay(recordedTen(), { logic: other })).toThrow(
      /the parameters recorded for door do not fit: from: there is no such parameter/,
    );
  });

  test('one of another name decides alone; what it leaves, learning decides', () => {
    const quiet = defineLogic({ name: 'quiet', description: 'leaves all', create: () => ({ frame: () => DEFER }) });
    const report = replay(recordedTen(), { logic: quiet });
    expect(report).toMatchObject({ isSame: false, different: 2 });
    expect(differenceOf(report)).toMatchObject({
      frame: 10,
      sides: [
        { verdict: 'drop CLOSED', by: 'door' },
        { name: 'quiet', verdict: 'forward to b', by: 'learning' },
      ],
    });
  });

  test('two logics against each other', () => {
    const hub = defineLogic({ name: 'hub', description: 'floods', create: () => ({ frame: () => FLOOD }) });
    const report = replay(recordedTen(), { recorded: [dropsUdp9(9)], logic: dropsUdp9(4), against: hub, params: {} });
    expect(report.sides).toEqual([
      { name: 'door', verdicts: { forward: 3, flood: 1, 'drop CLOSED': 7 } },
      { name: 'hub', verdicts: { flood: 11 } },
    ]);
    expect(differenceOf(report)).toMatchObject({
      frame: 2,
      sides: [{ verdict: 'forward to b' }, { verdict: 'flood', sent: [{ port: 'b' }, { port: 'c' }] }],
    });
    expect(replay(recordedTen(), { logic: hub, against: hub }).isSame).toBe(true);
  });

  test('other bytes that leave, whatever the verdict', () => {
    const rewrites = (to: number) =>
      defineLogic({
        name: 'door',
        description: 'rewrites ports',
        create: () => ({
          frame: (seen: Frame) => {
            if (seen.destinationPort === 5) seen.setDestinationPort(to);
            return DEFER;
          },
        }),
      });
    const report = replay(recordedTen(dropsUdp9(60_000)), { logic: rewrites(55), against: rewrites(56), params: {} });
    expect(report).toMatchObject({ isSame: false, different: 1 });
    const [one, two] = differenceOf(report).sides;
    expect([one.verdict, one.sent[0]!.port]).toEqual([two.verdict, two.sent[0]!.port]);
    expect(one.sent[0]!.digest).not.toBe(two.sent[0]!.digest);
  });

  test('what a logic sends of its own', () => {
    const sends = (byte: number) =>
      defineLogic({
        name: 'door',
        description: 'sends',
        tickMs: 100,
        create: ({ sender, ports }) => ({
          frame: () => DEFER,
          tick: () => void sender.send(ports.handleOf('a'), 1, new Uint8Array(60).fill(byte)),
        }),
      });
    const lan = sandbox({ ports: PORTS, logic: sends(2) });
    const end = lan.record();
    lan.advance(1000);
    const recording = end();
    replaySame(recording, { recorded: [sends(2)] });
    expect(replay(recording, { logic: sends(4) })).toMatchObject({
      isSame: false,
      difference: { frame: null, bytes: null, sides: [{ verdict: null }, { verdict: null }] },
    });
  });

  test('a logic that fails is told of', () => {
    const fails = defineLogic({
      name: 'door',
      description: 'fails',
      create: () => ({
        frame: () => {
          throw new Error('not again');
        },
      }),
    });
    expect(replay(recordedTen(), { logic: fails, params: {} }).faults[0]).toBe('throw: not again');
  });
});

describe('bounds', () => {
  test('a recording that is full ends with a whole batch, and what there is replays', () => {
    const lan = new Lan({ a: {}, b: {} });
    const end = recordLan(lan, { bytes: 40_000 });
    for (let k = 0; k < 200; k++) lan.send('a', anyFrame({ src: macOf(k), payload: 1000 }));
    const recording = end();
    expect(recording.length).toBeLessThanOrEqual(40_000);
    const report = replaySame(recording);
    expect(report.reason).toBe('size');
    expect(report.frames).toBeGreaterThan(5);
    expect(report.frames).toBeLessThan(200);
  });

  test('it ends with the batch in which the count is reached', () => {
    const lan = new Lan({ a: {}, b: {} });
    const end = recordLan(lan, { framesMax: 7 });
    for (let k = 0; k < 20; k++) lan.send('a', anyFrame());
    expect(replaySame(end())).toMatchObject({ frames: 7, reason: 'count' });
  });

  test('it costs nothing once it has ended, and another one may begin', () => {
    const lan = new Lan({ a: {}, b: {} });
    recordLan(lan, { framesMax: 1 });
    const first = lan.dataPath.port(0);
    lan.send('a', anyFrame());
    lan.run();
    expect(lan.dataPath.port(0)).toBe(lan.port('a'));
    expect(first).not.toBe(lan.port('a'));
    const end = recordLan(lan);
    lan.send('a', anyFrame());
    expect(replaySame(end()).frames).toBe(1);
  });
});

describe('files', () => {
  const small = (): Uint8Array => {
    const lan = sandbox({ ports: PORTS });
    const end = lan.record();
    tenFrames(lan);
    return end();
  };

  test('a recording is a capture of what entered, to whom reads pcapng', () => {
    const { sections, interfaces, packets } = readPcapng(small());
    expect([sections, interfaces.map(({ name }) => name)]).toEqual([1, PORTS]);
    expect(packets.map(({ port, direction }) => `${port} ${direction}`)).toEqual([
      'b in',
      ...Array.from({ length: 10 }, () => 'a in'),
    ]);
    expect(packets[1]!.bytes).toEqual(udp({ src: mac(1), dst: mac(2), destinationPort: 1 }));
  });

  test('one that is cut off, of another version, or none at all is refused in words', () => {
    const whole = small();
    expect(() => replay(whole.subarray(0, -10))).toThrow(/^is cut off: it ends in the middle of a block/);
    expect(() => replay(new Uint8Array(0))).toThrow(/^is no recording: make one with `tswitch record`$/);
    expect(() => replay(new TextEncoder().encode('{"not":"a recording"}'))).toThrow(/^is no recording/);
    const text = Buffer.from(whole).toString('latin1');
    const other = Buffer.from(text.replace('"format":1', '"format":9'), 'latin1');
    expect(() => replay(other)).toThrow(/^has format 9, and this tswitch reads format 1: replay it with tswitch \d/);
    // A capture ends with its last interface.
    const { at, end } = firstPacket(whole);
    const bare = Buffer.concat([whole.subarray(0, headerBytes(whole)), whole.subarray(at, end)]);
    expect(() => replay(bare)).toThrow(/^holds frames, but nothing of what a replay needs/);
  });

  test('one that ends without an end is replayed as far as it goes', () => {
    const whole = small();
    const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
    const last = view.getUint32(whole.length - 4, true);
    expect(replay(whole.subarray(0, -last))).toMatchObject({ isSame: true, reason: null, frames: 11 });
  });

  test('whatever a byte of it becomes: a report, or words', { timeout: 120_000 }, () => {
    const whole = small();
    for (let k = 0; k < BROKEN; k++) {
      const broken = whole.slice();
      const at = (k * 7919) % broken.length;
      broken[at] = broken[at]! ^ (1 << (k % 8));
      try {
        replay(broken);
      } catch (error) {
        expect(error, `byte ${at}`).toMatchObject({ name: 'RecordingError' });
      }
    }
  });
});

function headerBytes(file: Uint8Array): number {
  return new DataView(file.buffer, file.byteOffset).getUint32(4, true);
}

function firstPacket(file: Uint8Array): { at: number; end: number } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at < file.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) === 6) return { at, end: at + view.getUint32(at + 4, true) };
  }
  return expect.fail('no packet');
}
