/**
 * What the demo puts up and takes away: namespaces and a daemon. All of it stands in a record, so that the next start
 * can take away what a demo left that was killed; and only that: a namespace is known by its inode, a process by its
 * start time.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Owner, removeLeftovers } from '../control/plumbing/ownership.ts';
import { endProcess, isAlive, processId, run } from './processes.ts';
import type { ProcessId } from './processes.ts';

const RECORD = '/run/tswitch/demo.json';
const DAEMON_START_MS_MAX = 15_000;
const DAEMON_END_MS_MAX = 10_000;

/** What the launcher `tswitch` runs. */
export const TSWITCH = join(import.meta.dirname, '../cli/main.ts');

interface StageRecord {
  demo: ProcessId;
  socket: string;
  daemon: ProcessId | null;
  namespaces: { name: string; inode: number }[];
  /** The record's folder was made too, and goes when nothing else is in it. */
  madeFolder: boolean;
}

export class Stage {
  /** Settles when the daemon has ended, with its last words. */
  daemonEnd: Promise<string> = new Promise(() => undefined);
  readonly #record: StageRecord;

  private constructor(record: StageRecord) {
    this.#record = record;
  }

  /**
   * Takes the stage: removes what a killed demo left there, and touches nothing of anyone else's.
   * @param namespaces names that must be free
   * @param say told what is removed
   * @throws Error where a demo or a daemon runs already, or a namespace has one of the names
   */
  static async take(socket: string, namespaces: string[], say: (line: string) => void): Promise<Stage> {
    const left = readRecord();
    if (left) {
      if (isAlive(left.demo)) throw new Error(`a demo runs already (pid ${left.demo.pid}): stop that one first`);
      say('removing what a demo left behind that was killed');
      await removeAll(left);
    }
    if (await isAnswered(socket)) {
      throw new Error(`a daemon already holds ${socket}: stop it, or set TSWITCH_SOCKET to another path for the demo`);
    }
    const taken = namespaces.find((name) => inodeOf(name) !== null);
    if (taken) {
      throw new Error(
        `there is a namespace ${taken} that the demo did not make: rename it, or \`ip netns del ${taken}\``,
      );
    }
    const madeFolder = mkdirSync(dirname(RECORD), { recursive: true, mode: 0o755 }) !== undefined;
    const stage = new Stage({ demo: ownId(), socket, daemon: null, namespaces: [], madeFolder });
    stage.#write();
    return stage;
  }

  async addNamespace(name: string): Promise<void> {
    await run('ip', ['netns', 'add', name]);
    const inode = inodeOf(name);
    if (inode === null) throw new Error(`the namespace ${name} vanished while it was made`);
    this.#record.namespaces.push({ name, inode });
    this.#write();
  }

  /** Starts `tswitch serve` and waits until it is ready. Throws its error line where it does not come up. */
  async startDaemon(stop: AbortSignal): Promise<void> {
    // In a process group of its own: Ctrl-C is for the demo, which ends the daemon in its turn.
    const daemon = spawn(process.execPath, [TSWITCH, 'serve', '--ephemeral', '--socket', this.#record.socket], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.daemonEnd = lastWords(daemon);
    if (daemon.pid !== undefined) this.#record.daemon = processId(daemon.pid);
    this.#write();
    const tooLate = AbortSignal.timeout(DAEMON_START_MS_MAX);
    const ready = once(createInterface(daemon.stdout), 'line', { signal: AbortSignal.any([stop, tooLate]) });
    const failed = this.daemonEnd.then((words) => {
      throw new Error(words);
    });
    try {
      await Promise.race([ready, failed]);
    } catch (error) {
      throw tooLate.aborted ? new Error(`the daemon is not ready after ${DAEMON_START_MS_MAX / 1000} s`) : error;
    } finally {
      ready.catch(() => undefined);
      failed.catch(() => undefined);
    }
  }

  /** Removes everything, the record last. */
  async clear(): Promise<void> {
    await removeAll(this.#record);
  }

  #write(): void {
    writeFileSync(`${RECORD}.new`, JSON.stringify(this.#record));
    renameSync(`${RECORD}.new`, RECORD);
  }
}

async function removeAll(record: StageRecord): Promise<void> {
  // The daemon first: it removes its own ports, which would be lost to it if their namespaces went before.
  if (record.daemon) {
    await endProcess(record.daemon, DAEMON_END_MS_MAX);
    // What it had no chance to remove if it was killed. Whoever answers on the socket by now is another.
    await removeLeftovers(new Owner());
    if (!(await isAnswered(record.socket))) rmSync(record.socket, { force: true });
  }
  for (const { name, inode } of record.namespaces) {
    if (inodeOf(name) === inode) await run('ip', ['netns', 'del', name]);
  }
  rmSync(RECORD, { force: true });
  if (record.madeFolder) removeIfEmpty(dirname(RECORD));
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Someone else keeps a socket there.
  }
}

/** A record that cannot be read tells nothing, so it counts as none. */
function readRecord(): StageRecord | null {
  try {
    return JSON.parse(readFileSync(RECORD, 'utf8')) as StageRecord;
  } catch {
    return null;
  }
}

function ownId(): ProcessId {
  const id = processId(process.pid);
  if (!id) throw new Error('cannot read /proc/self/stat: is /proc mounted?');
  return id;
}

function inodeOf(namespace: string): number | null {
  return statSync(`/run/netns/${namespace}`, { throwIfNoEntry: false })?.ino ?? null;
}

function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(true);
    });
    connection.on('error', () => resolve(false));
  });
}

/** The last line of stderr, where programs say why they end. */
async function lastWords(daemon: ChildProcess): Promise<string> {
  let said = '';
  daemon.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4096);
  });
  const [code, signal] = (await once(daemon, 'close')) as [number | null, NodeJS.Signals | null];
  return said.trim().split('\n').at(-1) || `the daemon ended (${signal ?? `exit code ${code}`})`;
}
