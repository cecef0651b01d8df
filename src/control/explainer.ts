/** Starts the explaining thread (datapath/explain.ts) when somebody asks, and lets it go when nobody does. */
import { Piscina } from 'piscina';
import { SUPER_FRAME_BYTES_MAX } from '../limits.ts';
import { programFile } from '../program-file.ts';
import type { ExplainTask, Explanation } from '../shared/explain-task.ts';
import { TswitchError } from './errors.ts';
import { frameSummary } from './frame-summary.ts';
import type { ExplainView } from './model.ts';

const TASK_FILE = programFile(import.meta.url, '../datapath/explain');
const IDLE_MS = 5000;

export class Explainer {
  #pool: Piscina<ExplainTask, Explanation> | null = null;

  async explain(port: string, task: ExplainTask): Promise<ExplainView> {
    this.#pool ??= new Piscina({ filename: TASK_FILE, minThreads: 0, maxThreads: 1, idleTimeout: IDLE_MS });
    const answer = await this.#pool.run(task);
    return {
      port,
      summary: frameSummary(task.frame, task.frame.length),
      ...answer,
      egress: answer.egress.map(({ frame, ...copy }) => ({
        ...copy,
        frame: frame && Buffer.from(frame).toString('hex'),
        summary: frame && frameSummary(frame, frame.length),
      })),
    };
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
  }
}

/** @throws TswitchError BAD_REQUEST where the text is no frame in hex */
export function parseFrame(text: string): Uint8Array {
  const digits = text.replace(/^\s*0x/i, '').replaceAll(/[\s:]/g, '');
  if (!/^([0-9a-f]{2})+$/i.test(digits)) {
    throw new TswitchError('BAD_REQUEST', 'frame: must be whole bytes in hex, from the destination address on');
  }
  if (digits.length / 2 > SUPER_FRAME_BYTES_MAX) {
    throw new TswitchError('BAD_REQUEST', `frame: longer than ${SUPER_FRAME_BYTES_MAX} bytes`);
  }
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}
