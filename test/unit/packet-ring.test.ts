/** The merge of a port's two receive rings, over rings that the test fills the way the kernel does. */
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import {
  TP_STATUS_USER,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
  TPACKET2_HDR,
} from '../../native-bindings/abi/if-packet.ts';
import { Batch } from '../../src/frame/batch.ts';
import { PacketPort } from '../../src/ports/packet-port.ts';
import { PacketRing, placeOf } from '../../src/ports/packet-ring.ts';
import { CLAIMED_SHIFT } from '../../src/shared/board.ts';

const SLOT_BYTES = 2048;
const SLOTS = 8;

class FakeRing {
  readonly ring: PacketRing;
  /** The same ring as a worker that takes over reads it. */
  readonly again: () => PacketRing;
  /** The same ring as another process goes on with it. */
  readonly resumed: () => PacketRing;
  readonly #view: DataView;
  readonly #at: number;
  #next = 0;

  constructor(bytes: Uint8Array, at: number, cursors: Int32Array, cursor: number) {
    const geometry = {
      offset: at,
      slotBytes: SLOT_BYTES,
      slotsPerBlock: 4,
      blockBytes: 4 * SLOT_BYTES + 64,
      blocks: 2,
    };
    this.again = () => new PacketRing(bytes, geometry, cursors, cursor);
    this.resumed = () => {
      const { slot, claimed } = placeOf(bytes, geometry);
      cursors[cursor] = slot | (claimed << CLAIMED_SHIFT);
      return this.again();
    };
    this.ring = this.again();
    this.#view = new DataView(bytes.buffer);
    this.#at = at;
  }

  /** What a loaded logic may do by mistake: writes over a word of the header of slot `k`. */
  spoil(k: number, field: number, value: number): void {
    this.#view.setUint32(this.#slotAt(k) + field, value, true);
  }

  /** What the kernel does with a frame, told apart by its length. */
  put(length: number, nanoseconds: number, fields: { status?: number; tag?: number; snaplen?: number } = {}): void {
    const k = this.#next % SLOTS;
    const slot = this.#slotAt(k);
    if (this.#view.getUint32(slot + TPACKET2_HDR.status, true) !== 0) throw new Error('the ring is full');
    this.#next++;
    this.#view.setUint32(slot + TPACKET2_HDR.len, length, true);
    this.#view.setUint32(slot + TPACKET2_HDR.snaplen, fields.snaplen ?? length, true);
    this.#view.setUint16(slot + TPACKET2_HDR.mac, 90, true);
    this.#view.setUint32(slot + TPACKET2_HDR.sec, Math.floor(nanoseconds / 1e9), true);
    this.#view.setUint32(slot + TPACKET2_HDR.nsec, nanoseconds % 1e9, true);
    this.#view.setUint32(slot + TPACKET2_HDR.vlanTci, fields.tag ?? 0, true);
    this.#view.setUint32(slot + TPACKET2_HDR.status, TP_STATUS_USER | (fields.status ?? 0), true);
  }

  #slotAt(k: number): number {
    return this.#at + Math.floor(k / 4) * (4 * SLOT_BYTES + 64) + (k % 4) * SLOT_BYTES;
  }
}

function port(): {
  small: FakeRing;
  large: FakeRing;
  received: () => number[];
  batch: Batch;
  port: PacketPort;
  cursors: Int32Array;
  takeOver: () => PacketPort;
  resumed: () => PacketPort;
} {
  const bytes = new Uint8Array(new SharedArrayBuffer(65_536));
  const cursors = new Int32Array(2);
  const small = new FakeRing(bytes, 0, cursors, 0);
  const large = new FakeRing(bytes, 32_768, cursors, 1);
  const fds = { rings: [], send: -1, sendFinished: -1 };
  const packet = new PacketPort(0, fds, small.ring, large.ring);
  // What was claimed is done with.
  const released = (made: PacketPort): PacketPort => {
    made.release();
    return made;
  };
  const takeOver = (): PacketPort => released(new PacketPort(0, fds, small.again(), large.again()));
  const resumed = (): PacketPort => released(new PacketPort(0, fds, small.resumed(), large.resumed()));
  const batch = new Batch(bytes);
  const received = (): number[] => {
    batch.count = 0;
    packet.receive(batch);
    packet.release();
    return [...batch.length.subarray(0, batch.count)];
  };
  return { small, large, received, batch, port: packet, cursors, takeOver, resumed };
}

describe('frames come in the order of their time stamps', () => {
  test.each([
    ['small only', [1, 2, 3], [], [1, 2, 3]],
    ['large only', [], [1, 2], [101, 102]],
    ['interleaved', [1, 3, 5], [2, 4], [1, 102, 3, 104, 5]],
    ['large first', [5, 6], [1, 2], [101, 102, 5, 6]],
    ['large last', [1, 2], [8, 9], [1, 2, 108, 109]],
  ])('%s', (_, smalls, larges, expected) => {
    const { small, large, received } = port();
    // The length tells which frame it is: its time, plus 100 in the large ring.
    for (const time of smalls) small.put(time, time);
    for (const time of larges) large.put(100 + time, time);
    expect(received()).toEqual(expected);
    expect(received()).toEqual([]);
  });

  test('across a second', () => {
    const { small, large, received } = port();
    small.put(1, 1e9 + 1);
    large.put(101, 999_999_999);
    expect(received()).toEqual([101, 1]);
  });
});

test('slots are reused around the ring, for as long as it takes', () => {
  const { small, large, received } = port();
  for (let time = 1; time <= 100; time += 2) {
    small.put(time, time);
    large.put(1000 + time + 1, time + 1);
    expect(received()).toEqual([time, 1001 + time]);
  }
});

test('nothing taken is given back before the release', () => {
  const { small, batch, port: packet } = port();
  for (let time = 1; time <= SLOTS; time++) small.put(time, time);
  packet.receive(batch);
  expect(() => small.put(9, 9)).toThrow('full');
  packet.release();
  small.put(9, 9);
  expect(packet.pending()).toBe(true);
});

test('a worker that takes over reads what was taken and not claimed, and gives back what was claimed', () => {
  const { small, large, port: packet, batch, takeOver } = port();
  for (let time = 1; time <= 5; time++) small.put(time, time);
  large.put(106, 6);
  packet.receive(batch);
  const second = takeOver();
  batch.count = 0;
  batch.limit = 4;
  second.receive(batch);
  expect([...batch.length.subarray(0, batch.count)]).toEqual([1, 2, 3, 4]);
  second.claim();
  const third = takeOver();
  for (let time = 7; time <= 13; time++) small.put(time, time);
  expect(() => small.put(14, 14)).toThrow('full');
  batch.count = 0;
  batch.limit = 100;
  third.receive(batch);
  expect([...batch.length.subarray(0, batch.count)]).toEqual([5, 106, 7, 8, 9, 10, 11, 12, 13]);
  third.claim();
  third.release();
  batch.count = 0;
  takeOver().receive(batch);
  expect(batch.count).toBe(0);
});

test('a cursor that is not where the kernel is finds it again', () => {
  const { small, received, batch, cursors, takeOver } = port();
  for (let time = 1; time <= 5; time++) small.put(time, time);
  expect(received()).toEqual([1, 2, 3, 4, 5]);
  for (let time = 6; time <= 10; time++) small.put(time, time);
  cursors[0] = 3;
  const packet = takeOver();
  expect(packet.pending()).toBe(false);
  packet.markReadable();
  batch.count = 0;
  packet.receive(batch);
  expect([...batch.length.subarray(0, batch.count)]).toEqual([6, 7, 8, 9, 10]);
});

describe('a worker that ended while it gave slots back', () => {
  /** Five frames are claimed; the last `given` of them are given back. */
  const interrupted = (given: number) => {
    const set = port();
    // Not at the ring's beginning.
    for (let time = 1; time <= 6; time++) set.small.put(time, time);
    set.port.receive(set.batch);
    set.port.claim();
    set.port.release();
    for (let time = 11; time <= 15; time++) set.small.put(time, time);
    set.batch.count = 0;
    set.port.receive(set.batch);
    set.port.claim();
    for (let k = 0; k < given; k++) set.small.spoil((10 - k) % SLOTS, TPACKET2_HDR.status, 0);
    const next = (packet: PacketPort): number[] => {
      set.batch.count = 0;
      packet.receive(set.batch);
      packet.claim();
      packet.release();
      return [...set.batch.length.subarray(0, set.batch.count)];
    };
    return { ...set, next };
  };

  test.each([0, 1, 2, 3, 4, 5])('%d of five', (given) => {
    const { small, takeOver, next } = interrupted(given);
    small.put(16, 16);
    const packet = takeOver();
    expect(next(packet)).toEqual([16]);
    for (let time = 17; time < 17 + SLOTS; time++) small.put(time, time);
    expect(next(packet)).toEqual([17, 18, 19, 20, 21, 22, 23, 24]);
  });

  test.each([0, 1, 2, 3, 4, 5])(
    '%d of five, and its process with it: the next one finds its place in the ring',
    (given) => {
      const { small, next, resumed } = interrupted(given);
      small.put(16, 16);
      const packet = resumed();
      expect(next(packet)).toEqual([16]);
      for (let time = 17; time < 17 + SLOTS; time++) small.put(time, time);
      expect(next(packet)).toEqual([17, 18, 19, 20, 21, 22, 23, 24]);
    },
  );
});

describe('another process goes on with a ring', () => {
  test.each([
    ['that is empty', 3, 0],
    ['with some frames', 3, 2],
    ['with frames around its end', 6, 5],
    ['that is full', 3, SLOTS],
    ['that is full from its beginning on', SLOTS, SLOTS],
  ])('%s', (_, before, waiting) => {
    const { small, received, resumed, batch } = port();
    for (let time = 1; time <= before; time++) small.put(time, time);
    received();
    const expected = Array.from({ length: waiting }, (__, k) => before + 1 + k);
    for (const time of expected) small.put(time, time);
    const packet = resumed();
    const next = (): number[] => {
      batch.count = 0;
      packet.receive(batch);
      packet.release();
      return [...batch.length.subarray(0, batch.count)];
    };
    expect(next()).toEqual(expected);
    for (let time = 51; time <= 55; time++) small.put(time, time);
    // As the kernel says.
    packet.markReadable();
    expect(next()).toEqual([51, 52, 53, 54, 55]);
  });

  test('a claim of a frame that is gone is none', () => {
    const { small, port: packet, batch, resumed } = port();
    for (let time = 1; time <= SLOTS; time++) small.put(time, time);
    packet.receive(batch);
    packet.claim();
    packet.release();
    for (let time = 11; time < 11 + SLOTS; time++) small.put(time, time);
    batch.count = 0;
    resumed().receive(batch);
    expect(batch.count).toBe(SLOTS);
  });
});

test('a kernel that fills each slot the moment it gets it loses nothing and mixes up nothing', async () => {
  const bytes = new Uint8Array(new SharedArrayBuffer(65_536));
  const geometry = {
    offset: 0,
    slotBytes: SLOT_BYTES,
    slotsPerBlock: SLOTS,
    blockBytes: SLOTS * SLOT_BYTES,
    blocks: 1,
  };
  const ring = new PacketRing(bytes, geometry, new Int32Array(1), 0);
  const packet = new PacketPort(0, { rings: [], send: -1, sendFinished: -1 }, ring, null);
  const frames = 300_000;
  const filled = new Int32Array(new SharedArrayBuffer(8));
  const [FILLED, STOP] = [0, 1];
  const kernel = `
    const { workerData } = require('node:worker_threads');
    const { buffer, filled, frames, slotWords, slots, user } = workerData;
    const words = new Int32Array(buffer);
    for (let n = 0; n < frames && Atomics.load(filled, ${STOP}) === 0; n++) {
      const slot = (n % slots) * slotWords;
      while (Atomics.load(words, slot) !== 0);
      words[slot + 1] = words[slot + 2] = n % 1000;
      Atomics.store(words, slot, user);
      Atomics.store(filled, ${FILLED}, n + 1);
    }
    require('node:worker_threads').parentPort.postMessage('done');`;
  const slotWords = SLOT_BYTES / 4;
  const workerData = { buffer: bytes.buffer, filled, frames, slotWords, slots: SLOTS, user: TP_STATUS_USER };
  const worker = new Worker(kernel, { eval: true, workerData });
  const batch = new Batch(bytes);
  let isDone = false;
  worker.once('message', () => (isDone = true));
  // Two threads that wait for each other are slow on a busy machine: then fewer frames have to do.
  const stopMs = performance.now() + 20_000;
  let expected = 0;
  while ((!isDone || expected < filled[FILLED]!) && performance.now() < stopMs + 20_000) {
    if (performance.now() > stopMs) Atomics.store(filled, STOP, 1);
    for (let turn = 0; turn < 1000; turn++) {
      batch.count = 0;
      packet.receive(batch);
      for (let i = 0; i < batch.count; i++) {
        if (batch.length[i] !== expected % 1000) expect.fail(`frame ${batch.length[i]} came in place of ${expected}`);
        expected++;
      }
      packet.release();
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await worker.terminate();
  expect(isDone).toBe(true);
  expect(expected).toBe(filled[FILLED]);
  expect(expected).toBeGreaterThan(10 * SLOTS);
});

test('tags come beside the bytes; a cut frame is marked', () => {
  const { small, received, batch } = port();
  small.put(60, 1, { status: TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID, tag: 0x88a8_a00a });
  small.put(61, 2, { status: TP_STATUS_VLAN_VALID, tag: 5 });
  small.put(62, 3, { tag: 7 });
  small.put(2000, 4, { snaplen: 100 });
  expect(received()).toEqual([60, 61, 62, -2000]);
  expect([...batch.tpid.subarray(0, 3)]).toEqual([0x88a8, 0x8100, 0]);
  expect([...batch.tci.subarray(0, 3)]).toEqual([0xa00a, 5, 0]);
});

test('what was written over the headers of slots makes nothing but frames that are dropped, and the ring goes on', () => {
  const { small, port: packet, received, batch } = port();
  small.put(60, 1);
  small.put(61, 2, { snaplen: 61 });
  small.spoil(0, TPACKET2_HDR.len, 0x7fffffff);
  small.spoil(0, TPACKET2_HDR.snaplen, 0x7fffffff);
  small.spoil(1, TPACKET2_HDR.mac, 2000);
  expect(received().every((length) => length < 0)).toBe(true);
  expect(batch.offset[0]! - batch.offset[1]!).toBeLessThan(65_536);
  // The kernel would wait for such a slot for ever.
  for (let k = 0; k < SLOTS; k++) small.spoil(k, TPACKET2_HDR.status, 0xa6a6a6a6);
  expect(packet.pending()).toBe(false);
  for (let time = 3; time < 3 + SLOTS; time++) small.put(time, time);
  expect(received()).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
});
