/** Runs a program to its end. Arguments are vectors: no shell ever sees them. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);
const TIMEOUT_MS = 20_000;

/**
 * @param argv program and arguments
 * @param options.signal ends the program early
 * @returns its stdout
 * @throws Error with the program's stderr, if it fails or takes longer than `timeoutMs`
 */
export async function run(
  argv: readonly string[],
  options: { signal?: AbortSignal; timeoutMs?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const [file = '', ...args] = argv;
  const { signal, timeoutMs = TIMEOUT_MS, env = {} } = options;
  try {
    const { stdout } = await execFileAsync(file, args, {
      timeout: timeoutMs,
      maxBuffer: 16 * 1024 * 1024,
      env: { ...process.env, LC_ALL: 'C', ...env },
      ...(signal && { signal }),
    });
    return stdout;
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`${argv.join(' ')}: ${explain(error)}`, { cause: error });
  }
}

/** iperf3 -J puts its reason into stdout, others into stderr; a program that was ended by the timeout gives none. */
function explain(error: unknown): string {
  const { stderr, stdout, killed } = error as { stderr?: string; stdout?: string; killed?: boolean };
  if (killed) return 'took too long';
  return (stderr || stdout || String(error)).trim().slice(0, 500);
}

/** The first of the programs that is not in PATH; null if all are there. */
export function missingProgram(...programs: string[]): string | null {
  return programs.find((program) => !isInstalled(program)) ?? null;
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The argument vector that runs another one inside a network namespace. The program replaces nsenter: one process. */
export function inNetns(netns: string, argv: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${netns}`, ...argv];
}

/** @returns the argument vector that runs another one on one core, or on several: a list like 1,2-3 */
export function onCore(core: number | string, argv: readonly string[]): string[] {
  return ['taskset', '-c', String(core), ...argv];
}
