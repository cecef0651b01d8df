/** What went wrong in a logic, as the control plane is told: with the stack, the port, and the frame that was looked at. */
import type { Batch } from '../frame/batch.ts';
import type { LogicFault, LogicFaultKind } from '../shared/logic-load.ts';

export const FRAME_BYTES_MAX = 128;
const TEXT_CHARACTERS_MAX = 4000;

/** @param i index of the frame; -1: it is not known which */
export function faultOf(kind: LogicFaultKind, error: unknown, batch: Batch | null, i: number): LogicFault {
  const { message, stack } = textsOf(error);
  const isFrameKnown = batch !== null && i >= 0 && i < batch.count;
  return {
    kind,
    message: message.slice(0, TEXT_CHARACTERS_MAX),
    stack: stack?.slice(0, TEXT_CHARACTERS_MAX) ?? null,
    ingress: batch?.ingress ?? -1,
    frame: isFrameKnown ? firstBytes(batch, i) : null,
  };
}

/** A copy: what lies in the batch is gone with it. */
export function firstBytes({ bytes, offset, length }: Batch, i: number): Uint8Array {
  return Uint8Array.from(bytes.subarray(offset[i], offset[i]! + Math.max(0, Math.min(length[i]!, FRAME_BYTES_MAX))));
}

/** Anything can be thrown, and its texts may throw themselves. */
function textsOf(error: unknown): { message: string; stack: string | null } {
  try {
    if (error instanceof Error) return { message: String(error.message), stack: error.stack ?? null };
    return { message: String(error), stack: null };
  } catch {
    return { message: 'something was thrown that cannot be put into words', stack: null };
  }
}
