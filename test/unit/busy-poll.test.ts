/** How long a worker looks for frames before it sleeps, by a clock of the test's. */
import { expect, test } from 'vitest';
import { BusyPoll } from '../../src/datapath/busy-poll.ts';

/** What `looksFor` can tell apart, with some to spare for the rounding of numbers. */
const STEP_MS = 0.011;

/** Frames at these times, in milliseconds; how long after the last one the worker still looks, to a hundredth. */
function looksFor(limitMicros: number, framesMs: readonly number[]): number {
  const poll = new BusyPoll();
  poll.limit(limitMicros);
  for (const at of framesMs) poll.noteFrames(at);
  for (let hundredths = 0; ; hundredths++)
    if (poll.isOver(framesMs.at(-1)! + hundredths / 100)) return hundredths / 100;
}

const every = (gapMs: number, count: number): number[] => Array.from({ length: count }, (_, k) => 1000 + k * gapMs);

test.each`
  limit     | gapMs   | looks   | why
  ${200}    | ${50}   | ${0.03} | ${'frames far apart are not waited for'}
  ${200}    | ${0.5}  | ${0.03} | ${'nor those that are further apart than the limit'}
  ${200}    | ${0.1}  | ${0.2}  | ${'twice the gap'}
  ${200}    | ${0.18} | ${0.2}  | ${'never longer than the limit'}
  ${10_000} | ${1}    | ${2}    | ${'twice the gap, within a high limit'}
  ${0}      | ${0.1}  | ${0}    | ${'0: sleep at once'}
`('limit $limit µs, frames $gapMs ms apart: looks for $looks ms: $why', ({ limit, gapMs, looks }) => {
  expect(Math.abs(looksFor(limit, every(gapMs, 20)) - looks)).toBeLessThan(STEP_MS);
});

test('an answer that follows at once does not make the worker forget how far apart requests are', () => {
  const pairs = every(1, 20).flatMap((at) => [at, at + 0.02]);
  expect(looksFor(5000, pairs)).toBeGreaterThan(1);
  expect(looksFor(200, pairs)).toBeLessThan(0.1);
});

test('a quiet moment ends it', () => {
  expect(looksFor(5000, [...every(1, 20), 5000])).toBeLessThan(0.05);
});
