/**
 * A logic in shadow: it gets a copy of every frame and decides it, nothing of which leaves; then what it made of it is held
 * against what became of the frame: the verdict, and the bytes where both send it. It stands where the live logic of its name
 * stands, or behind the others, and sees frames as they are there; what it leaves undecided becomes what it becomes without it.
 */
import { Batch } from '../frame/batch.ts';
import * as ethernet from '../frame/ethernet.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import * as limits from '../limits.ts';
import type { LogicDifference, LogicReport } from '../shared/logic-load.ts';
import { Drop, DROP_NAMES } from '../switching/drop-reasons.ts';
import { Fdb, keyHigh, keyLow, UNCHANGED } from '../switching/fdb.ts';
import { innerKey } from '../switching/inner-tag.ts';
import { LogicCount } from '../switching/logic-counters.ts';
import type { LogicContext } from '../switching/logic.ts';
import * as verdicts from '../switching/verdict.ts';
import { drop } from '../switching/verdict.ts';
import { firstBytes, FRAME_BYTES_MAX } from './logic-fault.ts';
import { mutedSender } from './logic-outbox.ts';
import { LogicRunner, type RunnerOptions } from './logic-runner.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { DESTINATION, GROUP_BIT } = ethernet;
const { VNET_HEADER_BYTES } = vnetHeader;
const { BATCH_FRAMES_MAX, SUPER_FRAME_BYTES_MAX } = limits;
const { FIRST_DROP, FLOOD, UNDECIDED } = verdicts;
const LOGIC_DROP = drop(Drop.LOGIC);

/** Copies of one batch; frames that find no room are not compared. */
const COPY_BYTES = 4 * SUPER_FRAME_BYTES_MAX;
/** Up to this many bytes a loop over words copies faster than a call, which also allocates. */
const LOOP_BYTES_MAX = 256;
/** Bytes of a word. */
const WORD = 4;
/** Instead of UNDECIDED for frames that are not copied. */
const NOT_COPIED = FIRST_DROP;
/** Differences that are told with their frame, per second. */
const TOLD_PER_SECOND = 4;
const TICKS_PER_SECOND = 10;

/** Learns nothing: what a shadow sees has been learned, or was not to be. */
class ReadOnlyFdb extends Fdb {
  override learn(): number {
    return UNCHANGED;
  }
}

export class LogicShadow {
  readonly runner: LogicRunner;
  /** The live logic that it would replace. */
  replaces: LogicRunner | null = null;
  readonly #batch = new Batch(new Uint8Array(COPY_BYTES));
  readonly #words = new Int32Array(this.#batch.bytes.buffer);
  /** The memory of the live batch as words. */
  #liveWords: Int32Array = new Int32Array(0);
  /** Both as what can be compared without a loop. */
  #live: Buffer = Buffer.alloc(0);
  readonly #copied = Buffer.from(this.#batch.bytes.buffer);
  readonly #asked = new Uint8Array(BATCH_FRAMES_MAX);
  /** Per frame of the batch: whether what the live logic in its place left of the bytes is what this one did. */
  readonly #hasSameBytes = new Uint8Array(BATCH_FRAMES_MAX);
  readonly #context: LogicContext;
  readonly #report: (report: LogicReport) => void;
  #toldSince = 0;
  #told = 0;

  /** @throws what `create` throws */
  constructor(options: Omit<RunnerOptions, 'batch' | 'outbox'>) {
    const fdb = new ReadOnlyFdb(options.parts.fdb.buffer, options.parts.worker + 1);
    const parts = { ...options.parts, fdb, sender: mutedSender };
    this.#context = parts;
    this.#report = options.report;
    this.runner = new LogicRunner({ ...options, parts, batch: this.#batch, outbox: null });
  }

  /** Before the live logic in its place sees the batch. */
  capture(live: Batch): void {
    const copy = this.#batch;
    const { bytes } = live;
    if (this.#liveWords.buffer !== bytes.buffer) {
      this.#liveWords = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >> 2);
      this.#live = Buffer.from(bytes.buffer);
    }
    copy.count = live.count;
    copy.ingress = live.ingress;
    let end = 0;
    for (let i = 0; i < live.count; i++) {
      const length = live.length[i]!;
      const whole = VNET_HEADER_BYTES + length;
      const from = bytes.byteOffset + live.offset[i]! - VNET_HEADER_BYTES;
      // As far from a word's beginning as the frame itself, so that whole words can be copied.
      const at = ((end + WORD - 1) & -WORD) + (from & (WORD - 1));
      const isAsked = live.verdict[i] === UNDECIDED && at + whole + WORD <= COPY_BYTES;
      this.#asked[i] = isAsked ? 1 : 0;
      copy.verdict[i] = isAsked ? UNDECIDED : NOT_COPIED;
      copy.vlan[i] = live.vlan[i]!;
      copy.tpid[i] = live.tpid[i]!;
      copy.tci[i] = live.tci[i]!;
      copy.length[i] = length;
      copy.offset[i] = at + VNET_HEADER_BYTES;
      if (!isAsked) continue;
      if (whole <= LOOP_BYTES_MAX) this.#copyWords(from >> 2, at >> 2, (whole + (from & (WORD - 1)) + WORD - 1) >> 2);
      else copy.bytes.set(bytes.subarray(from - bytes.byteOffset, from - bytes.byteOffset + whole), at);
      end = at + whole;
    }
  }

  /** After that one saw it, and before any other does. @param now FDB ticks */
  run(live: Batch, now: number): void {
    if (this.runner.isSuspended) return;
    this.runner.run(this.#batch, now);
    for (let i = 0; i < live.count; i++) {
      if (this.#asked[i] === 1) this.#hasSameBytes[i] = this.#isSameFrame(live, i) ? 1 : 0;
    }
  }

  /** After all have decided. @param reasonOf reason of its own that a live logic gave the frame; null: none */
  compare(live: Batch, now: number, reasonOf: (i: number) => string | null): void {
    if (this.runner.isSuspended) return;
    const copy = this.#batch;
    let compared = 0;
    let different = 0;
    for (let i = 0; i < live.count; i++) {
      if (this.#asked[i] === 0) continue;
      compared++;
      const shadow = this.#fate(live, i, now);
      const isSame =
        shadow === live.verdict[i] &&
        copy.vlan[i] === live.vlan[i] &&
        (shadow === LOGIC_DROP
          ? this.#hasSameReason(i, reasonOf)
          : shadow >= FIRST_DROP || this.#hasSameBytes[i] === 1);
      if (isSame) continue;
      different++;
      this.#tell(live, i, shadow, now, reasonOf);
    }
    const { counts } = this.runner;
    counts[LogicCount.COMPARED] = counts[LogicCount.COMPARED]! + compared;
    counts[LogicCount.DIFFERENT] = counts[LogicCount.DIFFERENT]! + different;
  }

  #copyWords(from: number, to: number, count: number): void {
    const words = this.#words;
    const live = this.#liveWords;
    for (let k = 0; k < count; k++) words[to + k] = live[from + k]!;
  }

  /** What would become of the frame. */
  #fate(live: Batch, i: number, now: number): number {
    const verdict = this.#batch.verdict[i]!;
    if (verdict !== UNDECIDED) return verdict;
    const isSameSoFar =
      this.replaces?.gave[i] !== 1 && this.#hasSameBytes[i] === 1 && this.#batch.vlan[i] === live.vlan[i];
    return isSameSoFar ? live.verdict[i]! : this.#learned(i, now);
  }

  /** What `learning` would say of the copy, as far as its destination goes. */
  #learned(i: number, now: number): number {
    const { fdb, reach } = this.#context;
    const { bytes, offset, vlan } = this.#batch;
    const to = offset[i]! + DESTINATION;
    if (bytes[to]! & GROUP_BIT) return FLOOD;
    const known = fdb.lookup(keyHigh(bytes, to, vlan[i]!), keyLow(bytes, to), now);
    return known < 0 ? FLOOD : reach.verdict(this.#batch, i, innerKey(this.#batch, i, reach.tunnelled), known);
  }

  /** Both may have dropped it for reasons of their own. */
  #hasSameReason(i: number, reasonOf: (i: number) => string | null): boolean {
    return this.runner.gave[i] === 0 || this.runner.reasonOf(i) === reasonOf(i);
  }

  /** Also of what the virtio-net header says of the frame. */
  #isSameFrame({ bytes, offset, length }: Batch, i: number): boolean {
    const from = bytes.byteOffset + offset[i]! - VNET_HEADER_BYTES;
    const at = this.#batch.offset[i]! - VNET_HEADER_BYTES;
    const end = from + VNET_HEADER_BYTES + length[i]!;
    if (end - from > LOOP_BYTES_MAX) return this.#copied.compare(this.#live, from, end, at, at + end - from) === 0;
    const words = this.#words;
    const liveWords = this.#liveWords;
    const back = (at - from) >> 2;
    // Of the first and the last word, what is in front of the frame and behind it may have changed.
    const first = from >> 2;
    const last = (end - 1) >> 2;
    const head = -1 << (8 * (from & (WORD - 1)));
    const tail = -1 >>> (8 * (WORD - 1 - ((end - 1) & (WORD - 1))));
    let different = (words[first + back]! ^ liveWords[first]!) & head;
    for (let k = first + 1; k < last; k++) different |= words[k + back]! ^ liveWords[k]!;
    return (different | ((words[last + back]! ^ liveWords[last]!) & tail)) === 0;
  }

  /** From the first byte to the last that differs, at most FRAME_BYTES_MAX. */
  #differentBytes(live: Batch, i: number): LogicDifference['bytes'] {
    const length = live.length[i]!;
    const sent = live.bytes.subarray(live.offset[i], live.offset[i]! + length);
    const other = this.#batch.bytes.subarray(this.#batch.offset[i], this.#batch.offset[i]! + length);
    const at = sent.findIndex((byte, k) => byte !== other[k]);
    if (at < 0) return null;
    const end = Math.min(sent.findLastIndex((byte, k) => byte !== other[k]) + 1, at + FRAME_BYTES_MAX);
    return { at, live: Uint8Array.from(sent.subarray(at, end)), shadow: Uint8Array.from(other.subarray(at, end)) };
  }

  #tell(live: Batch, i: number, shadow: number, now: number, reasonOf: (i: number) => string | null): void {
    if (((now - this.#toldSince) | 0) >= TICKS_PER_SECOND) {
      this.#toldSince = now;
      this.#told = 0;
    }
    if (++this.#told > TOLD_PER_SECOND) return;
    const verdict = live.verdict[i]!;
    const isSentByBoth = verdict < FIRST_DROP && shadow < FIRST_DROP;
    const vlanText = this.#batch.vlan[i] === live.vlan[i] ? '' : ` in VLAN ${this.#batch.vlan[i]}`;
    this.#report({
      logic: this.runner.load.id,
      difference: {
        ingress: live.ingress,
        vlan: live.vlan[i]!,
        frame: firstBytes(live, i),
        length: live.length[i]!,
        live: verdictText(verdict, reasonOf(i)),
        shadow: verdictText(shadow, this.runner.gave[i] === 1 ? this.runner.reasonOf(i) : reasonOf(i)) + vlanText,
        bytes: isSentByBoth && this.#hasSameBytes[i] === 0 ? this.#differentBytes(live, i) : null,
      },
    });
  }
}

/** @param reason of the logic's own */
export function verdictText(verdict: number, reason: string | null): string {
  if (verdict < FLOOD) return `forward to #${verdict}`;
  if (verdict === FLOOD) return 'flood';
  return `drop ${reason ?? DROP_NAMES.find((name) => Drop[name] === verdict - FIRST_DROP) ?? 'UNKNOWN'}`;
}
