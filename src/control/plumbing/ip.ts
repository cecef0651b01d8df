/**
 * iproute2's `ip`, inside a namespace or not: batches that change things, and JSON that says how things are. Its refusals
 * come back as TswitchErrors that name the line that failed. Lines before that one have been carried out: who sends more
 * than one undoes them.
 */
import { TswitchError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Netns } from './netns.ts';
import { runToolIn } from './netns.ts';
import { missingTool } from './tool.ts';
import type { ToolResult } from './tool.ts';

/**
 * What a word of a batch may hold: printable ASCII without the characters that `ip -batch` gives a meaning (quotes,
 * comment, continued line). Spaces are harmless, since words that have some are quoted.
 */
const WORD = /^[\x20\x21\x24-\x26\x28-\x5b\x5d-\x7e]+$/;

/**
 * Carries out lines such as `['link', 'set', 'dev', 'eth0', 'up']` in one run of `ip`, up to the first that fails.
 *
 * @param netns null for the daemon's own
 * @throws TswitchError by what was refused; `details` is `{ line, output }`
 */
export async function ipBatch(netns: Netns | null, lines: readonly (readonly string[])[]): Promise<void> {
  const text = lines.map((line) => `${line.map(batchWord).join(' ')}\n`).join('');
  const result = await runToolIn(netns, 'ip', ['-batch', '-'], text);
  if (result.status !== 0) throw explainIpFailure(netns?.spec ?? null, lines, result);
}

/**
 * What `ip -json -details ARGS` prints, parsed; `[]` where it prints nothing.
 *
 * @param netns null for the daemon's own
 */
export async function ipJson(netns: Netns | null, args: readonly string[]): Promise<unknown> {
  const result = await runToolIn(netns, 'ip', ['-json', '-details', ...args]);
  if (result.status !== 0) throw explainIpFailure(netns?.spec ?? null, [args], result);
  return JSON.parse(result.stdout.trim() || '[]') as unknown;
}

function batchWord(word: string): string {
  if (!WORD.test(word)) {
    throw new TswitchError(
      'BAD_REQUEST',
      `${JSON.stringify(word)} cannot be given to \`ip\`: use printable ASCII without quotes, # and \\`,
    );
  }
  return word.includes(' ') ? `"${word}"` : word;
}

/** What `ip` says, as a pattern; the code; and what to do about it. The first that fits counts. */
const REFUSALS: readonly { says: RegExp; about?: RegExp; code: ErrorCode; advice: string }[] = [
  {
    says: /Operation not permitted/,
    code: 'NOT_PERMITTED',
    advice: 'run tswitch as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN',
  },
  {
    says: /File exists/,
    about: /^link/,
    code: 'NETDEV_EXISTS',
    advice: 'choose another name, or remove the netdev that has it',
  },
  {
    says: /File exists|already assigned/,
    about: /^route/,
    code: 'ADDRESS_REFUSED',
    advice: 'there is such a route already; remove it, or plug without a gateway',
  },
  {
    says: /File exists|already assigned/,
    about: /^addr/,
    code: 'ADDRESS_REFUSED',
    advice: 'the netdev has that address already; give it once',
  },
  {
    says: /Cannot find device|does not exist|No such device/,
    code: 'NETDEV_NOT_FOUND',
    advice: 'see `ip link` for those there are',
  },
  { says: /Device or resource busy/, code: 'NETDEV_BUSY', advice: 'something else uses it; see `ip -d link`' },
  {
    says: /Operation not supported|Unknown device type/,
    code: 'NOT_SUPPORTED',
    advice: 'this kernel or netdev cannot do that',
  },
  {
    says: /is expected rather than|is invalid lladdr|" is wrong|mtu (greater|less) than|not a valid|Invalid argument/,
    code: 'BAD_REQUEST',
    advice: 'correct the value',
  },
  {
    says: /gateway|unreachable/i,
    about: /^route/,
    code: 'ADDRESS_REFUSED',
    advice: 'a gateway must lie in the subnet of one of the addresses',
  },
  { says: /./, about: /^(addr|route)/, code: 'ADDRESS_REFUSED', advice: 'choose another address' },
  {
    says: /Cannot assign requested address/,
    code: 'ADDRESS_REFUSED',
    advice: 'a MAC address must be a unicast one and not zero',
  },
];

/**
 * The error for a run of `ip` (or of nsenter with it) that failed.
 *
 * @param where the namespace's name for people; null for the daemon's own
 */
export function explainIpFailure(
  where: string | null,
  lines: readonly (readonly string[])[],
  result: ToolResult,
): TswitchError {
  const output = result.stderr.trim();
  if (/nsenter: failed to execute ip/.test(output)) return missingTool('ip');
  if (output.startsWith('nsenter: ')) {
    const refused = /Operation not permitted|Permission denied/.test(output);
    return new TswitchError(
      refused ? 'NOT_PERMITTED' : 'INTERNAL',
      `the network namespace ${where} could not be entered (${output})` +
        (refused ? ': tswitch needs CAP_SYS_ADMIN' : ''),
    );
  }
  const says = output
    .replace(/^Command failed .*$/gm, '')
    .replace(/^(RTNETLINK answers|Error): /gm, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ');
  const line = failedLine(lines, output);
  const place = where === null ? '' : ` in namespace ${where}`;
  const ended = result.status === null ? 'it was stopped, as it took too long' : `status ${result.status}`;
  const what = `\`ip ${line ?? '-batch'}\` failed${place}: ${says || ended}`;
  const refusal = REFUSALS.find((one) => one.says.test(says) && (one.about?.test(line ?? '') ?? true));
  return new TswitchError(refusal?.code ?? 'INTERNAL', refusal ? `${what}: ${refusal.advice}` : what, { line, output });
}

/** The kernel's refusals come with the line's number; of a word it cannot read, `ip` gives the word only. */
function failedLine(lines: readonly (readonly string[])[], output: string): string | null {
  const number = /^Command failed -:(\d+)$/m.exec(output)?.[1];
  const word = /"([^"]+)"/.exec(output.replace(/argument "([^"]+)" is wrong.*/, '"$1"'))?.[1];
  const line =
    number === undefined
      ? (lines.find((words) => word !== undefined && words.includes(word)) ??
        (lines.length === 1 ? lines[0] : undefined))
      : lines[Number(number) - 1];
  return line?.join(' ') ?? null;
}
