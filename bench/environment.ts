/** Where and with what a run was made: without it a figure means nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { VERSION } from '../src/version.ts';
import { missingProgram, run } from './system/command.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VULNERABILITIES = '/sys/devices/system/cpu/vulnerabilities';

export interface Environment {
  date: string;
  kernel: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  /** By name of the vulnerability; those the CPU does not have are left out. */
  mitigations: Record<string, string>;
  node: string;
  tswitch: string;
  /** Null outside of a git checkout, or before the first commit. */
  commit: string | null;
  /** Whether the checkout differs from the commit. */
  modified: boolean;
  openVswitch: string | null;
  /** Load average of the last minute when the run began: how busy the machine was with other things. */
  loadBefore: number;
}

export async function describeEnvironment(): Promise<Environment> {
  const commit = await git('rev-parse', 'HEAD');
  return {
    date: new Date().toISOString(),
    kernel: release(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    mitigations: readMitigations(),
    node: process.version,
    tswitch: VERSION,
    commit,
    modified: commit !== null && (await git('status', '--porcelain')) !== '',
    openVswitch: missingProgram('ovs-vswitchd') ? null : firstLine(await run(['ovs-vswitchd', '--version'])),
    loadBefore: loadavg()[0]!,
  };
}

async function git(...args: string[]): Promise<string | null> {
  try {
    return (await run(['git', '-C', ROOT, ...args])).trim();
  } catch {
    return null;
  }
}

function readMitigations(): Record<string, string> {
  const mitigations: Record<string, string> = {};
  try {
    for (const name of readdirSync(VULNERABILITIES)) {
      const state = readFileSync(`${VULNERABILITIES}/${name}`, 'utf8').trim();
      if (state !== 'Not affected') mitigations[name] = state;
    }
  } catch {
    // Containers may hide the folder; then nothing is known.
  }
  return mitigations;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!.trim();
}
