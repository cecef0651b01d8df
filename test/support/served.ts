/** Whether a bystander was served. Apart from bystander.ts, which its process loads too, where there is no test. */
import { expect } from 'vitest';
import { type BystanderOutcome, shareOf } from './bystander.ts';

/** Of its frames that were sent, so many must arrive. */
const ARRIVED_MIN = 0.8;
/** Of those that were due, so many must have been sent: one that is not served waits with sending. */
const SENT_MIN = 0.25;

/** Expects that it was served throughout, and nothing came twice. */
export function expectServed(outcome: BystanderOutcome): void {
  expect(shareOf(outcome)).toBeGreaterThanOrEqual(ARRIVED_MIN);
  expect(outcome.sent / outcome.due).toBeGreaterThanOrEqual(SENT_MIN);
  expect(outcome.twice).toBe(0);
}
