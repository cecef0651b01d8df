/**
 * Records frames for captures: what entered a port, what left by it, what was dropped and why. A sink (a capture, or a mirror
 * to a file) says of which ports, VLANs and addresses; only what some sink wants is copied, up to its snap length, into the
 * worker's ring, from where the capture thread takes it. Whether a frame passes a sink's filter is found once per batch,
 * before copying: so a narrow capture of a busy switch misses nothing.
 */
import type { Batch } from '../frame/batch.ts';
import { compileFilter, type Predicate } from '../frame/filter.ts';
import { FrameHeaders } from '../frame/frame-headers.ts';
import * as vlanTag from '../frame/vlan.ts';
import { tagOf } from '../frame/vlan.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import * as limits from '../limits.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Memory } from '../ports/memory.ts';
import * as captureRing from '../shared/capture-ring.ts';
import { CaptureRingWriter } from '../shared/capture-ring.ts';
import type { CaptureOrders } from '../shared/commands.ts';
import { enteredVlan } from './entered-vlan.ts';
import * as messageNote from './message-note.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { NO_TAG } = vlanTag;
const { FLAGS, GSO_TYPE, NEEDS_CSUM, VNET_HEADER_BYTES } = vnetHeader;
const { BATCH_FRAMES_MAX, PORTS_MAX, VLANS } = limits;
const { RECEIVED, RECORD, SENT, SINKS_MAX } = captureRing;
const { NOTE_FRAME } = messageNote;
const NOT_RECORDED = -1;
/**
 * Records a worker makes at most, on average and at once. One costs some 100 ns: so recording takes no more than about 3 % of
 * a worker's time, whatever is captured, and what is beyond that is missed, and counted.
 */
const RECORDS_PER_MS = 300;
const RECORDS_AT_ONCE = 16_384;

export class Recorder {
  isActive = false;
  readonly #bytes: Uint8Array;
  readonly #source: Int32Array;
  /** Milliseconds. Asked once for a batch, and once for a list that was sent. Null: time stands still, and limits nothing. */
  readonly #clock: (() => number) | null;
  /** Records that may be made now. */
  #budget = RECORDS_AT_ONCE;
  readonly #now = new Float64Array(1);
  #ring: CaptureRingWriter | null = null;
  /** There was no room: for the rest of the batch nothing is tried, so that an overloaded worker loses no time by it. */
  #isFull = false;
  /** By handle: the sinks that want what entered, left, or was dropped there. */
  readonly #received = new Int32Array(PORTS_MAX);
  readonly #sent = new Int32Array(PORTS_MAX);
  readonly #dropped = new Int32Array(PORTS_MAX);
  /** By handle: the port's number among all that ever were. */
  readonly #port = new Int32Array(PORTS_MAX);
  readonly #snapLength = new Int32Array(SINKS_MAX);
  readonly #vlans: (Uint8Array | null)[] = Array.from({ length: SINKS_MAX }, () => null);
  readonly #filters: (Predicate | null)[] = Array.from({ length: SINKS_MAX }, () => null);
  /** Sinks that do not want every frame. */
  #choosy = 0;
  readonly #headers = new FrameHeaders();
  /** Per frame of the batch: its record, its VLAN, and of the choosy sinks those that have judged it and those it passed. */
  readonly #record = new Int32Array(BATCH_FRAMES_MAX);
  readonly #vlan = new Uint16Array(BATCH_FRAMES_MAX);
  readonly #judged = new Int32Array(BATCH_FRAMES_MAX);
  readonly #passed = new Int32Array(BATCH_FRAMES_MAX);

  constructor(memory: Memory, clock: (() => number) | null) {
    this.#bytes = memory.bytes;
    this.#source = new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset, memory.bytes.length >>> 2);
    this.#clock = clock;
  }

  configure(orders: CaptureOrders | null): void {
    this.isActive = orders !== null && orders.sinks.length > 0;
    this.#ring = orders && new CaptureRingWriter(orders.ring);
    for (const masks of [this.#received, this.#sent, this.#dropped]) masks.fill(0);
    this.#choosy = 0;
    for (const { sink, snapLength, vlans, filter } of orders?.sinks ?? []) {
      this.#snapLength[sink] = snapLength;
      this.#vlans[sink] = vlans.length > 0 ? setOf(vlans) : null;
      this.#filters[sink] = filter && compileFilter(filter);
      if (vlans.length > 0 || filter !== null) this.#choosy |= 1 << sink;
    }
    for (const { handle, port, received, sent, dropped } of orders?.ports ?? []) {
      this.#port[handle] = port;
      this.#received[handle] = received;
      this.#sent[handle] = sent;
      this.#dropped[handle] = dropped;
    }
  }

  /** A batch that has been classified and not decided on. */
  entered(batch: Batch): void {
    const { count, ingress } = batch;
    this.#lookAtClock();
    this.#isFull = false;
    const wanted = this.#received[ingress]!;
    for (let i = 0; i < count; i++) {
      this.#vlan[i] = enteredVlan(batch, i);
      this.#judged[i] = 0;
      this.#passed[i] = 0;
      this.#record[i] = wanted === 0 ? NOT_RECORDED : this.#recordFrame(batch, i, wanted, ingress, RECEIVED);
    }
  }

  /** Frames that entered by no port are about to leave. */
  made(own: Batch): void {
    this.#isFull = false;
    for (let i = 0; i < own.count; i++) {
      this.#vlan[i] = own.vlan[i]!;
      this.#judged[i] = 0;
      this.#passed[i] = 0;
      this.#record[i] = NOT_RECORDED;
    }
  }

  /** The messages of a list that left by the port: those without an errno. */
  sent(batch: Batch, list: GatherList, handle: number): void {
    const wanted = this.#sent[handle]!;
    if (wanted === 0) return;
    this.#lookAtClock();
    const { status, note, partAt, partBytes, wireBytes } = list;
    for (let m = 0; m < list.count; m++) {
      if (status[m] !== 0) continue;
      const sinks = this.#sinksOf(batch, note[m]! >>> NOTE_FRAME, wanted);
      if (sinks === 0) continue;
      const header = partAt[2 * m]!;
      const first = header + VNET_HEADER_BYTES;
      const firstBytes = partBytes[2 * m]! - VNET_HEADER_BYTES;
      const record = this.#write(sinks, handle, header, first, firstBytes, partAt[2 * m + 1]!, partBytes[2 * m + 1]!);
      if (record < 0) continue;
      const words = this.#ring!.words;
      words[record + RECORD.DIRECTION] = SENT;
      words[record + RECORD.VLAN] = batch.vlan[note[m]! >>> NOTE_FRAME]!;
      words[record + RECORD.TAG] = NO_TAG;
      words[record + RECORD.LENGTH] = wireBytes[m]!;
    }
  }

  droppedAtIngress(batch: Batch, i: number, reason: number): void {
    const recorded = this.#record[i]!;
    if (recorded >= 0) this.#ring!.words[recorded + RECORD.REASON] = reason + 1;
    this.#recordDrop(batch, i, batch.ingress, RECEIVED, reason);
  }

  /** A copy that was to leave by the port; it is shown as it entered. */
  droppedAtEgress(batch: Batch, i: number, handle: number, reason: number): void {
    this.#recordDrop(batch, i, handle, SENT, reason);
  }

  /** All that was recorded of the batch may be read. */
  finish(): void {
    this.#ring!.publish();
  }

  #recordDrop(batch: Batch, i: number, handle: number, direction: number, reason: number): void {
    const wanted = this.#dropped[handle]!;
    if (wanted === 0) return;
    const record = this.#recordFrame(batch, i, wanted, handle, direction);
    if (record >= 0) this.#ring!.words[record + RECORD.REASON] = reason + 1;
  }

  /** @returns the record, or NOT_RECORDED */
  #recordFrame(batch: Batch, i: number, wanted: number, handle: number, direction: number): number {
    const sinks = this.#sinksOf(batch, i, wanted);
    if (sinks === 0) return NOT_RECORDED;
    const frame = batch.offset[i]!;
    // Of a frame that was too long for its slot no length is known.
    const length = Math.max(0, batch.length[i]!);
    const record = this.#write(sinks, handle, frame - VNET_HEADER_BYTES, frame, length, 0, 0);
    if (record < 0) return NOT_RECORDED;
    const words = this.#ring!.words;
    words[record + RECORD.DIRECTION] = direction;
    words[record + RECORD.VLAN] = this.#vlan[i]!;
    words[record + RECORD.TAG] = tagOf(batch.tpid[i]!, batch.tci[i]!);
    words[record + RECORD.LENGTH] = length;
    return record;
  }

  /** Of the sinks that want the port, those that want the frame. */
  #sinksOf(batch: Batch, i: number, wanted: number): number {
    const choosy = wanted & this.#choosy;
    if (choosy === 0) return wanted;
    const open = choosy & ~this.#judged[i]!;
    if (open !== 0) this.#judge(batch, i, open);
    return wanted & (this.#passed[i]! | ~this.#choosy);
  }

  #judge(batch: Batch, i: number, open: number): void {
    const vlan = this.#vlan[i]!;
    this.#headers.read(this.#bytes, batch.offset[i]!, batch.length[i]!, vlan);
    let passed = this.#passed[i]!;
    for (let rest = open; rest !== 0; rest &= rest - 1) {
      const sink = 31 - Math.clz32(rest & -rest);
      const vlans = this.#vlans[sink] ?? null;
      if (vlans !== null && vlans[vlan] === 0) continue;
      const filter = this.#filters[sink] ?? null;
      if (filter === null || filter(this.#headers)) passed |= 1 << sink;
    }
    this.#passed[i] = passed;
    this.#judged[i] = this.#judged[i]! | open;
  }

  /** Copies what the sinks want of a frame in one or two pieces. @returns the record, or NOT_RECORDED: no room */
  #write(
    sinks: number,
    handle: number,
    header: number,
    first: number,
    firstBytes: number,
    second: number,
    secondBytes: number,
  ): number {
    const ring = this.#ring!;
    if (this.#isFull || this.#budget <= 0) {
      ring.noteMissed(sinks, handle);
      return NOT_RECORDED;
    }
    const snapLength = this.#longestSnapLength(sinks);
    const firstKept = Math.min(firstBytes, snapLength);
    const secondKept = Math.min(secondBytes, snapLength - firstKept);
    const firstWords = ((first & 3) + firstKept + 3) >>> 2;
    const secondWords = secondKept === 0 ? 0 : ((second & 3) + secondKept + 3) >>> 2;
    const record = ring.reserve((RECORD.DATA + firstWords + secondWords + 1) & ~1);
    if (record < 0) {
      this.#isFull = true;
      ring.noteMissed(sinks, handle);
      return NOT_RECORDED;
    }
    this.#budget--;
    const { words } = ring;
    words[record + RECORD.SINKS] = sinks;
    words[record + RECORD.HANDLE] = handle;
    words[record + RECORD.PORT] = this.#port[handle]!;
    words[record + RECORD.REASON] = 0;
    words[record + RECORD.FIRST] = (firstKept << 2) | (first & 3);
    words[record + RECORD.SECOND] = (secondKept << 2) | (second & 3);
    ring.times[(record + RECORD.TIME) >>> 1] = this.#now[0]!;
    this.#copyHeader(words, record + RECORD.VNET, header);
    this.#copyWords(words, record + RECORD.DATA, first >>> 2, firstWords);
    this.#copyWords(words, record + RECORD.DATA + firstWords, second >>> 2, secondWords);
    return record;
  }

  #lookAtClock(): void {
    if (this.#clock === null) {
      this.#budget = RECORDS_AT_ONCE;
      return;
    }
    const now = this.#clock();
    this.#budget = Math.min(RECORDS_AT_ONCE, this.#budget + (now - this.#now[0]!) * RECORDS_PER_MS);
    this.#now[0] = now;
  }

  #copyWords(words: Int32Array, to: number, from: number, count: number): void {
    const source = this.#source;
    for (let k = 0; k < count; k++) words[to + k] = source[from + k]!;
  }

  /** Most headers ask for nothing. */
  #copyHeader(words: Int32Array, to: number, header: number): void {
    const bytes = this.#bytes;
    words[to] = 0;
    if (((bytes[header + FLAGS]! & NEEDS_CSUM) | bytes[header + GSO_TYPE]!) === 0) return;
    for (let word = 0; word < 3; word++) {
      const at = header + 4 * word;
      const upper = word === 2 ? 0 : (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      words[to + word] = bytes[at]! | (bytes[at + 1]! << 8) | upper;
    }
  }

  #longestSnapLength(sinks: number): number {
    let longest = 0;
    for (let rest = sinks; rest !== 0; rest &= rest - 1) {
      longest = Math.max(longest, this.#snapLength[31 - Math.clz32(rest & -rest)]!);
    }
    return longest;
  }
}

/** A byte per VLAN. */
function setOf(vlans: readonly number[]): Uint8Array {
  const set = new Uint8Array(VLANS);
  for (const vlan of vlans) set[vlan] = 1;
  return set;
}
