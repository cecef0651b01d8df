/** Flows of numbered frames between two wires: what was lost, came twice or out of order, and how long each flow stood still. */
import { mac } from './frames.ts';
import { PATIENCE_MS } from './lab.ts';
import { macText, udp4 } from './packets.ts';
import { RunningClock } from './running-clock.ts';
import type { Wire } from './wire.ts';

const TICK_MS = 2;
/** Frames under way at a time: after a standstill of either side not more come at once than any queue on the way holds. */
const WINDOW = 500;
/** In an Ethernet frame with an IPv4 header without options. */
const UDP_SOURCE_AT = 34;
const UDP_CHECKSUM_AT = 40;
const NUMBER_AT = 42;
const FIRST_PORT = 20_000;

export interface FlowsOutcome {
  sent: number;
  lost: number;
  twice: number;
  outOfOrder: number;
  /** For each flow the longest time without a frame, in ms of this process: while it stands still itself, none pass. */
  longestGapMs: number[];
}

export class NumberedFlows {
  readonly #from: Wire;
  readonly #to: Wire;
  readonly #src: string;
  readonly #templates: Uint8Array[];
  readonly #perMs: number;
  readonly #timer: NodeJS.Timeout;
  readonly #seen = new Set<number>();
  readonly #lastNumber: number[];
  readonly #lastMs: number[];
  readonly #gapMs: number[];
  readonly #clock = new RunningClock();
  #sent = 0;
  #read = 0;
  #twice = 0;
  #outOfOrder = 0;

  /** Starts at once. @param ends numbers of test addresses: see `mac` */
  constructor(from: Wire, to: Wire, options: { flows: number; perSecond: number; ends: [number, number] }) {
    const [src, dst] = options.ends.map(mac) as [string, string];
    this.#from = from;
    this.#to = to;
    this.#src = src;
    this.#perMs = options.perSecond / 1000;
    this.#templates = Array.from({ length: options.flows }, (_, flow) => {
      const ends = { src, dst, sourceIp: '10.55.0.1', targetIp: '10.55.0.2' };
      const made = udp4(ends, [FIRST_PORT + flow, 9], new Uint8Array(32));
      // Zero: there is none (RFC 768). The number is written later.
      made.fill(0, UDP_CHECKSUM_AT, UDP_CHECKSUM_AT + 2);
      return made;
    });
    this.#lastNumber = this.#templates.map(() => -1);
    this.#lastMs = this.#templates.map(() => 0);
    this.#gapMs = this.#templates.map(() => 0);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get sent(): number {
    return this.#sent;
  }

  /** Stops sending, waits until nothing more comes, and judges. @param lost how many frames need not be waited for */
  async stop(lost = 0): Promise<FlowsOutcome> {
    clearInterval(this.#timer);
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#seen.size < this.#sent - lost && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      this.#receive();
    }
    return {
      sent: this.#sent,
      lost: this.#sent - this.#seen.size,
      twice: this.#twice,
      outOfOrder: this.#outOfOrder,
      longestGapMs: this.#gapMs.map(Math.round),
    };
  }

  /** For when a test fails halfway. */
  abandon(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const due = Math.min(Math.floor(this.#clock.tick() * this.#perMs), this.#seen.size + WINDOW);
    for (; this.#sent < due; this.#sent++) {
      const frame = this.#templates[this.#sent % this.#templates.length]!;
      new DataView(frame.buffer, frame.byteOffset).setUint32(NUMBER_AT, this.#sent);
      this.#from.send(frame);
    }
    this.#receive();
  }

  #receive(): void {
    const captured = this.#to.captured();
    const { nowMs } = this.#clock;
    for (; this.#read < captured.length; this.#read++) {
      const { frame } = captured[this.#read]!;
      if (macText(frame.subarray(6, 12)) !== this.#src) continue;
      const view = new DataView(frame.buffer, frame.byteOffset);
      const number = view.getUint32(NUMBER_AT);
      const flow = view.getUint16(UDP_SOURCE_AT) - FIRST_PORT;
      if (this.#seen.has(number)) this.#twice++;
      else if (number < this.#lastNumber[flow]!) this.#outOfOrder++;
      this.#seen.add(number);
      this.#lastNumber[flow] = number;
      this.#gapMs[flow] = Math.max(this.#gapMs[flow]!, nowMs - this.#lastMs[flow]!);
      this.#lastMs[flow] = nowMs;
    }
  }
}
