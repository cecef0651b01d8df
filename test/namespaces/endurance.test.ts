/** Many numbered frames of all lengths in both directions at once: none lost, none twice, in order, and not a byte changed. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import type { PortKind } from '../../src/control/model.ts';
import { FLOW_ETHERTYPE } from '../support/bystander.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { expectBalance, Lab, PATIENCE_MS, until } from '../support/lab.ts';
import { Burst, RawSocket } from '../support/raw-socket.ts';

const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 5_000_000 : 200_000;
const HEADER_BYTES = 14;
const NUMBER_AT = HEADER_BYTES;
const CONTENT_AT = NUMBER_AT + 4;
/** The content of a frame is a piece of this one, cut out at a place that its number tells. */
const BLOCK = randomBytes(2 * 65_536);
const PLACES = 65_521;

const lab = new Lab();
afterEach(() => lab.close());

/** One direction: sends windows of frames, and expects each in its turn. */
class Flow {
  readonly #from: RawSocket;
  readonly #to: RawSocket;
  readonly #burst: Burst;
  readonly #header: Buffer;
  readonly #longest: number;
  #sent = 0;
  #arrived = 0;
  /** What came in place of the next frame, and whatever came then. */
  readonly wrong: string[] = [];

  constructor(from: RawSocket, to: RawSocket, ends: { src: string; dst: string }, window: number, longest: number) {
    this.#from = from;
    this.#to = to;
    this.#header = Buffer.from(frame({ ...ends, etherType: FLOW_ETHERTYPE, payload: 0 }));
    this.#longest = longest;
    this.#burst = new Burst(window, longest);
  }

  get arrived(): number {
    return this.#arrived;
  }

  get isComplete(): boolean {
    return this.#arrived === this.#sent;
  }

  sendWindow(): void {
    const { bytes, count, stride } = this.#burst;
    for (let i = 0; i < count; i++) {
      const at = i * stride;
      const number = this.#sent + i;
      const length = this.#lengthOf(number);
      this.#header.copy(bytes, at);
      bytes.writeUInt32BE(number, at + NUMBER_AT);
      BLOCK.copy(bytes, at + CONTENT_AT, placeOf(number), placeOf(number) + length - CONTENT_AT);
      this.#burst.setLength(i, length);
    }
    expect(this.#burst.send(this.#from, count)).toBe(count);
    this.#sent += count;
  }

  receive(): void {
    const { received } = this.#to;
    for (let length = this.#to.receive(); length > 0; length = this.#to.receive()) {
      const number = received.readUInt32BE(NUMBER_AT);
      const isRight = number === this.#arrived && length === this.#lengthOf(number) && this.#isAsSent(number, length);
      if (isRight && this.wrong.length === 0) this.#arrived++;
      else this.wrong.push(`${number} with ${length} bytes`);
    }
  }

  #isAsSent(number: number, length: number): boolean {
    const place = placeOf(number);
    const { received } = this.#to;
    if (received.compare(this.#header, 0, HEADER_BYTES, 0, HEADER_BYTES) !== 0) return false;
    return received.compare(BLOCK, place, place + length - CONTENT_AT, CONTENT_AT, length) === 0;
  }

  /** From 60 bytes up, every length there is in turn. */
  #lengthOf(number: number): number {
    return 60 + ((number * 379) % (this.#longest - 59));
  }
}

function placeOf(number: number): number {
  return (number * 31) % PLACES;
}

/**
 * @param window frames under way in either direction at a time: fewer than half of what any ring on the way holds. When the
 * last frame of a window has arrived, its slots need not be released yet, and the next window comes on top.
 */
async function expectAll(kinds: [PortKind, PortKind], mtu: number, window: number, frames: number): Promise<void> {
  const lan = await lab.switch();
  const [a, b] = [await lab.netns('a', { ipv6: false }), await lab.netns('b', { ipv6: false })];
  await lab.plug(lan, a, kinds[0], { mtu });
  await lab.plug(lan, b, kinds[1], { mtu });
  const [socketA, socketB] = [a, b].map((host) => {
    const socket = host.inside(() => RawSocket.open('eth0', { protocol: FLOW_ETHERTYPE }));
    lab.defer(() => socket.close());
    return socket;
  }) as [RawSocket, RawSocket];
  const [there, back] = [
    { src: mac(1), dst: mac(2) },
    { src: mac(2), dst: mac(1) },
  ];
  socketA.send(frame({ ...there, dst: BROADCAST }));
  socketB.send(frame({ ...back, dst: BROADCAST }));
  await until('both ends to be known', async () => (await lan.fdb({}, { limit: 10 })).total === 2);

  const longest = mtu + HEADER_BYTES;
  const flows = [new Flow(socketA, socketB, there, window, longest), new Flow(socketB, socketA, back, window, longest)];
  const startMs = performance.now();
  while (flows[0]!.arrived < frames / 2) {
    for (const flow of flows) flow.sendWindow();
    const deadline = performance.now() + PATIENCE_MS;
    do {
      await new Promise(setImmediate);
      for (const flow of flows) flow.receive();
    } while (!flows.every((flow) => flow.isComplete) && performance.now() < deadline);
    const incomplete = flows.filter((flow) => !flow.isComplete);
    if (incomplete.length > 0) {
      const ports = lan.ports().map(({ stats }) => stats);
      expect({ flows: incomplete.map(({ arrived, wrong }) => ({ arrived, wrong })), ports }).toEqual(
        'all in their turn',
      );
    }
  }
  const seconds = (performance.now() - startMs) / 1000;
  const arrived = flows.reduce((sum, flow) => sum + flow.arrived, 0);
  console.log(`${arrived} frames up to ${longest} bytes in ${seconds.toFixed(1)} s`);
  expect(arrived).toBeGreaterThanOrEqual(frames);
  // Nothing comes late that was there already.
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const flow of flows) {
    flow.receive();
    expect(flow.wrong).toEqual([]);
  }
  await expectBalance(lan);
  expect(lan.stats().drops).toEqual({});
  expect(lan.stats().workers.map(({ restarts }) => restarts)).toEqual([0]);
}

const TIMEOUT = { timeout: 180_000 + FRAMES / 5 };

test('60 to 1514 bytes, from veth to veth', TIMEOUT, () => expectAll(['veth', 'veth'], 1500, 256, FRAMES * 0.4));
test('60 to 1514 bytes, from packet to tap', TIMEOUT, () => expectAll(['packet', 'tap'], 1500, 256, FRAMES * 0.4));
test('60 to 9014 bytes, from veth to veth', TIMEOUT, () => expectAll(['veth', 'veth'], 9000, 28, FRAMES * 0.1));
test('60 to 9014 bytes, from packet to tap', TIMEOUT, () => expectAll(['packet', 'tap'], 9000, 28, FRAMES * 0.1));
