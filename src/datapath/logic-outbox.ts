/**
 * What loaded logics send beside verdicts, kept until the batch is done: copies of its frames, and frames of their own, which
 * are copied here into memory that the gather list reaches.
 */
import { Batch } from '../frame/batch.ts';
import * as ethernet from '../frame/ethernet.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import { clearVnetHeader } from '../frame/vnet-header.ts';
import * as limits from '../limits.ts';
import { LogicCount } from '../switching/logic-counters.ts';
import { innerKey } from '../switching/inner-tag.ts';
import type { LogicContext, LogicSender } from '../switching/logic.ts';
import * as portTable from '../switching/port-table.ts';
import type { Egress } from './egress.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { HEADER_BYTES } = ethernet;
const { LOGIC_FRAME_BYTES_MAX, LOGIC_FRAMES_MAX, LOGIC_SLOT_BYTES } = limits;
const { VNET_HEADER_BYTES } = vnetHeader;
const { SET_UP } = portTable;

/** Copies of one batch. */
export const LOGIC_COPIES_MAX = 1024;

export class LogicOutbox implements LogicSender {
  readonly #context: LogicContext;
  /** The frames of their own; the verdict is the egress port. */
  readonly #own: Batch;
  readonly #at: number;
  readonly #copied = new Uint16Array(LOGIC_COPIES_MAX);
  readonly #copyTo = new Uint16Array(LOGIC_COPIES_MAX);
  #copies = 0;
  #counts: Float64Array = new Float64Array(LogicCount.MICROS + 1);
  #markOwn = 0;
  #markCopies = 0;

  /** @param at offset of LOGIC_BUFFER_BYTES in the bytes */
  constructor(context: LogicContext, bytes: Uint8Array, at: number) {
    this.#context = context;
    this.#own = new Batch(bytes);
    this.#at = at;
  }

  /** What is sent from now on is this logic's, and can be taken back as a whole. @param counts its row */
  begin(counts: Float64Array): void {
    this.#counts = counts;
    this.#markOwn = this.#own.count;
    this.#markCopies = this.#copies;
  }

  takeBack(): void {
    this.#own.count = this.#markOwn;
    this.#copies = this.#markCopies;
  }

  send(handle: number, vlan: number, frame: Uint8Array, length = frame.length): boolean {
    const { ports } = this.#context;
    const own = this.#own;
    const isRight = length >= HEADER_BYTES && length <= LOGIC_FRAME_BYTES_MAX && length <= frame.length;
    if (!isRight || own.count === LOGIC_FRAMES_MAX || !isOpen(ports, handle) || !ports.carries(handle, vlan)) {
      return this.#count(LogicCount.REFUSED, false);
    }
    const i = own.count++;
    const header = this.#at + i * LOGIC_SLOT_BYTES;
    const at = header + VNET_HEADER_BYTES;
    clearVnetHeader(own.bytes, header);
    for (let k = 0; k < length; k++) own.bytes[at + k] = frame[k]!;
    own.offset[i] = at;
    own.length[i] = length;
    own.tpid[i] = 0;
    own.tci[i] = 0;
    own.vlan[i] = vlan;
    own.verdict[i] = handle;
    return this.#count(LogicCount.SENT, true);
  }

  copy(batch: Batch, i: number, handle: number): boolean {
    const { ports, reach } = this.#context;
    const mayLeave =
      isOpen(ports, handle) && reach.verdict(batch, i, innerKey(batch, i, reach.tunnelled), handle) === handle;
    return mayLeave ? this.#copy(i, handle) : this.#count(LogicCount.REFUSED, false);
  }

  mirror(_batch: Batch, i: number, handle: number): boolean {
    return isOpen(this.#context.ports, handle) ? this.#copy(i, handle) : this.#count(LogicCount.REFUSED, false);
  }

  /** Sends all there is. @param batch that the copies are of; null: there can be none */
  flush(egress: Egress, batch: Batch | null): void {
    if (batch !== null && this.#copies > 0) egress.sendCopies(batch, this.#copied, this.#copyTo, this.#copies);
    this.#copies = 0;
    if (this.#own.count > 0) egress.sendOwn(this.#own);
    this.#own.count = 0;
  }

  #copy(i: number, handle: number): boolean {
    if (this.#copies === LOGIC_COPIES_MAX) return this.#count(LogicCount.REFUSED, false);
    this.#copied[this.#copies] = i;
    this.#copyTo[this.#copies++] = handle;
    return this.#count(LogicCount.COPIES, true);
  }

  #count(column: number, answer: boolean): boolean {
    this.#counts[column] = this.#counts[column]! + 1;
    return answer;
  }
}

/** For logics in shadow: nothing leaves. */
export const mutedSender: LogicSender = { send: () => true, copy: () => true, mirror: () => true };

function isOpen(ports: LogicContext['ports'], handle: number): boolean {
  return handle >= 0 && ports.names[handle] !== undefined && ports.isIn(SET_UP, handle);
}
