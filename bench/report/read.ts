/** Reads a result file, also one that an older version wrote. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { METRICS, type MetricName } from '../metrics.ts';
import type { Settings } from '../settings.ts';
import type { Report } from './report.ts';

/** Facts that older versions did not read are unknown. */
const unknown = <T extends z.ZodType>(schema: T) => schema.nullable().default(null);

const ENVIRONMENT = z.object({
  date: z.iso.datetime(),
  kernel: z.string(),
  cpu: z.string(),
  cores: z.number(),
  memoryBytes: z.number(),
  mitigations: z.record(z.string(), z.string()),
  virtualisation: unknown(z.string()),
  clockSource: unknown(z.string()),
  timerHz: unknown(z.number()),
  preemption: unknown(z.string()),
  irqTimeAccounting: unknown(z.boolean()),
  smt: unknown(z.string()),
  governor: unknown(z.string()),
  node: z.string(),
  tswitch: z.string(),
  commit: z.string().nullable(),
  modified: z.boolean(),
  versions: z.record(z.string(), z.string()).default({}),
  loadBefore: z.number(),
});
const AT = z.record(z.string(), z.union([z.number(), z.string()]));
/** What later versions measure is passed over. */
const METRIC = z.custom<MetricName>((name) => typeof name === 'string');
const REPORT = z.object({
  environment: ENVIRONMENT,
  size: z.string(),
  settings: z.custom<Settings>((settings) => z.looseObject({ rounds: z.number() }).safeParse(settings).success),
  subjects: z.array(z.object({ name: z.string(), about: z.string(), help: z.string().nullable().default(null) })),
  skipped: z.array(z.object({ name: z.string(), reason: z.string() })),
  samples: z.array(
    z.object({ round: z.number(), subject: z.string(), metric: METRIC, value: z.number(), at: AT.default({}) }),
  ),
  distributions: z
    .array(
      z.object({
        round: z.number(),
        subject: z.string(),
        metric: z.literal('latency'),
        at: AT,
        edgesNs: z.array(z.number()),
        counts: z.array(z.number()),
      }),
    )
    .default([]),
  micro: z
    .array(
      z.object({
        table: z.string(),
        name: z.string(),
        metric: METRIC,
        value: z.number(),
        reference: z.string(),
        hash: z.string(),
      }),
    )
    .default([]),
  failures: z.array(z.object({ round: z.number(), subject: z.string(), message: z.string() })),
});

/** @throws Error with one line about what is wrong with the file */
export function readResult(file: string): Report {
  return parseResult(file, readText(file));
}

/** @param file for the error's text */
export function parseResult(file: string, text: string): Report {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new Error(`${file} is not JSON: give a result that npm run bench wrote`);
  }
  const parsed = REPORT.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue?.path.join('.') ?? '';
    throw new Error(`${file} is no result of npm run bench: ${where === '' ? '' : `${where}: `}${issue?.message}`);
  }
  const samples = parsed.data.samples.filter(({ metric }) => metric in METRICS);
  const micro = parsed.data.micro.filter(({ metric }) => metric in METRICS);
  return { ...parsed.data, samples, micro };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new Error(code === 'ENOENT' ? `there is no file ${file}` : `${file} cannot be read: ${String(code)}`, {
      cause: error,
    });
  }
}
