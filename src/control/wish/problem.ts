/** What is wrong with a document, and where in it. */
import { type ErrorCode, TswitchError } from '../errors.ts';

export interface Problem {
  /** JSON pointer (RFC 6901) into the document, of the value at fault, or of where it is missing. */
  path: string;
  code: ErrorCode;
  /** One sentence: what is wrong, and what to do about it. */
  message: string;
}

/** What refusalOf has put into an error; none where it is another one. */
export function problemsIn(error: unknown): Problem[] {
  return error instanceof TswitchError && Array.isArray(error.details) ? (error.details as Problem[]) : [];
}

export function pointer(...steps: (string | number)[]): string {
  return steps.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/**
 * What the document is refused with, all problems in one: BAD_REQUEST where it contradicts itself, CONFIG_REFUSED where it
 * makes sense but not on this machine.
 */
export function refusalOf(problems: readonly Problem[]): TswitchError {
  const isBad = problems.some(({ code }) => code === 'BAD_REQUEST');
  const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  return new TswitchError(
    isBad ? 'BAD_REQUEST' : 'CONFIG_REFUSED',
    `nothing is changed; ${lines.join('; ')}`,
    problems,
  );
}
