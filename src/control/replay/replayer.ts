/** Has a recording replayed in a thread of its own (sdk/replay-task.ts): no daemon, no root, no kernel but for reading files. */
import { rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Piscina } from 'piscina';
import { programFile } from '../../program-file.ts';
import type { ReplayLogicFile, ReplayReport, ReplayResult, ReplayTask } from '../../shared/replay-report.ts';
import { TswitchError } from '../errors.ts';
import { frameSummary } from '../frame-summary.ts';
import { makeOwnFolder } from '../logic/own-folder.ts';
import { Staging } from '../logic/staging.ts';
import { RECORDING_LIMITS } from '../recording/recording-bounds.ts';

const TASK_FILE = programFile(import.meta.url, '../../sdk/replay-task');
/** What is sent to keep a connection alive comes on top. */
const FILE_BYTES_MAX = RECORDING_LIMITS.bytesMax + 1024 * 1024;
/** How often it is looked whether it gets on. */
const LOOK_MS = 100;
/** So long, in seconds, a logic may take for one batch, unless told otherwise. */
export const REPLAY_TIMEOUT_SECONDS = 30;

export interface ReplayRequest {
  file: string;
  /** Files with logics. */
  logic?: string;
  against?: string;
  params?: object;
  /** It is given up if it does not get on for so long. */
  timeoutSeconds?: number;
}

export interface ReplayView extends Omit<ReplayReport, 'difference'> {
  file: string;
  /** With the frame in words. */
  difference: (NonNullable<ReplayReport['difference']> & { summary: string | null }) | null;
}

/**
 * @throws TswitchError BAD_REQUEST where the file is no recording, holds no frames, or cannot be replayed; LOGIC_REFUSED, also where
 * a logic does not come to an end
 */
export async function replay(request: ReplayRequest): Promise<ReplayView> {
  const { file, logic, against, params, timeoutSeconds = REPLAY_TIMEOUT_SECONDS } = request;
  const recording = resolve(file);
  await checkFile(recording);
  const staging = new Staging();
  const folder = await makeOwnFolder('replay');
  const pool = new Piscina<ReplayTask, ReplayResult>({ filename: TASK_FILE, minThreads: 1, maxThreads: 1 });
  // Of one that was given up already.
  pool.on('error', () => {});
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const standstill = watch(progress, timeoutSeconds * 1000);
  try {
    const staged = async (path: string | undefined, id: number): Promise<ReplayLogicFile | null> => {
      if (path === undefined) return null;
      const { module } = await staging.copy(resolve(path), id);
      return { module, file: resolve(path) };
    };
    const task = {
      recording,
      logic: await staged(logic, 0),
      against: await staged(against, 1),
      params: params ?? null,
      folder,
      progress,
    };
    const { signal } = standstill;
    const result = await pool.run(task, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw new TswitchError(
        'LOGIC_REFUSED',
        `the replay did not get on for ${timeoutSeconds} s, after ${progress[0]} batches: is there an endless loop in a logic? If it is only slow, give a longer --timeout`,
      );
    });
    if ('error' in result) throw new TswitchError('BAD_REQUEST', result.error);
    const { frames, isSame } = result.report;
    if (frames === 0 && isSame) {
      throw new TswitchError('BAD_REQUEST', `${recording} holds no frames: there is nothing to replay`);
    }
    return viewOf(recording, result.report);
  } finally {
    standstill.end();
    await pool.destroy();
    await staging.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Aborts when the word has stood still for so long. */
function watch(progress: Int32Array, ms: number): { signal: AbortSignal; end: () => void } {
  const abort = new AbortController();
  let seen = -1;
  let sinceMs = performance.now();
  const timer = setInterval(() => {
    const now = Atomics.load(progress, 0);
    if (now !== seen) sinceMs = performance.now();
    else if (performance.now() - sinceMs > ms) abort.abort();
    seen = now;
  }, LOOK_MS);
  return { signal: abort.signal, end: () => clearInterval(timer) };
}

function viewOf(file: string, { difference, ...report }: ReplayReport): ReplayView {
  const bytes = difference?.bytes ?? null;
  const summary = bytes === null ? null : frameSummary(Buffer.from(bytes, 'hex'), difference!.length);
  return { file, ...report, difference: difference && { ...difference, summary } };
}

async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TswitchError('BAD_REQUEST', `cannot read ${path}: ${reason}`);
  });
  if (!found.isFile()) throw new TswitchError('BAD_REQUEST', `${path} is no regular file`);
  if (found.size > FILE_BYTES_MAX) throw new TswitchError('BAD_REQUEST', `${path} is longer than any recording`);
}
