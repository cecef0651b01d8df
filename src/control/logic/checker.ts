/** Has logics looked at in a thread of its own (sdk/check-task.ts), which ends with its work. */
import { Piscina } from 'piscina';
import type { LogicCheckAnswer, LogicCheckResult, LogicCheckTask } from '../../shared/logic-check.ts';
import { programFile } from '../../program-file.ts';
import type { LogicShape } from '../../switching/logic-shape.ts';
import { TswitchError } from '../errors.ts';
import { heapMibMax } from '../heap-limit.ts';

const TASK_FILE = programFile(import.meta.url, '../../sdk/check-task');
const TIMEOUT_MS = 20_000;

export interface CheckedLogic extends Omit<LogicCheckAnswer, 'shape' | 'params' | 'paramsSchema'> {
  shape: LogicShape;
  params: Record<string, unknown>;
  paramsSchema: Record<string, unknown> | null;
}

/**
 * @param refused what comes of it if something is wrong, for the message
 * @throws TswitchError LOGIC_REFUSED that says where and why
 */
export async function checkLogic(task: LogicCheckTask, refused = `${task.file} is not loaded`): Promise<CheckedLogic> {
  const pool = new Piscina<LogicCheckTask, LogicCheckResult>({
    filename: TASK_FILE,
    minThreads: 1,
    maxThreads: 1,
    resourceLimits: { maxOldGenerationSizeMb: heapMibMax() },
  });
  // Of one whose time was over already.
  pool.on('error', () => {});
  try {
    const result = await pool.run(task, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if ('error' in result) throw refusal(refused, result.error.message, result.error);
    // The shape was checked where it was made.
    return result.answer as CheckedLogic;
  } catch (error) {
    if (error instanceof TswitchError) throw error;
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const reason =
      name === 'AbortError'
        ? `it does not come to an end within ${TIMEOUT_MS / 1000} s: is there an endless loop?`
        : message;
    throw refusal(refused, reason, { stack: null });
  } finally {
    await pool.destroy();
  }
}

/** @param refused as above @throws TswitchError LOGIC_REFUSED where a rule of the contract does not hold */
export function refuseBroken(refused: string, { rules }: Pick<CheckedLogic, 'rules'>): void {
  const broken = rules.filter(({ holds }) => !holds);
  if (broken.length === 0) return;
  const texts = broken.map(({ rule, text }) => `it breaks the contract "${rule}": ${text.split('\n')[0]}`);
  throw refusal(refused, texts.join('; '), { rules: broken });
}

function refusal(refused: string, reason: string, details: unknown): TswitchError {
  return new TswitchError('LOGIC_REFUSED', `${refused}: ${reason}`, details);
}
