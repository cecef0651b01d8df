/**
 * What the next life of a daemon must know of this one should it die: which logics it asked, and whether a worker was inside of one.
 * Workers write the id of a logic into memory of a file as they enter and leave it; what they wrote last is there when the process
 * is gone, however it went. A logic that the daemon died in is held back: kept, and not loaded until somebody asks for it. So are
 * all of them, when it died twice within a minute of its start.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { faultFields, type Log } from '../log.ts';
import type { WishedLogic } from '../wish/wish.ts';

/** A daemon that lives longer than that did not die of what it was loaded with. */
const EARLY_MS = 60_000;
const EARLY_ENDS_MAX = 2;
/** Each worker has whole pages of its own, whatever their size is. */
export const MARK_BYTES = 65_536;
/** Memory, whose pages nobody writes to a disk meanwhile: a worker would have to wait for that. */
const MEMORY_FOLDER = '/dev/shm';
const FILE_MODE = 0o600;

const askedSchema = z.object({
  name: z.string(),
  file: z.string(),
  sha256: z.string(),
  params: z.record(z.string(), z.unknown()),
  shadow: z.boolean(),
});
const lifeSchema = z.object({
  boot: z.string(),
  startedAt: z.string(),
  /** The file of marks. */
  marks: z.string(),
  /** By the ids that workers know them by. */
  logics: z.array(askedSchema.extend({ id: z.number() })),
  /** It has lived for so long that its logics are not the cause, should it die. */
  hasLasted: z.boolean(),
  /** How often, in a row until now, it died early, with what. */
  earlyEnds: z.number(),
  earlyLogics: z.string(),
});
const contentSchema = z.object({
  held: z.array(askedSchema.extend({ reason: z.string() })),
  /** Null: it ended in order. */
  run: lifeSchema.nullable(),
});

/** A logic as it was asked; bindings do not matter. */
export type AskedLogic = Pick<WishedLogic, 'name' | 'file' | 'sha256' | 'params' | 'shadow'>;
type Content = z.infer<typeof contentSchema>;
type Run = z.infer<typeof lifeSchema>;

export interface RunRecordOptions {
  workers: number;
  /** The kernel's run: with the machine everything ends, and nothing follows from that. */
  boot: string;
  log: Log;
}

export class RunRecord {
  /**
   * Told once, before the first logic runs, where workers mark the one that they are in: MARK_BYTES of this file for each, whose first
   * word is its id, or 0. Behind these is the same for the one that is checked.
   */
  onMarks: (fd: number) => void = () => {};
  readonly #path: string;
  readonly #options: RunRecordOptions;
  #fd = -1;
  #isClosed = false;
  #timer: NodeJS.Timeout | null = null;
  /** Null: no logic was asked or checked yet. */
  #run: Run | null = null;
  readonly #early: Pick<Run, 'earlyEnds' | 'earlyLogics'>;
  /** What workers are told of, and what is checked. */
  #asked: Run['logics'] = [];
  #checked: Run['logics'] = [];
  #held: Content['held'];

  /**
   * Reads what the life before left.
   *
   * @param path of the record
   */
  constructor(path: string, options: RunRecordOptions) {
    this.#path = path;
    this.#options = options;
    const before = this.#read();
    const end = before.run && endOf(before.run, options.boot);
    this.#held = end?.held.reduce(withHeld, before.held) ?? before.held;
    this.#early = { earlyEnds: end?.earlyEnds ?? 0, earlyLogics: end?.earlyLogics ?? '' };
    if (!before.run) return;
    rmSync(before.run.marks, { force: true });
    this.#write();
  }

  /** Why it must not be loaded unless somebody asks for it; null: it may. */
  whyHeld(logic: Omit<AskedLogic, 'name'>): string | null {
    return this.held(logic)?.reason ?? null;
  }

  held(logic: Omit<AskedLogic, 'name'>): (AskedLogic & { reason: string }) | null {
    return this.#held.find((each) => isSame(each, logic)) ?? null;
  }

  /** Somebody asked for it, and it is loaded. */
  loaded(logic: AskedLogic): void {
    this.#hold((each) => !isSame(each, logic) && (each.name !== logic.name || each.shadow !== logic.shadow));
  }

  /** Nobody wants it any more. @param shadow null: both */
  unloaded(name: string, shadow: boolean | null): void {
    this.#hold((each) => each.name !== name || (shadow !== null && each.shadow !== shadow));
  }

  /** Its code is run for a check; null: no more. */
  checks(logic: (AskedLogic & { id: number }) | null): void {
    this.#checked = logic ? [asEntry(logic)] : [];
    if (logic) this.#begin();
    if (this.#fd >= 0) writeSync(this.#fd, wordOf(logic?.id ?? 0), 0, 4, this.#options.workers * MARK_BYTES);
  }

  /** Workers are about to be told of these, and of no others. */
  asks(logics: readonly (AskedLogic & { id: number })[]): void {
    this.#asked = logics.map(asEntry);
    if (this.#run || logics.length > 0) this.#begin();
  }

  /** The daemon ends in order. */
  close(): void {
    this.#isClosed = true;
    if (!this.#run) return;
    clearTimeout(this.#timer ?? undefined);
    closeSync(this.#fd);
    this.#fd = -1;
    rmSync(this.#run.marks, { force: true });
    this.#run = null;
    this.#write();
  }

  #hold(stays: (held: AskedLogic) => boolean): void {
    const held = this.#held.filter(stays);
    if (held.length === this.#held.length) return;
    this.#held = held;
    this.#write();
  }

  /** Without a record logics run all the same. */
  #begin(): void {
    if (this.#isClosed) return;
    try {
      if (!this.#run) this.#open();
    } catch (error) {
      this.#warn('cannot note which logics run', error);
    }
    this.#write();
  }

  #open(): void {
    const { workers, boot } = this.#options;
    const [fd, marks] = openMarks(this.#path, (workers + 1) * MARK_BYTES);
    this.#fd = fd;
    const livedMs = performance.now();
    const startedAt = new Date(Date.now() - livedMs).toISOString();
    this.#run = { boot, startedAt, marks, logics: [], hasLasted: livedMs > EARLY_MS, ...this.#early };
    this.#timer = setTimeout(() => this.#last(), Math.max(0, EARLY_MS - livedMs)).unref();
    this.onMarks(fd);
  }

  #warn(message: string, error: unknown): void {
    this.#options.log.warn(message, { file: this.#path, ...faultFields(error) });
  }

  #last(): void {
    if (this.#run) this.#run.hasLasted = true;
    this.#write();
  }

  #read(): Content {
    try {
      return contentSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      const isThere = !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
      if (isThere) this.#warn('cannot read which logics the daemon ran before', error);
      return { held: [], run: null };
    }
  }

  #write(): void {
    const run = this.#run;
    try {
      const logics = [...this.#asked, ...this.#checked];
      const text = JSON.stringify({ held: this.#held, run: run && { ...run, logics } } satisfies Content);
      writeFileSync(`${this.#path}.new`, text, { mode: FILE_MODE });
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#warn('cannot note which logics run', error);
    }
  }
}

/** What follows from the end of a life that did not end in order. */
function endOf(
  { boot, startedAt, marks, logics, hasLasted, earlyEnds, earlyLogics }: Run,
  bootNow: string,
): { held: Content['held']; earlyEnds: number; earlyLogics: string } {
  const nothing = { held: [], earlyEnds: 0, earlyLogics: '' };
  if (boot !== bootNow || logics.length === 0) return nothing;
  const entered = readMarks(marks);
  const suspects = logics.filter(({ id }) => entered.has(id));
  if (suspects.length > 0) {
    const reason = `the daemon that started at ${startedAt} died while this logic ran (of it, or by a kill from outside: nobody can tell)`;
    return { ...nothing, held: suspects.map((each) => ({ ...each, reason })) };
  }
  if (hasLasted) return nothing;
  const digest = JSON.stringify(logics.map(({ id: _, ...each }) => each));
  const ends = digest === earlyLogics ? earlyEnds + 1 : 1;
  if (ends < EARLY_ENDS_MAX) return { held: [], earlyEnds: ends, earlyLogics: digest };
  const reason = `the daemon died ${ends} times within a minute of its start with the same logics, the last time after its start at ${startedAt}`;
  return { ...nothing, held: logics.map((each) => ({ ...each, reason })) };
}

/** The ids of those that somebody was in. */
function readMarks(path: string): Set<number> {
  try {
    const bytes = Uint8Array.from(readFileSync(path));
    const words = new Int32Array(bytes.buffer);
    return new Set(words.filter((id, at) => id !== 0 && (at * 4) % MARK_BYTES === 0));
  } catch {
    return new Set();
  }
}

/** @returns its descriptor and its path */
function openMarks(record: string, bytes: number): [number, string] {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const name = `tswitch-${randomUUID()}`;
  const open = (path: string): [number, string] => [openSync(path, flags, FILE_MODE), path];
  let opened: [number, string];
  try {
    opened = open(join(MEMORY_FOLDER, name));
  } catch {
    opened = open(join(dirname(record), name));
  }
  ftruncateSync(opened[0], bytes);
  return opened;
}

function withHeld(held: Content['held'], logic: Content['held'][number]): Content['held'] {
  return [...held.filter((each) => !isSame(each, logic)), logic];
}

function isSame(one: Omit<AskedLogic, 'name'>, other: Omit<AskedLogic, 'name'>): boolean {
  const isSameCode = one.file === other.file && one.sha256 === other.sha256;
  return isSameCode && one.shadow === other.shadow && JSON.stringify(one.params) === JSON.stringify(other.params);
}

function asEntry({ id, name, file, sha256, params, shadow }: AskedLogic & { id: number }): Run['logics'][number] {
  return { id, name, file, sha256, params, shadow };
}

function wordOf(id: number): Uint8Array {
  return new Uint8Array(new Int32Array([id]).buffer);
}
