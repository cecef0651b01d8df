/** What the storm found, told in as few steps as possible. */
import type { Step, World } from './worlds.ts';

/** The switch and the reference switch differ. */
export class Difference extends Error {
  /** Index of the step after which they do. */
  readonly step: number;

  constructor(step: number, what: string) {
    super(what);
    this.step = step;
  }
}

export function hex(bytes: ArrayLike<number>): string {
  return Buffer.from(Array.from(bytes)).toString('hex');
}

/** The beginnings of frames, and their lengths. */
export function frameText(frames: string[]): string {
  const texts = frames.map((text) => (text.length > 120 ? `${text.slice(0, 120)}… (${text.length / 2} bytes)` : text));
  return texts.join(' ') || 'nothing';
}

/** As JSON, whatever the order in which properties were added. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

/**
 * What happened, in as few steps as were found to make it happen.
 *
 * @param play the world again; null if nothing differs
 * @param plays at most
 */
export async function story(
  world: World,
  found: Difference,
  play: (fewer: World) => Promise<Difference | null>,
  plays: number,
): Promise<string> {
  let difference = found;
  let playsLeft = plays;
  const differs = async (steps: Step[]): Promise<boolean> => {
    const smaller = playsLeft-- > 0 ? await play({ ...world, steps }) : null;
    difference = smaller ?? difference;
    return smaller !== null;
  };
  let steps = await fewest(world.steps.slice(0, found.step + 1), differs);
  for (const [at, step] of steps.entries()) {
    if (step.do !== 'frames') continue;
    const replaced = (frames: Uint8Array[]): Step[] => steps.with(at, { ...step, frames });
    steps = replaced(await fewest(step.frames, (frames) => differs(replaced(frames))));
  }
  return [
    `the switch and the reference switch differ: ${difference.message}`,
    `after these steps:`,
    ...steps.map((step) => `  ${stepText(step)}`),
    `on ${JSON.stringify(world.options)} and the ports`,
    ...Object.entries(world.ports).map(([name, config]) => `  ${name} ${JSON.stringify(config)}`),
  ].join('\n');
}

/** Some of the items that still fail, found by leaving out ever smaller parts. */
async function fewest<T>(items: T[], fails: (fewer: T[]) => Promise<boolean>): Promise<T[]> {
  let kept = items;
  for (let size = Math.ceil(items.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let first = 0; first < kept.length;) {
      const fewer = kept.toSpliced(first, size);
      if (await fails(fewer)) kept = fewer;
      else first += size;
    }
  }
  return kept;
}

function stepText(step: Step): string {
  if (step.do === 'frames') return `frames into ${step.port}: ${frameText(step.frames.map(hex))}`;
  return JSON.stringify(step);
}
