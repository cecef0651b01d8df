/**
 * Long work on the main thread, in slices: requests, events and the workers' happenings get their turns in between. And work
 * that waits, some of it at a time.
 */
import { setImmediate } from 'node:timers/promises';

/** Steps of one slice. A step of the FDB's generators takes a tenth of a millisecond at most. */
const STEPS_PER_TURN = 64;

/** Waits until others have had their turns. */
export function nextTurn(): Promise<void> {
  return setImmediate();
}

/** Runs all `steps` and gives what they return. @param turn waits for the next slice's turn */
export async function inTurns<T>(steps: Generator<void, T>, turn: () => Promise<unknown> = nextTurn): Promise<T> {
  for (let taken = 1; ; taken++) {
    const { done, value } = steps.next();
    if (done) return value;
    if (taken % STEPS_PER_TURN === 0) await turn();
  }
}

/** Does `act` for every item, so many at a time. */
export async function someAtATime<T>(
  count: number,
  items: readonly T[],
  act: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const waiting = items.entries();
  const takeNext = async (): Promise<void> => {
    for (const [index, item] of waiting) await act(item, index);
  };
  await Promise.all(Array.from({ length: count }, takeNext));
}
