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
import * as messageNote from './message-note.ts';
import type { Mirrors } from './mirrors.ts';
import type { OutboundSender } from './outbound.ts';
import type { Recorder } from './recorder.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { EAGAIN, EINVAL, EMSGSIZE, ENOBUFS } = errnos;
const { Counter } = boardLayout;
const { Drop } = dropReasons;
const { NOTE_FRAME, NOTE_KIND, SEGMENT, SUPER, WHOLE } = messageNote;

export interface SenderParts {
  list: GatherList;
  tally: Tally;
  samples: DropSamples;
  recorder: Recorder;
  mirrors: Mirrors;
}

export class Sender implements OutboundSender {
  /** FDB ticks; for samples of what is dropped. */
  now = 0;
  readonly #list: GatherList;
  readonly #tally: Tally;
  readonly #samples: DropSamples;
  readonly #recorder: Recorder;
  readonly #mirrors: Mirrors;
  /** The kinds on the list, or-ed: WHOLE if it holds whole frames only. */
  #kinds = WHOLE;
  /** Why a segment of the super-frame whose last segment is yet to be counted was refused; 0: none was. */
  #segmentErrno = 0;

  constructor({ list, tally, samples, recorder, mirrors }: SenderParts) {
    this.#list = list;
    this.#tally = tally;
    this.#samples = samples;
    this.#recorder = recorder;
    this.#mirrors = mirrors;
  }

  note(kind: number, i: number): number {
    this.#kinds |= kind;
    return kind | (i << NOTE_FRAME);
  }

  flush(port: Port, batch: Batch): void {
    const list = this.#list;
    if (list.count === 0) return;
    port.transmit(list);
    const { handle } = port;
    if (this.#recorder.isActive) this.#recorder.sent(batch, list, handle);
    const isMirrored = this.#mirrors.isActive && this.#mirrors.wantsSent(handle);
    if (this.#kinds !== WHOLE || isMirrored || !this.#countWhole(handle)) this.#countEach(handle, batch, isMirrored);
    this.#kinds = WHOLE;
    list.clear();
  }

  dropAtIngress(batch: Batch, i: number, reason: number): void {
    this.#tally.dropAtIngress(batch.ingress, reason, 1);
    if (this.#recorder.isActive) this.#recorder.droppedAtIngress(batch, i, reason);
    this.#sample(batch, i, batch.ingress, reason);
  }

  dropAtEgress(batch: Batch, i: number, handle: number, reason: DropReason): void {
    this.#tally.dropAtEgress(handle, reason, 1);
    if (this.#recorder.isActive) this.#recorder.droppedAtEgress(batch, i, handle, reason);
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
    this.#countSent(handle, count, bytes);
    return true;
  }

  #countSent(handle: number, frames: number, bytes: number): void {
    this.#tally.add(handle, Counter.TX_FRAMES, frames);
    this.#tally.add(handle, Counter.TX_BYTES, bytes);
    this.#tally.add(handle, Counter.UNSENT, -frames);
  }

  /** Counts how each message fared. */
  #countEach(handle: number, batch: Batch, isMirrored: boolean): void {
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
      if (isMirrored) this.#mirrors.noteSent(list.note[m]! >>> NOTE_FRAME);
    }
    this.#countSent(handle, frames, bytes);
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
