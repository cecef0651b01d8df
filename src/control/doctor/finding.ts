/** What the doctor says of one thing it looked at. */

/**
 * `ok`; `slow`: it works, and something makes it slower than it could be; `off`: it is not meant to work as things are set;
 * `broken`: frames are lost or damaged; `unknown`: it cannot be seen from here.
 */
export const FINDING_VERDICTS = ['ok', 'slow', 'off', 'broken', 'unknown'] as const;
export type FindingVerdict = (typeof FINDING_VERDICTS)[number];

export interface Finding {
  /** Null: the host. */
  port: string | null;
  /** What was looked at, in a word or two. */
  check: string;
  verdict: FindingVerdict;
  /** What was found. */
  text: string;
  /** What to do about it; null where nothing is to be done. */
  fix: string | null;
}

/** A finding of the host. */
export function onHost(check: string, verdict: FindingVerdict, text: string, fix: string | null = null): Finding {
  return { port: null, check, verdict, text, fix };
}

export function hasBroken(findings: readonly Finding[]): boolean {
  return findings.some(({ verdict }) => verdict === 'broken');
}
