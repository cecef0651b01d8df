/**
 * What the demo puts up and has to take away: namespaces and a daemon. Each is written into a record before it is used,
 * so that the next start can take away what a demo left that was killed; and only that: a namespace is known by its
 * inode, a process by its start time.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { end, isAlive, processId, run } from './processes.ts';
import type { ProcessId } from './processes.ts';

const RECORD = '/run/tswitch/demo.json';
const NETNS_FOLDER = '/run/netns';
const DAEMON_START_MS_MAX = 15_000;
const DAEMON_END_MS_MAX = 10_000;

/** The command line's entry: what the launcher `tswitch` runs. */
export const TSWITCH = join(import.meta.dirname, '../cli/main.ts');

interface StageRecord {
  demo: ProcessId;
  daemon: ProcessId | null;
  namespaces: { name: string; inode: number }[];
}

export class Stage {
  /** Set once the daemon runs; its end is the end of the demo. */
  daemonExit: Promise<string> = new Promise(() => {});
  readonly #socket: string;
  readonly #record: StageRecord;
  readonly #madeFolder: boolean;

  private constructor(socket: string, record: StageRecord, madeFolder: boolean) {
    this.#socket = socket;
    this.#record = record;
    this.#madeFolder = madeFolder;
  }

  /**
   * Takes the stage: removes what a killed demo left on it, and makes sure that nothing of another's stands there.
   * @param say told what was found and removed
   * @throws where a demo or a daemon runs already, or a namespace has one of these names
   */
  static async take(socket: string, namespaces: string[], say: (line: string) => void): Promise<Stage> {
    const madeFolder = mkdirSync(dirname(RECORD), { recursive: true, mode: 0o755 }) !== undefined;
    const stage = new Stage(socket, { demo: ownId(), daemon: null, namespaces: [] }, madeFolder);
    const left = stage.#claimRecord();
    if (left) {
      say('Removing what a demo left behind that was killed.');
      await removeAll(left);
    }
    try {
      if (await isAnswered(socket)) {
        throw new Error(
          `a daemon already holds ${socket}: stop it, or give the demo a socket of its own by TSWITCH_SOCKET`,
        );
      }
      const foreign = namespaces.find((name) => inodeOf(name) !== null);
      if (foreign) {
        throw new Error(
          `the namespace ${foreign} exists and is not the demo's: it needs that name (to remove it: ip netns del ${foreign})`,
        );
      }
    } catch (error) {
      await stage.clear();
      throw error;
    }
    return stage;
  }

  /** Makes a namespace. Not interruptible: between making and recording there must be nothing. */
  async addNamespace(name: string): Promise<void> {
    await run('ip', ['netns', 'add', name]);
    this.#record.namespaces.push({ name, inode: inodeOf(name)! });
    this.#write();
  }

  /** Starts `tswitch serve` and waits until it is ready. Throws the daemon's own error line where it is not. */
  async startDaemon(signal: AbortSignal): Promise<void> {
    // A process group of its own: Ctrl-C is for the demo, which ends the daemon when all else is removed.
    const daemon = spawn(process.execPath, [TSWITCH, 'serve', '--ephemeral', '--socket', this.#socket], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#record.daemon = processId(daemon.pid ?? 0);
    this.#write();
    this.daemonExit = lastWords(daemon);
    const timeout = AbortSignal.timeout(DAEMON_START_MS_MAX);
    const failure = await Promise.race([
      firstLine(daemon),
      this.daemonExit,
      aborted(signal, 'interrupted'),
      aborted(timeout, `the daemon was not ready after ${DAEMON_START_MS_MAX / 1000} s`),
    ]);
    if (failure) throw new Error(failure);
  }

  /** Removes everything, the record last. May be called twice. */
  async clear(): Promise<void> {
    await removeAll(this.#record);
    rmSync(RECORD, { force: true });
    if (this.#madeFolder) removeIfEmpty(dirname(RECORD));
  }

  /** Writes the record as ours. Gives the record of a demo that is dead; throws if one is alive. */
  #claimRecord(): StageRecord | null {
    try {
      writeFileSync(RECORD, JSON.stringify(this.#record), { flag: 'wx' });
      return null;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const left = readRecord();
    if (left && isAlive(left.demo)) throw new Error(`a demo already runs (pid ${left.demo.pid}): stop it first`);
    return left;
  }

  #write(): void {
    writeFileSync(`${RECORD}.new`, JSON.stringify(this.#record));
    renameSync(`${RECORD}.new`, RECORD);
  }
}
