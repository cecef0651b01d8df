/** Learns the source of a frame, and says what of it is worth telling. */
import type { Happenings } from '../shared/happenings.ts';
import * as happenings from '../shared/happenings.ts';
import * as dropReasons from './drop-reasons.ts';
import * as fdb from './fdb.ts';
import type { Fdb } from './fdb.ts';
import type { LogicContext } from './logic.ts';
import * as verdicts from './verdict.ts';
import { drop } from './verdict.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { HELD, LEARNED: NOTE_LEARNED, MOVED: NOTE_MOVED } = happenings;
const { Drop } = dropReasons;
const { HELD_NOW, LEARNED, MOVED, PINNED, UNCHANGED } = fdb;
const { UNDECIDED } = verdicts;

export class Learner {
  readonly #fdb: Fdb;
  readonly #happenings: Happenings;

  constructor({ fdb, happenings }: LogicContext) {
    this.#fdb = fdb;
    this.#happenings = happenings;
  }

  /**
   * Notes that the address was seen on the port.
   * @param learns whether the port learns; if not, only addresses given on other ports matter
   * @returns UNDECIDED, or the drop verdict of a frame whose source is given on another port
   */
  see(high: number, low: number, handle: number, learns: boolean, now: number): number {
    const fdb = this.#fdb;
    if (!learns) {
      const isPinned = fdb.givenCount > 0 && fdb.isPinnedElsewhere(high, low, handle, now);
      return isPinned ? drop(Drop.SOURCE_PINNED) : UNDECIDED;
    }
    const done = fdb.learn(high, low, handle, now);
    if (done === UNCHANGED) return UNDECIDED;
    if (done === PINNED) return drop(Drop.SOURCE_PINNED);
    if (done === LEARNED) this.#happenings.noteFdb(NOTE_LEARNED, handle, handle, high, low, now);
    else if (done === MOVED) this.#happenings.noteFdb(NOTE_MOVED, handle, fdb.movedFrom, high, low, now);
    else if (done === HELD_NOW) this.#noteHeld(high, low, handle, now);
    return UNDECIDED;
  }

  /** The address is held on its home port, which may be this one. */
  #noteHeld(high: number, low: number, handle: number, now: number): void {
    const home = this.#fdb.lookup(high, low, now);
    const other = home === handle ? this.#fdb.movedFrom : handle;
    this.#happenings.noteFdb(HELD, home < 0 ? handle : home, other, high, low, now);
  }
}
