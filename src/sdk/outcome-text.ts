/** Reads the words of an outcome (shared/recording.ts): what became of each frame, and what was sent. */
import { NOTE_FRAME } from '../datapath/message-note.ts';
import { FRAME_WORDS, MESSAGE_WORDS, OUTCOME } from '../shared/recording.ts';

export interface SentList {
  handle: number;
  messages: { note: number; digest: number; errno: number }[];
}

/** What became of one frame, for comparing and for telling. */
export interface FrameOutcome {
  verdict: number;
  vlan: number;
  /** See LogicHost.decisionOf. */
  decision: number;
  /** Ports that sent it, in order; one that sent it in segments is there for each. */
  sent: { handle: number; digest: number; errno: number }[];
}

export function framesIn(outcome: Int32Array): number {
  return outcome[OUTCOME.FRAMES] ?? 0;
}

export function isDisturbed(outcome: Int32Array): boolean {
  return outcome[OUTCOME.DISTURBED] === 1;
}

export function isSameOutcome(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let k: number = OUTCOME.FRAMES; k < a.length; k++) if (a[k] !== b[k]) return false;
  return true;
}

/** @throws RangeError where it is none */
export function sentLists(outcome: Int32Array): SentList[] {
  const lists: SentList[] = [];
  for (let at = OUTCOME.FRAMES_AT + framesIn(outcome) * FRAME_WORDS; at < outcome.length;) {
    const handle = outcome[at]!;
    const count = outcome[at + 1] ?? -1;
    const end = at + 2 + count * MESSAGE_WORDS;
    if (count < 0 || end > outcome.length) throw new RangeError('an outcome that does not add up');
    const messages: SentList['messages'] = [];
    for (at += 2; at < end; at += MESSAGE_WORDS) {
      messages.push({ note: outcome[at]!, digest: outcome[at + 1]!, errno: outcome[at + 2]! });
    }
    lists.push({ handle, messages });
  }
  return lists;
}

/** One for each frame. Copies and frames that logics send beside are with the frames of their numbers. */
export function frameOutcomes(outcome: Int32Array): FrameOutcome[] {
  const frames = Array.from({ length: framesIn(outcome) }, (_, i): FrameOutcome => {
    const at = OUTCOME.FRAMES_AT + i * FRAME_WORDS;
    const word = outcome[at + 1]!;
    return { verdict: outcome[at]!, vlan: word >>> 16, decision: word & 0xffff, sent: [] };
  });
  for (const { handle, messages } of sentLists(outcome)) {
    for (const { note, digest, errno } of messages) frames[note >>> NOTE_FRAME]?.sent.push({ handle, digest, errno });
  }
  return frames;
}
