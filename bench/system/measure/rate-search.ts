/**
 * The highest rate at which no more than a given share of the frames is lost, by binary search (RFC 2544, section 26.1) with
 * loss verification (ETSI GS NFV-TST 009, clause 12.3.3): on a shared host a core is now and then taken away for
 * milliseconds, and what is lost then says nothing about the switch, so a trial that failed is repeated before it counts.
 */

/** One trial: frames offered at a rate for a while, and how many did not arrive. */
export interface Trial {
  /** Frames per second that were offered in fact. */
  offeredFps: number;
  lossRatio: number;
}

export interface SearchOptions {
  /** No more than this share of the frames may be lost. */
  goal: number;
  /** The highest rate there is to try: what the generator can do. */
  maxFps: number;
  /** Where to begin: a rate not far from the one looked for. */
  guessFps: number;
  /** The search ends when lowest failure and highest success are so close, as a share of the rate. */
  precision: number;
  /** How often a failed trial is repeated. */
  repeats: number;
}

/** A trial that loses more than this much more than allowed is no accident, and not repeated. */
const HOPELESS = 0.05;
/** Below this share of the highest rate the search gives up. */
const GIVE_UP = 0.005;

/**
 * @param history trials that were made already (for another goal), and where those of this search are added
 * @returns the highest rate offered that met the goal; null if even the lowest rate tried did not
 */
export async function searchRate(
  options: SearchOptions,
  history: Trial[],
  run: (framesPerSecond: number) => Promise<Trial>,
): Promise<number | null> {
  const { goal, maxFps, guessFps, precision } = options;
  let { low, high } = bracket(history, goal);
  let next = Math.min(guessFps, maxFps);
  if (low !== null || high !== null) next = between(low, high, maxFps);
  while (next > maxFps * GIVE_UP) {
    const trial = await verified(options, history, run, next);
    if (trial.lossRatio <= goal) {
      low = Math.max(low ?? 0, trial.offeredFps);
      // A generator that does not reach what is asked for has found its own limit, not that of the switch.
      if (next >= maxFps || trial.offeredFps < next * (1 - precision)) break;
    } else {
      high = Math.min(high ?? Infinity, next);
    }
    if (low !== null && high !== null && high - low <= high * precision) break;
    next = between(low, high, maxFps);
  }
  return low;
}

/** The highest success below the lowest failure, of the trials so far. */
function bracket(history: readonly Trial[], goal: number): { low: number | null; high: number | null } {
  let high: number | null = null;
  for (const trial of history) {
    if (trial.lossRatio > goal && (high === null || trial.offeredFps < high)) high = trial.offeredFps;
  }
  let low: number | null = null;
  for (const trial of history) {
    if (trial.lossRatio > goal || trial.offeredFps < (low ?? 0)) continue;
    low = trial.offeredFps;
    // A later success above a failure: the failure was an accident.
    if (high !== null && low > high) high = null;
  }
  return { low, high };
}

function between(low: number | null, high: number | null, maxFps: number): number {
  if (low === null) return (high ?? maxFps) / 1.5;
  if (high === null) return Math.min(maxFps, low * 1.25);
  return (low + high) / 2;
}

/** The trial, or the best of its repetitions. */
async function verified(
  { goal, repeats }: SearchOptions,
  history: Trial[],
  run: (framesPerSecond: number) => Promise<Trial>,
  framesPerSecond: number,
): Promise<Trial> {
  let best = await run(framesPerSecond);
  for (let k = 0; k < repeats && best.lossRatio > goal && best.lossRatio <= goal + HOPELESS; k++) {
    const again = await run(framesPerSecond);
    if (again.lossRatio < best.lossRatio) best = again;
  }
  history.push(best);
  return best;
}
