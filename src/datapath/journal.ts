/**
 * Records the exact inputs of a data path, and what it makes of them (shared/recording.ts): frames as their ports gave them, batch
 * by batch, the time each was told, every change of configuration in between, and images of what others change: the FDB. It
 * is made when a recording begins, so a data path that is not recorded knows nothing of it.
 */
import type { Batch } from '../frame/batch.ts';
import * as ethernet from '../frame/ethernet.ts';
import * as vlanTag from '../frame/vlan.ts';
import { tagOf, writeTag } from '../frame/vlan.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import { PORTS_MAX } from '../limits.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Memory } from '../ports/memory.ts';
import type { Board } from '../shared/board.ts';
import type { PortConfig, RecordOrders } from '../shared/commands.ts';
import type { LogicLoad } from '../shared/logic-load.ts';
import { imageOf } from '../shared/memory-image.ts';
import { inboundOptions, PcapngWriter } from '../shared/pcapng.ts';
import * as recording from '../shared/recording.ts';
import {
  endBlocks,
  jsonNote,
  type RecordedChange,
  RecordingBuffer,
  type RecordingEndReason,
} from '../shared/recording.ts';
import type { Fdb } from '../switching/fdb.ts';
import { FdbWatch } from '../switching/fdb-watch.ts';
import type { LogicHost } from './logic-host.ts';
import { Outcome } from './outcome.ts';
import { recordedLogic } from './recorded-logic.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { ADDRESSES_BYTES } = ethernet;
const { NO_TAG, TAG_BYTES } = vlanTag;
const { VNET_HEADER_BYTES } = vnetHeader;
const { Area, EXACT, EXACT_OPTION, HAS_TAG, IS_CUT, Note, RECORDING_BLOCK, RECORDING_FORMAT } = recording;

/** Where the words of EXACT_OPTION stand in the options, behind the packet's flags. */
const EXACT_AT = 3;
/** Times that the table is looked at until nobody is just changing it. */
const SETTLE_TRIES = 1000;

export interface JournalParts {
  orders: RecordOrders;
  worker: number;
  memory: Memory;
  board: Board;
  /** By which the data path makes all its changes. */
  fdb: Fdb;
  /** The loaded logics of the moment. */
  host: () => LogicHost | null;
}

export class Journal {
  readonly #parts: JournalParts;
  readonly #buffer: RecordingBuffer;
  readonly #writer = new PcapngWriter();
  readonly #outcome: Outcome;
  readonly #plain = inboundOptions();
  readonly #exact = inboundOptions([EXACT_OPTION, new Uint32Array(EXACT.WORDS)]);
  readonly #exactWords = new Int32Array(this.#exact.buffer);
  /** By handle: number of the port's packets. */
  readonly #interfaces = new Int32Array(PORTS_MAX);
  #nextInterface = 0;
  /** Loads of which the source is in the recording. */
  readonly #known = new Set<number>();
  #tokens = new Int32Array(0);
  #watch: FdbWatch;
  #tick = 0;
  readonly #ms = new Float64Array(1);
  readonly #msWords = new Int32Array(this.#ms.buffer);
  /** The tick that was noted last; -1: it must be noted again. */
  #notedTick = -1;
  /** The time of this turn has been noted. */
  #isTurnNoted = false;
  /** What is being decided need not come out the same again. */
  #isDisturbed = false;
  /** The FDB was changed by others, or by what need not come out the same, and there is no image of it yet. */
  #isStale = false;
  #imagedTick = -1;
  #images = 0;

  constructor(parts: JournalParts) {
    const { orders, worker, memory, fdb } = parts;
    this.#parts = parts;
    this.#buffer = new RecordingBuffer(orders.buffer);
    this.#outcome = new Outcome(memory);
    this.#watch = new FdbWatch(fdb);
    const { version, workers, startedMs } = orders;
    this.#writer.section('Linux', `tswitch ${version}, to be run again by \`tswitch replay\``);
    this.#note(Note.HEADER, { format: RECORDING_FORMAT, version, worker, workers, startedMs });
  }

  /** It is full, or has got what was asked for: nothing more is recorded. */
  get isOver(): boolean {
    return this.#buffer.isEnded;
  }

  opened(handle: number, config: PortConfig): void {
    const number = this.#nextInterface++;
    const name = config.name ?? String(handle);
    this.#interfaces[handle] = number;
    this.#writer.interface(name, `tswitch port ${name}`, 0);
    this.changed({ do: 'open', handle, interface: number, config });
  }

  /** Notes a change that the data path has made or is about to make. */
  changed(change: RecordedChange): void {
    // What is made by it may ask for the time.
    if (!this.#isTurnNoted) this.#noteTurn();
    this.#noteTokens();
    if (this.#watch.isTouched) this.#followFdb();
    this.#note(Note.CHANGE, change);
    // What is made anew by it may tick once more in the same tick.
    this.#notedTick = -1;
  }

  /** The table that the data path uses from now on. */
  useFdb(fdb: Fdb): void {
    if (!this.#isTurnNoted) this.#noteTurn();
    this.#watch = new FdbWatch(fdb);
    this.#noteFdb(Area.NEW_FDB);
    this.#notedTick = -1;
  }

  /** The tables of logics that are about to be made, or go on. */
  noteTables(loads: readonly LogicLoad[]): void {
    for (const { id, memory } of loads) {
      Object.values(memory.tables).forEach((table, k) => this.#image(Area.TABLE, new Int32Array(table), id, k));
    }
  }

  /** The logics from now on; they have been made. */
  useLogics(loads: readonly LogicLoad[]): void {
    const host = this.#parts.host();
    const logics = loads.map((load) => {
      return recordedLogic(load, host?.dropsOf(load.id) ?? null, !this.#known.has(load.id));
    });
    this.changed({ do: 'logics', logics });
    for (const { id } of loads) this.#known.add(id);
  }

  /** Token buckets are this worker's alone, or shared with others that change them all the time. */
  noteStorms(): void {
    this.#image(Area.STORMS, this.#parts.board.storms);
  }

  /** The time of what follows. The first of each tick matters without any frame: logics may tick in it. */
  turn(tick: number, ms: number): void {
    this.#tick = tick;
    this.#ms[0] = ms;
    this.#isTurnNoted = false;
    if (tick === this.#notedTick) return;
    this.#noteFdbChanges();
    this.#noteTurn();
    this.#publish(0);
  }

  /** What was sent without a batch, by ticks or as a probe, is complete. */
  settled(): void {
    if (this.#outcome.isEmpty) return;
    this.#noteOutcome(this.#outcome.take(null, null, this.#isStale || this.#isDisturbed));
    this.#publish(0);
  }

  received(batch: Batch): void {
    this.#noteFdbChanges();
    if (!this.#isTurnNoted) this.#noteTurn();
    const micros = Math.round((this.#ms[0]! - this.#parts.orders.clockAtEpochMs) * 1000);
    for (let i = 0; i < batch.count; i++) this.#packet(batch, i, micros);
  }

  sent(handle: number, list: GatherList): void {
    this.#outcome.sent(handle, list);
  }

  decided(batch: Batch): void {
    const isDisturbed = this.#isDisturbed || this.#watch.isTouched;
    this.#isDisturbed = false;
    // What the batch has left in the table need not come out the same either.
    if (isDisturbed) this.#isStale = true;
    this.#noteOutcome(this.#outcome.take(batch, this.#parts.host(), isDisturbed));
    this.#publish(batch.count);
    if (this.#buffer.frames >= this.#parts.orders.framesMax) this.end('count');
  }

  end(reason: RecordingEndReason): void {
    if (this.isOver) return;
    // What is not complete stays out.
    this.#writer.take();
    this.#buffer.end(endBlocks({ reason, frames: this.#buffer.frames }));
  }

  #packet(batch: Batch, i: number, micros: number): void {
    const { bytes, tpid, tci, ingress } = batch;
    const frame = batch.offset[i]!;
    const isCut = batch.length[i]! < 0;
    const length = Math.max(0, batch.length[i]!);
    const tag = tagOf(tpid[i]!, tci[i]!);
    const hasTag = tag !== NO_TAG && length >= ADDRESSES_BYTES;
    const whole = length + (hasTag ? TAG_BYTES : 0);
    const options = this.#optionsOf(bytes, frame - VNET_HEADER_BYTES, tag, hasTag, isCut);
    const known = isCut ? -batch.length[i]! : whole;
    let at = this.#writer.packet(this.#interfaces[ingress]!, micros, whole, known, options);
    const out = this.#writer.bytes;
    if (hasTag) {
      out.set(bytes.subarray(frame, frame + ADDRESSES_BYTES), at);
      at = writeTag(out, at + ADDRESSES_BYTES, tag);
      out.set(bytes.subarray(frame + ADDRESSES_BYTES, frame + length), at);
    } else if (length > 0) out.set(bytes.subarray(frame, frame + length), at);
  }

  /** Most frames have nothing beside their bytes. */
  #optionsOf(bytes: Uint8Array, header: number, tag: number, hasTag: boolean, isCut: boolean): Uint8Array {
    const words = this.#exactWords;
    let any = tag | (isCut ? 1 : 0);
    for (let word = 0; word < 3; word++) {
      const at = header + 4 * word;
      const upper = word === 2 ? 0 : (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      const value = bytes[at]! | (bytes[at + 1]! << 8) | upper;
      words[EXACT_AT + EXACT.VNET + word] = value;
      any |= value;
    }
    if (any === 0) return this.#plain;
    words[EXACT_AT + EXACT.TAG] = tag;
    words[EXACT_AT + EXACT.FLAGS] = (hasTag ? HAS_TAG : 0) | (isCut ? IS_CUT : 0);
    return this.#exact;
  }

  /** What others have done to the FDB since the last batch. */
  #noteFdbChanges(): void {
    if (this.#isStale || this.#watch.isTouched) this.#followFdb();
  }

  /** An image costs milliseconds, so there are only so many: until the next one nothing need come out the same. */
  #followFdb(): void {
    if (this.#imagedTick !== this.#tick) this.#images = 0;
    this.#imagedTick = this.#tick;
    if (++this.#images > this.#parts.orders.imagesPerTickMax) {
      this.#isStale = true;
      this.#isDisturbed = true;
      return;
    }
    // What was flooded by another table has taken tokens that it does not take again.
    if (this.#isStale) this.noteStorms();
    this.#isStale = false;
    this.#noteFdb(Area.FDB);
  }

  #noteFdb(area: number): void {
    let isQuiet = false;
    for (let tries = 0; tries < SETTLE_TRIES && !isQuiet; tries++) isQuiet = this.#watch.settle();
    this.#image(area, this.#watch.words);
    // Who changed it while it was copied has spoiled the copy: what is decided by it need not come out the same.
    if (!isQuiet || this.#watch.isTouched) this.#isDisturbed = true;
  }

  /** A port that went leaves its token to nobody. */
  #noteTokens(): void {
    const { probeTokens } = this.#parts.board;
    const tokens = new Int32Array(probeTokens.slice().buffer);
    if (tokens.length === this.#tokens.length && tokens.every((word, k) => word === this.#tokens[k])) return;
    this.#tokens = tokens;
    this.#image(Area.PROBE_TOKENS, tokens);
  }

  #noteTurn(): void {
    this.#writer.local(RECORDING_BLOCK, Int32Array.of(Note.TURN, this.#tick, this.#msWords[0]!, this.#msWords[1]!));
    this.#isTurnNoted = true;
    this.#notedTick = this.#tick;
  }

  #noteOutcome(outcome: Int32Array): void {
    const body = new Int32Array(1 + outcome.length);
    body[0] = Note.BATCH;
    body.set(outcome, 1);
    this.#writer.local(RECORDING_BLOCK, body);
  }

  #image(area: number, words: Int32Array, load = 0, table = 0): void {
    const image = imageOf(words);
    const body = new Int32Array(5 + image.length);
    body.set([Note.IMAGE, area, load, table, words.length]);
    body.set(image, 5);
    this.#writer.local(RECORDING_BLOCK, body);
    this.#publish(0);
  }

  #note(note: number, value: object): void {
    this.#writer.local(RECORDING_BLOCK, jsonNote(note, value));
    this.#publish(0);
  }

  /** Lets the reader have what is complete; where there is no room for it, the recording has ended before it. */
  #publish(frames: number): void {
    const blocks = this.#writer.take();
    if (!this.isOver && !this.#buffer.add(blocks, frames)) this.end('size');
  }
}
