/** Copies a table that others go on changing: entry by entry, each as it was at one moment. */
import { FdbIndex } from './fdb-index.ts';
import {
  AGEING,
  ENTRY_WORDS,
  FdbMemory,
  HIGH,
  HOLD,
  HOME,
  kindOf,
  LIMIT,
  linkOf,
  LOCK,
  LOW,
  META,
  MOVE_LIMIT,
  MOVES,
  SEED,
  SEEN,
  WINDOW,
} from './fdb-layout.ts';
import { FdbWriter } from './fdb-writer.ts';

const OWNER = 1;

/** @param spare an earlier copy that nobody uses any more: taken if it has the right size */
export function copyTable(buffer: SharedArrayBuffer, spare: SharedArrayBuffer | null): SharedArrayBuffer {
  const from = new FdbMemory(buffer);
  const { header } = from;
  const copy =
    spare?.byteLength === buffer.byteLength
      ? spare
      : FdbMemory.allocate({ limit: header[LIMIT]!, ageingTicks: header[AGEING]!, seed: header[SEED]! });
  const into = new FdbMemory(copy);
  for (const word of [LIMIT, AGEING, SEED, MOVE_LIMIT, HOLD]) into.header[word] = header[word]!;
  into.limits.set(from.limits);
  for (let at = 0; at < from.entries.length; at += ENTRY_WORDS) {
    if (kindOf(into.entries[at + META]!) !== 0) into.entries[at + META] = 0;
    if (kindOf(from.entries[at + META]!) !== 0) copyPlace(from, into, at);
  }
  // What is left is what a dead owner leaves behind: entries without counts and order.
  into.header[LOCK] = OWNER;
  new FdbWriter(into, new FdbIndex(into), OWNER).repair(OWNER);
  return copy;
}

function copyPlace(from: FdbMemory, into: FdbMemory, at: number): void {
  const meta = Atomics.load(from.entries, at + META);
  const link = linkOf(at);
  for (const word of [HIGH, LOW, SEEN]) into.entries[at + word] = from.entries[at + word]!;
  for (const word of [MOVES, WINDOW, HOME]) into.links[link + word] = from.links[link + word]!;
  if (Atomics.load(from.entries, at + META) === meta) into.entries[at + META] = meta;
}
