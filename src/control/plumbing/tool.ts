/**
 * Runs the system's own network tools (iproute2, nsenter). Always an argument vector, never a shell, so that nothing a user
 * wrote is ever read as a command; always asynchronous, so that the control plane goes on meanwhile.
 */
import { execFile } from 'node:child_process';
import { TswitchError } from '../errors.ts';

/** What each tool is called in Debian, for people who lack it. */
const PACKAGES = {
  ip: 'iproute2',
  tc: 'iproute2',
  nsenter: 'util-linux',
  nft: 'nftables',
  iptables: 'iptables',
  ip6tables: 'iptables',
} as const;
export type Tool = keyof typeof PACKAGES;
/** All that the daemon calls. */
export const TOOLS = Object.keys(PACKAGES) as Tool[];

/** A tool that has not ended by then (a hung kernel lock, say) is killed. */
const TOOL_MS_MAX = 30_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

export interface ToolResult {
  /** Exit code; null where a signal ended the tool. */
  status: number | null;
  stdout: string;
  stderr: string;
}

/** @throws TswitchError NOT_SUPPORTED where the tool is not installed */
export function runTool(tool: Tool, args: readonly string[], input = ''): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      tool,
      args,
      {
        // An ordinary user's PATH has no sbin in Debian; and the messages are read by machines here: no translations.
        env: { PATH: `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`, LC_ALL: 'C' },
        // A working directory that was removed would look like a tool that is not there.
        cwd: '/',
        timeout: TOOL_MS_MAX,
        maxBuffer: OUTPUT_BYTES_MAX,
      },
      (error, stdout, stderr) => {
        if (error?.code === 'ENOENT') reject(missingTool(tool));
        else if (error && typeof error.code !== 'number' && !error.signal) {
          reject(new TswitchError('INTERNAL', `${tool} could not be run: ${error.message}`, undefined, error));
        } else resolve({ status: child.exitCode, stdout, stderr });
      },
    );
    // A tool that refuses an early line leaves without reading the rest; what it says is in stderr.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

export function missingTool(tool: Tool): TswitchError {
  return new TswitchError(
    'NOT_SUPPORTED',
    `the program \`${tool}\` is not installed: run \`apt-get install ${PACKAGES[tool]}\``,
  );
}
