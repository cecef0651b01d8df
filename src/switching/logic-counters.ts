/**
 * What a loaded logic counts: a row of doubles per worker in shared memory, with one writer each. First what the switch counts
 * of it, then its drop reasons, then its own counters.
 */
import type { AnyLogic } from './logic.ts';

/** Columns that every logic has. */
export const LogicCount = {
  /** Frames it was asked for. */
  FRAMES: 0,
  /** Frames it gave a verdict; the others it left to whom is asked next. */
  DECIDED: 1,
  FAULTS: 2,
  /** Frames of its own that were sent. */
  SENT: 3,
  /** Copies of frames beside their verdict. */
  COPIES: 4,
  /** Own frames and copies that were refused. */
  REFUSED: 5,
  /** In shadow: frames whose fate was compared with the live one, and those for which it differs. */
  COMPARED: 6,
  DIFFERENT: 7,
  /** Microseconds spent in it. */
  MICROS: 8,
  /** Microseconds for which the worker took no frames when it took this version up, or took it up anew, the last time. */
  EXCHANGE_MICROS: 9,
} as const;
export const FIRST_OWN_COUNT = 10;

export class LogicCounter {
  readonly #counts: Float64Array;
  readonly #at: number;

  constructor(counts: Float64Array, at: number) {
    this.#counts = counts;
    this.#at = at;
  }

  add(amount = 1): void {
    this.#counts[this.#at] = this.#counts[this.#at]! + amount;
  }
}

export function dropNamesOf(logic: Pick<AnyLogic, 'drops'>): string[] {
  return Object.keys(logic.drops ?? {});
}

export function counterNamesOf(logic: Pick<AnyLogic, 'counters'>): string[] {
  return Object.keys(logic.counters ?? {});
}

/** Doubles of one worker's row. */
export function rowLength(drops: number, counters: number): number {
  return FIRST_OWN_COUNT + drops + counters;
}
