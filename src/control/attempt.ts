/** Checks of requests: what fails ends them at once, or is noted with all else that does. */
import { TswitchError } from './errors.ts';

/** One check of many: gives what `check` gives. What it throws goes on, or is noted, and `otherwise` stands for the value. */
export type Attempt = <T>(check: () => T, otherwise: T) => T;

export function refuse(message: string): never {
  throw new TswitchError('BAD_REQUEST', message);
}
