/** Whether everything that is derived from an FDB's entries fits them: counts, lists, the tournament. For a table at rest. */
import { expect } from 'vitest';
import { PORTS_MAX } from '../../src/limits.ts';
import {
  COUNT,
  ENTRY_WORDS,
  FdbMemory,
  GIVEN,
  HANDLE_MASK,
  HIGH,
  KIND_DYNAMIC,
  KIND_STICKY,
  kindOf,
  LIMIT,
  LINK_WORDS,
  LIST,
  LOCK,
  LOW,
  META,
  NEXT,
  PREV,
  SLOTS,
  STICKY_CALENDAR,
} from '../../src/switching/fdb-layout.ts';

export function expectConsistent(buffer: SharedArrayBuffer): void {
  const memory = new FdbMemory(buffer);
  const { header, entries, heads, links, filled, counts, tournament } = memory;
  const keys = new Set<string>();
  const learned = new Int32Array(PORTS_MAX);
  const calendarOf = new Map<number, number>();
  let given = 0;
  for (let at = 0; at < entries.length; at += ENTRY_WORDS) {
    const kind = kindOf(entries[at + META]!);
    if (kind === 0) continue;
    keys.add(`${entries[at + HIGH]!} ${entries[at + LOW]!}`);
    const handle = entries[at + META]! & HANDLE_MASK;
    const place = at / ENTRY_WORDS;
    if (kind === KIND_DYNAMIC) {
      learned[handle] = learned[handle]! + 1;
      calendarOf.set(place, handle);
    } else {
      given++;
      if (kind === KIND_STICKY) calendarOf.set(place, STICKY_CALENDAR);
    }
  }
  expect(header[LOCK]).toBe(0);
  expect(header[COUNT]).toBe(keys.size);
  expect(header[COUNT]).toBeLessThanOrEqual(header[LIMIT]!);
  expect(header[GIVEN]).toBe(given);
  expect(counts).toEqual(learned);
  const most = Math.max(...learned);
  if (most > 0) expect(learned[tournament[1]! - 1]).toBe(most);

  const listed = new Set<number>();
  for (let list = 0; list < heads.length; list++) {
    if (heads[list] === 0 && filled[list >>> 5] === 0) continue;
    expect((filled[list >>> 5]! >>> (list & 31)) & 1).toBe(heads[list] === 0 ? 0 : 1);
    let before = 0;
    for (let next = heads[list]!; next !== 0; next = links[(next - 1) * LINK_WORDS + NEXT]!) {
      const place = next - 1;
      if (listed.has(place)) expect.fail(`the entry at ${place} stands in two lists, or twice in one`);
      listed.add(place);
      expect(links[place * LINK_WORDS + LIST]).toBe(list + 1);
      expect(links[place * LINK_WORDS + PREV]).toBe(before);
      expect(Math.floor(list / SLOTS)).toBe(calendarOf.get(place));
      before = next;
    }
  }
  expect(listed.size).toBe(calendarOf.size);
}
