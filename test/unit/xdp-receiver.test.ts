/** A receive queue whose worker ends with chunks taken, over rings that the test fills the way the kernel does. */
import { expect, test } from 'vitest';
import { XDP_DESC } from '../../native-bindings/abi/if-xdp.ts';
import { Batch } from '../../src/frame/batch.ts';
import { XdpReceiver } from '../../src/ports/xdp-receiver.ts';

const CHUNKS = 8;
const CHUNK_BYTES = 2048;
const ADDRESS_BYTES = 8;
const UMEM_BYTES = CHUNKS * CHUNK_BYTES;
const ring = (at: number) => ({ producer: at, consumer: at + 64, entries: at + 128, size: CHUNKS });
const RECEIVED = ring(UMEM_BYTES);
const FILL = ring(UMEM_BYTES + 1024);

class Queue {
  readonly batch: Batch;
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(UMEM_BYTES + 2048));
  readonly #words = new Int32Array(this.#bytes.buffer);
  #filled = 0;

  constructor() {
    this.batch = new Batch(this.#bytes);
    for (let k = 0; k < CHUNKS; k++) this.#words[(FILL.entries + k * ADDRESS_BYTES) >>> 2] = k * CHUNK_BYTES;
    this.#words[FILL.producer >>> 2] = CHUNKS;
  }

  receiver(): XdpReceiver {
    return new XdpReceiver(this.#bytes, 0, { at: 0, bytes: 0 }, { received: RECEIVED, fill: FILL });
  }

  /** What the kernel does with a frame, told apart by its length. @returns false where it has no chunk */
  put(length: number): boolean {
    const words = this.#words;
    if (words[FILL.producer >>> 2] === this.#filled) return false;
    const chunk = words[(FILL.entries + (this.#filled++ % CHUNKS) * ADDRESS_BYTES) >>> 2]!;
    const produced = words[RECEIVED.producer >>> 2]!;
    const desc = (RECEIVED.entries + (produced % CHUNKS) * XDP_DESC.size) >>> 2;
    words[desc + (XDP_DESC.addr >>> 2)] = chunk;
    words[desc + (XDP_DESC.len >>> 2)] = length;
    words[RECEIVED.producer >>> 2] = produced + 1;
    return true;
  }

  /** @returns the lengths of what the receiver takes */
  take(receiver: XdpReceiver): number[] {
    this.batch.count = 0;
    receiver.take(this.batch);
    return [...this.batch.length.subarray(0, this.batch.count)];
  }
}

test('what a worker had taken is given back by the next one, and not taken again; no chunk is lost or given twice', () => {
  const queue = new Queue();
  for (let length = 61; length <= 65; length++) queue.put(length);
  expect(queue.take(queue.receiver())).toEqual([61, 62, 63, 64, 65]);
  // The kernel has three chunks left, and comes near the entries that are not given back.
  expect([66, 67, 68, 69].map((length) => queue.put(length))).toEqual([true, true, true, false]);
  const second = queue.receiver();
  second.release();
  expect([71, 72, 73, 74, 75, 76].map((length) => queue.put(length))).toEqual([true, true, true, true, true, false]);
  expect(queue.take(second)).toEqual([66, 67, 68, 71, 72, 73, 74, 75]);
  expect(new Set(queue.batch.offset.subarray(0, queue.batch.count)).size).toBe(CHUNKS);
  second.release();
  for (let round = 0; round < 3 * CHUNKS; round++) {
    expect(queue.put(80 + round)).toBe(true);
    expect(queue.take(second)).toEqual([80 + round]);
    second.release();
  }
});
