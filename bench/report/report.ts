/** A run: what was measured, where, and what could not be. As JSON it is the result file. */
import type { Environment } from '../environment.ts';
import type { Distribution, Failure, Sample } from '../metrics.ts';
import type { MicroRow } from '../micro/micro.ts';
import type { Settings } from '../settings.ts';

export interface Report {
  environment: Environment;
  size: string;
  settings: Settings;
  /** In the order of the tables. `help`: what the harness does for it beyond plugging in. */
  subjects: { name: string; about: string; help?: string | null }[];
  /** What was asked for and could not run, with the reason. */
  skipped: { name: string; reason: string }[];
  samples: Sample[];
  distributions: Distribution[];
  /** The tables of the micro-benchmarks. */
  micro: MicroRow[];
  failures: Failure[];
}

/** The subject that ratios are formed with. */
export const REFERENCE = 'linux-bridge';
