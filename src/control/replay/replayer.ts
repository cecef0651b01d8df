/** Has a recording replayed in a thread of its own (sdk/replay-task.ts): no daemon, no root, no kernel but for reading files. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Piscina } from 'piscina';
import { programFile } from '../../program-file.ts';
import type { ReplayLogicFile, ReplayReport, ReplayResult, ReplayTask } from '../../shared/replay-report.ts';
import { TswitchError } from '../errors.ts';
import { frameSummary } from '../frame-summary.ts';
import { Staging } from '../logic/staging.ts';
import { RECORDING_BYTES_MAX } from '../recording/recording-request.ts';

const TASK_FILE = programFile(import.meta.url, '../../sdk/replay-task');
/** What is sent to keep a connection alive comes on top. */
const FILE_BYTES_MAX = RECORDING_BYTES_MAX + 1024 * 1024;

export interface ReplayRequest {
  file: string;
  /** Files with logics. */
  logic?: string;
  against?: string;
  params?: object;
}

export interface ReplayView extends Omit<ReplayReport, 'difference'> {
  file: string;
  /** With the frame in words. */
  difference: (NonNullable<ReplayReport['difference']> & { summary: string | null }) | null;
}

/** @throws TswitchError BAD_REQUEST where the file is no recording, or cannot be replayed; LOGIC_REFUSED */
export async function replay({ file, logic, against, params }: ReplayRequest): Promise<ReplayView> {
  const recording = resolve(file);
  await checkFile(recording);
  const staging = new Staging();
  const folder = await mkdtemp(join(tmpdir(), 'tswitch-replay-'));
  const pool = new Piscina<ReplayTask, ReplayResult>({ filename: TASK_FILE, minThreads: 1, maxThreads: 1 });
  try {
    const staged = async (path: string | undefined, id: number): Promise<ReplayLogicFile | null> => {
      if (path === undefined) return null;
      const { module } = await staging.copy(resolve(path), id);
      return { module, file: resolve(path) };
    };
    const result = await pool.run({
      recording,
      logic: await staged(logic, 0),
      against: await staged(against, 1),
      params: params ?? null,
      folder,
    });
    if ('error' in result) throw new TswitchError('BAD_REQUEST', result.error);
    return viewOf(recording, result.report);
  } finally {
    await pool.destroy();
    await staging.close();
    await rm(folder, { recursive: true, force: true });
  }
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
