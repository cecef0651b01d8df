/**
 * Limits of bandwidth: a token bucket (tc-tbf(8)) in place of a netdev's queueing discipline, which holds back what the netdev
 * sends. A super-frame counts as the frames that it stands for, and passes whole if the bucket can hold it. The discipline
 * carries a handle by which it is known as tswitch's: another's is neither changed nor removed unless the netdev is our own.
 */
import { TswitchError } from '../errors.ts';
import { readNetdev } from './netdev.ts';
import { type Netns, runToolIn } from './netns.ts';
import { missingTool, type ToolResult } from './tool.ts';

/** "tw" in ASCII. */
const HANDLE = '7477:';
/** Of a discipline that the kernel chose by itself. */
const KERNELS_HANDLE = '0:';
/** As netdevs say of their root discipline. */
export const TOKEN_BUCKET_KIND = 'tbf';

export interface TokenBucket {
  bitsPerSecond: number;
  /** At least one frame, or the kernel drops it. */
  burstBytes: number;
  /** What waits at most; the rest is dropped. */
  queueBytes: number;
}

/**
 * Gives the netdev the limit, or changes it from one frame to the next; null takes away what tswitch gave it, and what waits
 * there is lost.
 *
 * @param netns null for the daemon's own
 * @throws TswitchError NETDEV_NOT_FOUND, NOT_PERMITTED, NOT_SUPPORTED where the kernel has no tbf
 */
export async function setTokenBucket(netns: Netns | null, name: string, bucket: TokenBucket | null): Promise<void> {
  const place = ['dev', name, 'root', 'handle', HANDLE];
  if (bucket === null) {
    // The kernel removes a discipline by this handle only; one that is another's, or gone, is fine.
    if (readNetdev(netns, name)?.qdisc === TOKEN_BUCKET_KIND) await runToolIn(netns, 'tc', ['qdisc', 'del', ...place]);
    return;
  }
  const { bitsPerSecond, burstBytes, queueBytes } = bucket;
  const parameters = ['rate', `${bitsPerSecond}bit`, 'burst', `${burstBytes}`, 'limit', `${queueBytes}`];
  const result = await runToolIn(netns, 'tc', ['qdisc', 'replace', ...place, TOKEN_BUCKET_KIND, ...parameters]);
  if (result.status !== 0) throw explain(netns, name, result);
}

/**
 * Refuses a netdev of the daemon's namespace whose user has given it a queueing discipline.
 *
 * @throws TswitchError NETDEV_BUSY
 */
export async function refuseOwnDiscipline(name: string): Promise<void> {
  const { status, stdout } = await runToolIn(null, 'tc', ['-json', 'qdisc', 'show', 'dev', name]);
  if (status !== 0) return;
  const disciplines = JSON.parse(stdout) as { kind: string; handle: string; root?: boolean }[];
  const root = disciplines.find((each) => each.root);
  if (!root || root.handle === KERNELS_HANDLE || root.handle === HANDLE) return;
  throw new TswitchError(
    'NETDEV_BUSY',
    `${name} has a queueing discipline of its own (${root.kind} ${root.handle}), which a limit would replace: limit the rate there, or \`tc qdisc del dev ${name} root\` first`,
  );
}

function explain(netns: Netns | null, name: string, { stderr }: ToolResult): TswitchError {
  const says = stderr.trim();
  if (/nsenter: failed to execute/.test(says)) return missingTool('tc');
  const what = `${name}${netns ? ` in namespace ${netns.spec}` : ''} cannot be limited (tc: ${says})`;
  if (/Cannot find device/.test(says)) return new TswitchError('NETDEV_NOT_FOUND', `${what}: see \`ip link\` there`);
  if (/Operation not permitted|Permission denied/.test(says)) {
    return new TswitchError('NOT_PERMITTED', `${what}: tswitch needs CAP_NET_ADMIN and CAP_SYS_ADMIN`);
  }
  if (/[Uu]nknown|No such file/.test(says)) {
    return new TswitchError('NOT_SUPPORTED', `${what}: use a kernel with sch_tbf (CONFIG_NET_SCH_TBF)`);
  }
  return new TswitchError('INTERNAL', what);
}
