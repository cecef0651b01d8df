/** A result as it may be published. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Report } from '../report/report.ts';

/** A path up to a checkout's own folders: where it lies is nobody's business. */
const CHECKOUT = /(?:\/[\w.@+-]+)+\/(?=(?:bench|src|native-bindings|node_modules)\/)/g;
/** Folders that a run makes. */
const TEMPORARY = /\/tmp\/[\w.@+-]+/g;

/** What programs said, without the paths that are this machine's. */
export function withoutPaths(text: string): string {
  return text.replaceAll(CHECKOUT, '').replaceAll(TEMPORARY, '/tmp/...');
}

/** One sample a line: short, and a later run's differences can be read. */
export function serialise(report: Report): string {
  const lines = Object.entries(report).map(([key, value]) => {
    const isList = Array.isArray(value) && value.length > 0;
    const items = isList ? `[\n${value.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]` : null;
    return `  ${JSON.stringify(key)}: ${items ?? JSON.stringify(value)}`;
  });
  return `{\n${lines.join(',\n')}\n}\n`;
}

export async function writePublished(report: Report, file: string): Promise<void> {
  const failures = report.failures.map((failure) => ({ ...failure, message: withoutPaths(failure.message) }));
  const skipped = report.skipped.map(({ name, reason }) => ({ name, reason: withoutPaths(reason) }));
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, serialise({ ...report, failures, skipped }));
}
