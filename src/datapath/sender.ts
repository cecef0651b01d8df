/**
 * Sends a gather list and counts how each of its messages fared: what left as frames, bytes and segments of the egress port,
 * what was refused as drops.
 */
import * as errnos from '../../native-bindings/abi/errno.ts';
import type { Batch } from '../frame/batch.ts';
import { tagOf } from '../frame/vlan.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Port } from '../ports/port.ts';
import * as boardLayout from '../shared/board.ts';
import type { DropSamples } from '../shared/drop-samples.ts';
import * as dropReasons from '../switching/drop-reasons.ts';
import type { DropReason } from '../switching/drop-reasons.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { EAGAIN, EINVAL, EMSGSIZE, ENOBUFS } = errnos;
const { Counter, FIRST_DROP_COUNTER } = boardLayout;
const { Drop } = dropReasons;

/** What a message is of its frame. */
export const WHOLE = 0;
export const SUPER = 1;
export const SEGMENT = 2;
export const LAST_SEGMENT = 3;

/** A note on a message: what it is of its frame, and the frame's index from NOTE_FRAME on. */
const NOTE_KIND = 3;
const NOTE_FRAME = 2;

export class Sender {
  /** FDB ticks; for samples of what is dropped. */
  now = 0;
  readonly #list: GatherList;
  readonly #tally: Tally;
  readonly #samples: DropSamples;
  /** The kinds on the list, or-ed: WHOLE if it holds whole frames only. */
  #kinds = WHOLE;
  /** Why a segment of the super-frame whose last segment is yet to be counted was refused; 0: none was. */
  #segmentErrno = 0;

  constructor(list: GatherList, tally: Tally, samples: DropSamples) {
    this.#list = list;
    this.#tally = tally;
    this.#samples = samples;
  }

  /** The note on a message that is put on the list. */
  note(kind: number, i: number): number {
    this.#kinds |= kind;
    return kind | (i << NOTE_FRAME);
  }

  /** Sends what is on the list, if anything is, and clears it. */
  flush(port: Port, batch: Batch): void {
    const list = this.#list;
    if (list.count === 0) return;
    port.transmit(list);
    if (this.#kinds !== WHOLE || !this.#countWhole(port.handle)) this.#countEach(port.handle, batch);
    this.#kinds = WHOLE;
    list.clear();
  }

  dropAtIngress(batch: Batch, i: number, reason: number): void {
    this.#tally.add(batch.ingress, FIRST_DROP_COUNTER + reason, 1);
    this.#tally.add(batch.ingress, Counter.DROPPED, 1);
    this.#sample(batch, i, batch.ingress, reason);
  }

  dropAtEgress(batch: Batch, i: number, handle: number, reason: DropReason): void {
    this.#tally.add(handle, FIRST_DROP_COUNTER + reason, 1);
    this.#tally.add(handle, Counter.TX_DROPS, 1);
    this.#sample(batch, i, handle, reason);
  }

  #sample(batch: Batch, i: number, handle: number, reason: number): void {
    const tag = tagOf(batch.tpid[i]!, batch.tci[i]!);
    this.#samples.take(reason, handle, batch.bytes, batch.offset[i]!, batch.length[i]!, tag, this.now);
  }

  /** Counts a list of whole frames that were all sent, as most are; false, and counts nothing, if one was refused. */
  #countWhole(handle: number): boolean {
    const { status, wireBytes, count } = this.#list;
    let refused = 0;
    let bytes = 0;
    for (let m = 0; m < count; m++) {
      refused |= status[m]!;
      bytes += wireBytes[m]!;
    }
    if (refused !== 0) return false;
    this.#tally.add(handle, Counter.TX_FRAMES, count);
    this.#tally.add(handle, Counter.TX_BYTES, bytes);
    return true;
  }

  /** Counts how each message fared. */
  #countEach(handle: number, batch: Batch): void {
    const list = this.#list;
    let frames = 0;
    let bytes = 0;
    let superFrames = 0;
    let segments = 0;
    for (let m = 0; m < list.count; m++) {
      const kind = list.note[m]! & NOTE_KIND;
      let errno = list.status[m]!;
      if (errno === 0) bytes += list.wireBytes[m]!;
      if (kind >= SEGMENT) {
        if (errno === 0) segments++;
        else this.#segmentErrno = errno;
        if (kind === SEGMENT) continue;
        errno = this.#segmentErrno;
        this.#segmentErrno = 0;
      }
      if (errno !== 0) {
        this.dropAtEgress(batch, list.note[m]! >>> NOTE_FRAME, handle, reasonOf(errno));
        continue;
      }
      frames++;
      if (kind === SUPER) superFrames++;
    }
    this.#tally.add(handle, Counter.TX_FRAMES, frames);
    this.#tally.add(handle, Counter.TX_BYTES, bytes);
    if (superFrames > 0) this.#tally.add(handle, Counter.TX_SUPER_FRAMES, superFrames);
    if (segments > 0) this.#tally.add(handle, Counter.TX_SEGMENTS, segments);
  }
}

function reasonOf(errno: number): DropReason {
  if (errno === EAGAIN || errno === ENOBUFS) return Drop.EGRESS_FULL;
  if (errno === EMSGSIZE) return Drop.OVER_MTU;
  if (errno === EINVAL) return Drop.BAD_OFFLOAD;
  return Drop.EGRESS_FAILED;
}
