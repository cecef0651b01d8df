/** Sends mirrored copies and counts them, at the port that they are for: what left, and what did not. */
import type { Batch } from '../frame/batch.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Port } from '../ports/port.ts';
import * as boardLayout from '../shared/board.ts';
import * as messageNote from './message-note.ts';
import type { OutboundSender } from './outbound.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { Counter } = boardLayout;
const { NOTE_KIND, SEGMENT } = messageNote;

export class CopySender implements OutboundSender {
  readonly #list: GatherList;
  readonly #tally: Tally;
  /** A segment of the super-frame whose last segment is yet to be counted was refused. */
  #lacksSegment = false;

  constructor(list: GatherList, tally: Tally) {
    this.#list = list;
    this.#tally = tally;
  }

  note(kind: number): number {
    return kind;
  }

  flush(port: Port): void {
    const list = this.#list;
    if (list.count === 0) return;
    port.transmit(list);
    let frames = 0;
    let drops = 0;
    let bytes = 0;
    for (let m = 0; m < list.count; m++) {
      const kind = list.note[m]! & NOTE_KIND;
      let isRefused = list.status[m] !== 0;
      if (!isRefused) bytes += list.wireBytes[m]!;
      if (kind >= SEGMENT) {
        this.#lacksSegment ||= isRefused;
        if (kind === SEGMENT) continue;
        isRefused = this.#lacksSegment;
        this.#lacksSegment = false;
      }
      if (isRefused) drops++;
      else frames++;
    }
    this.#tally.add(port.handle, Counter.MIRROR_FRAMES, frames);
    this.#tally.add(port.handle, Counter.MIRROR_BYTES, bytes);
    if (drops > 0) this.#tally.add(port.handle, Counter.MIRROR_DROPS, drops);
    list.clear();
  }

  dropAtEgress(_batch: Batch, _i: number, handle: number): void {
    this.#tally.add(handle, Counter.MIRROR_DROPS, 1);
  }
}
