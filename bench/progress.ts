/** What comes next and how long all that is left takes, on stderr. */
import type { Run } from './rounds.ts';

/** Share of the plan that must have run before it says something of the rest. */
const TELLING = 0.05;

/** @param secondsOfAll as planned; what has run so far says how far off the plan is */
export function makeProgress(secondsOfAll: number): Run['progress'] {
  const startMs = performance.now();
  let planned = 0;
  return (next, seconds) => {
    const took = (performance.now() - startMs) / 1000;
    const isTelling = planned > secondsOfAll * TELLING;
    const secondsLeft = (secondsOfAll - planned) * (isTelling ? took / planned : 1);
    console.error(`${next} (about ${tellTime(secondsLeft)} left)`);
    planned += seconds;
  };
}

function tellTime(seconds: number): string {
  return seconds < 100 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
