/**
 * What a daemon keeps beyond its own end: the wish, a document that waits to be confirmed, and what it knew its ports' namespaces
 * by. As text it carries a digest, since a byte that flipped in a row passes SQLite's own checks.
 */
import type { NetnsMemory } from '../attach/netns-memory.ts';
import type { Pending, Wish } from '../wish/wish.ts';
import { MIGRATIONS, type Migration } from './migrations.ts';
import { isWhole, type Sealed, sealText } from './sealed-file.ts';

export interface Kept {
  /** Tells what this daemon made from what others made, in all of its lives; hexadecimal digits. */
  instance: string;
  /** Counts the acknowledged changes, over all lives. */
  generation: number;
  /** When it was kept: RFC 3339, UTC. */
  time: string;
  /** The kernel's run (/proc/sys/kernel/random/boot_id): another one has other pids and other inodes. */
  boot: string;
  wish: Wish;
  pending: Pending | null;
  /** By the port's name. */
  namespaces: [string, NetnsMemory][];
}

/** What was found in one of the files; all null: nothing was ever kept there. */
export interface Found {
  /** The newest that is whole. */
  kept: Kept | null;
  /** What is wrong with the file, in words. */
  damage: string | null;
  /** A later version of tswitch wrote it, in this schema. */
  newer: number | null;
}

export const NOTHING: Found = { kept: null, damage: null, newer: null };

export function damaged(damage: string): Found {
  return { ...NOTHING, damage };
}

export function seal(kept: Kept, migrations: readonly Migration[] = MIGRATIONS): Sealed {
  return sealText(migrations.length, JSON.stringify(kept));
}

/** Brings what an earlier version wrote to the present format. */
export function unseal(sealed: Sealed, migrations: readonly Migration[] = MIGRATIONS): Found {
  const { schema, text } = sealed;
  if (!isWhole(sealed)) return damaged('its content does not match its digest');
  if (schema > migrations.length) return { ...NOTHING, newer: schema };
  const read: unknown = JSON.parse(text);
  const kept = migrations.slice(schema).reduce((document, { upgrade }) => upgrade(document), read);
  return isKept(kept) ? { ...NOTHING, kept } : damaged('it holds something else than a state of tswitch');
}

/** What each port means is checked where it is added. */
function isKept(value: unknown): value is Kept {
  if (!isRecord(value) || !isRecord(value['wish'])) return false;
  const { instance, generation, time, boot, pending, namespaces, wish } = value;
  return (
    [instance, time, boot].every((field) => typeof field === 'string') &&
    Number.isSafeInteger(generation) &&
    isRecord(wish['switch']) &&
    Array.isArray(wish['ports']) &&
    Array.isArray(wish['fdb']) &&
    (pending === null ||
      (isRecord(pending) && isRecord(pending['previous']) && typeof pending['until'] === 'string')) &&
    Array.isArray(namespaces)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
