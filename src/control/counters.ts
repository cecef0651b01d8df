/** Reads the workers' counter rows into the statistics that users see. */
import { PORTS_MAX } from '../limits.ts';
import { type Board, Counter, FIRST_DROP_COUNTER, ROW_COUNTERS } from '../shared/board.ts';
import { Drop, DROP_NAMES } from '../switching/drop-reasons.ts';
import type { PortStats, StatsView } from './model.ts';

/** One port's counters, summed over the workers; a copy. */
export function readRow(board: Board, workers: number, handle: number): Float64Array {
  const sum = new Float64Array(ROW_COUNTERS);
  for (let worker = 0; worker < workers; worker++) {
    const row = board.row(worker, handle);
    for (let k = 0; k < ROW_COUNTERS; k++) sum[k] = sum[k]! + board.counters[row + k]!;
  }
  return sum;
}

export function addRow(into: Float64Array, row: Float64Array): void {
  for (let k = 0; k < ROW_COUNTERS; k++) into[k] = into[k]! + row[k]!;
}

/** Clears a closed port's rows for the next port that gets the handle. No worker may write them any more. */
export function clearRows(board: Board, workers: number, handle: number): void {
  if (handle >= PORTS_MAX) throw new RangeError(`no port has handle ${handle}`);
  for (let worker = 0; worker < workers; worker++) {
    const row = board.row(worker, handle);
    board.counters.fill(0, row, row + ROW_COUNTERS);
  }
}

/** Puts what a full receive ring lost into the row, where no worker counts. */
export function noteOverflow(row: Float64Array, overflowed: number): void {
  row[FIRST_DROP_COUNTER + Drop.RING_OVERFLOW] = overflowed;
}

export function dropsOf(row: Float64Array): Record<string, number> {
  const drops: Record<string, number> = {};
  for (const name of DROP_NAMES) {
    const count = row[FIRST_DROP_COUNTER + Drop[name]]!;
    if (count > 0) drops[name] = count;
  }
  return drops;
}

export function portStats(row: Float64Array): PortStats {
  return {
    rx: {
      frames: row[Counter.RX_FRAMES]!,
      bytes: row[Counter.RX_BYTES]!,
      superFrames: row[Counter.RX_SUPER_FRAMES]!,
      drops: row[FIRST_DROP_COUNTER + Drop.RING_OVERFLOW]!,
    },
    tx: {
      frames: row[Counter.TX_FRAMES]!,
      bytes: row[Counter.TX_BYTES]!,
      superFrames: row[Counter.TX_SUPER_FRAMES]!,
      segments: row[Counter.TX_SEGMENTS]!,
      drops: row[Counter.TX_DROPS]!,
    },
    mirrored: {
      frames: row[Counter.MIRROR_FRAMES]!,
      bytes: row[Counter.MIRROR_BYTES]!,
      drops: row[Counter.MIRROR_DROPS]!,
    },
    drops: dropsOf(row),
  };
}

export function totals(row: Float64Array): StatsView['totals'] {
  return {
    rx: row[Counter.RX_FRAMES]!,
    forwarded: row[Counter.FORWARDED]!,
    flooded: row[Counter.FLOODED]!,
    floodCopies: row[Counter.FLOOD_COPIES]!,
    dropped: row[Counter.DROPPED]!,
    tx: row[Counter.TX_FRAMES]!,
    txDropped: row[Counter.TX_DROPS]!,
  };
}
