/** Runs the real command line, as a process or within this one. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { vi } from 'vitest';
import { main } from '../../src/cli/program.ts';

export const MAIN = join(import.meta.dirname, '../../src/cli/main.ts');

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** What runs commands against the daemon on `socket`, each as a process of its own. */
export function cliRunner(socket: string) {
  return (args: string[], env: NodeJS.ProcessEnv = {}, stdin?: string): Promise<Ended> =>
    new Promise((resolve) => {
      const all = { ...process.env, TSWITCH_SOCKET: socket, ...env };
      const child = execFile(process.execPath, [MAIN, ...args], { env: all, maxBuffer: 1e8 }, (_, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, stdout, stderr });
      });
      child.stdin?.end(stdin);
    });
}

/** The same without processes, for what a process adds nothing to: one takes a third of a second. */
export function commandRunner(socket: string) {
  return async (args: string[]): Promise<Ended> => {
    vi.stubEnv('TSWITCH_SOCKET', socket);
    try {
      return await usage(args);
    } finally {
      vi.unstubAllEnvs();
    }
  };
}

/** Runs the command line within this process. */
export async function usage(args: string[]): Promise<Ended> {
  const texts = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
      texts[stream] += String(chunk);
      return true;
    }),
  );
  try {
    return { code: await main(['node', 'tswitch', ...args]), ...texts };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
