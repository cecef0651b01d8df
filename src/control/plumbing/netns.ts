/**
 * Network namespaces: finding them by what a user calls them, and acting inside them. A namespace that was found is pinned
 * by an open descriptor, so it stays the same one when its name is removed or given to another, or its process ends; who
 * holds it longer than one operation keeps it alive after its last user.
 *
 * Entering one is a matter of the main thread for the length of a synchronous function: the event loop, its helper threads
 * and the workers never notice.
 */
import { closeSync, constants, fstatSync, open, openSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { EPERM } from '../../../native-bindings/abi/errno.ts';
import { CLONE_NEWNET, NSFS_MAGIC, NS_GET_NSTYPE } from '../../../native-bindings/abi/sched.ts';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { TswitchError } from '../errors.ts';
import { isNewNetnsName } from '../netns-name.ts';
import { runTool, type Tool, type ToolResult } from './tool.ts';

/** Where `ip netns` keeps its names. */
export const NAMES = '/run/netns';
/** A file name (NAME_MAX, linux/limits.h). */
const NAME_BYTES_MAX = 255;
/** A pid as people write it: no name made of digits alone can be used, so that 123 always means the same. */
const PID = /^[0-9]+$/;
const HOST = 'host';

export interface Netns {
  /** As the user said it. */
  readonly spec: string;
  readonly fd: number;
  /** The namespace's identity, as long as it is alive. */
  readonly inode: number;
  /** Where other programs (`ip`, `nsenter`) find it while it is open. */
  readonly path: string;
  close(): void;
}

/** The daemon's own namespace, opened before anybody can have left it. */
const homeFd = openSync('/proc/thread-self/ns/net', constants.O_RDONLY);
export const homeInode = fstatSync(homeFd).ino;
/** The namespace the main thread is in. */
let currentFd = homeFd;

const openFile = promisify(open);

/** Whether `netns` is the daemon's own, by whatever name. */
export function isHome(netns: Netns): boolean {
  return netns.inode === homeInode;
}

/**
 * @param spec a name under /run/netns, an absolute path of a namespace file (contains `/`), a pid (digits, always: also
 *   where /run/netns has a name of digits), or `host`, the daemon's own
 * @throws TswitchError NETNS_NOT_FOUND, NOT_PERMITTED, or BAD_REQUEST for what can name no network namespace
 */
export async function resolveNetns(spec: string): Promise<Netns> {
  const path = netnsPath(spec);
  let fd: number | null = null;
  try {
    // Asked first, because merely opening some files (a FIFO, a tape drive) has effects.
    if ((await statfs(path)).type !== NSFS_MAGIC) throw notANamespace(spec);
    fd = await openFile(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // Its name may have been removed meanwhile, and what is open an ordinary file.
    if (sys.ioctlInt(fd, NS_GET_NSTYPE, 0) !== CLONE_NEWNET) throw notANamespace(spec);
    return pinned(spec, fd);
  } catch (error) {
    if (fd !== null) closeSync(fd);
    throw error instanceof TswitchError ? error : explain(spec, error);
  }
}

/**
 * Makes a namespace and its name, like `ip netns add`; one that is there already is left as it is.
 *
 * @param name under /run/netns (isNewNetnsName)
 * @returns whether it was made
 */
export async function createNetns(name: string): Promise<boolean> {
  // Here too, next to the command line that it becomes a part of.
  if (!isNewNetnsName(name)) {
    throw new TswitchError(
      'BAD_REQUEST',
      `"${name}" cannot be created: only a namespace with a name of its own can (1 to 64 of A-Z a-z 0-9 . _ : -), not a path, a pid or \`${HOST}\``,
    );
  }
  const { status, stderr } = await runTool('ip', ['netns', 'add', name]);
  if (status === 0) return true;
  if (/: File exists/.test(stderr)) return false;
  const needs = /Operation not permitted|Permission denied/.test(stderr);
  throw new TswitchError(
    needs ? 'NOT_PERMITTED' : 'INTERNAL',
    `the namespace ${name} could not be created (${stderr.trim()})` +
      (needs ? ': run tswitch as root, or with CAP_SYS_ADMIN and CAP_DAC_OVERRIDE' : ''),
  );
}

/**
 * Runs `act` with the main thread inside `netns`: sockets it opens belong there. `act` must be synchronous and start no
 * process. May be nested. Gives what `act` gives and throws what it
 * throws; NOT_PERMITTED where entering is refused.
 */
export function inNetns<T>(netns: { readonly fd: number } | null, act: () => T): T {
  const from = currentFd;
  const to = netns?.fd ?? homeFd;
  if (to === from) return act();
  const entered = sys.setns(to, CLONE_NEWNET);
  if (entered === -EPERM) {
    throw new TswitchError('NOT_PERMITTED', 'entering a network namespace was refused: tswitch needs CAP_SYS_ADMIN');
  }
  check('setns', entered);
  currentFd = to;
  try {
    return act();
  } finally {
    if (sys.setns(from, CLONE_NEWNET) < 0) {
      // A daemon in the wrong namespace would delete and guard the wrong netdevs: nothing may go on from here.
      console.error('tswitch: the way back into its own network namespace is barred; giving up');
      process.abort();
    }
    currentFd = from;
  }
}

/**
 * Runs one of the system's tools inside `netns`.
 *
 * @param netns null for the daemon's own
 * @throws TswitchError NOT_SUPPORTED where the tool is not installed
 */
export function runToolIn(
  netns: Netns | null,
  tool: Tool,
  args: readonly string[],
  input?: string,
): Promise<ToolResult> {
  return netns === null || isHome(netns)
    ? runTool(tool, args, input)
    : runTool('nsenter', [`--net=${netns.path}`, '--', tool, ...args], input);
}

/** The file that `spec` names, which need not be there. */
export function netnsPath(spec: string): string {
  if (spec.includes('\0')) throw new TswitchError('BAD_REQUEST', 'the name of a namespace cannot hold a zero byte');
  // Also by its pid: its /proc entry shows where the main thread is at the moment, which inNetns changes.
  if (spec === HOST || (PID.test(spec) && Number(spec) === process.pid)) return `/proc/${process.pid}/fd/${homeFd}`;
  if (PID.test(spec)) return `/proc/${spec}/ns/net`;
  if (spec.startsWith('/')) return spec;
  if (spec.includes('/')) {
    throw new TswitchError('BAD_REQUEST', `${spec} is a relative path: write the whole path of the namespace file`);
  }
  if (spec === '' || spec === '.' || spec === '..' || Buffer.byteLength(spec) > NAME_BYTES_MAX) {
    throw new TswitchError(
      'BAD_REQUEST',
      `"${spec.slice(0, 32)}" cannot be the name of a namespace: it takes 1 to ${NAME_BYTES_MAX} bytes, not . or ..`,
    );
  }
  return `${NAMES}/${spec}`;
}

function pinned(spec: string, fd: number): Netns {
  let isOpen = true;
  return {
    spec,
    fd,
    inode: fstatSync(fd).ino,
    path: `/proc/${process.pid}/fd/${fd}`,
    close() {
      // Once only: the number may be another file's by the second time.
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function notANamespace(spec: string): TswitchError {
  // The name of a namespace is a mount; what is left of one made elsewhere, or not ready yet, is an empty file.
  if (!spec.includes('/') && !PID.test(spec)) {
    return new TswitchError(
      'NETNS_NOT_FOUND',
      `${NAMES}/${spec} is there, but no network namespace is mounted on it: remove it with \`ip netns del ${spec}\` and create it again`,
    );
  }
  return new TswitchError('BAD_REQUEST', `${spec} is not a network namespace: give a file such as /run/netns/NAME`);
}

function explain(spec: string, error: unknown): TswitchError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const isPid = PID.test(spec);
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ESRCH': {
      if (isPid) return new TswitchError('NETNS_NOT_FOUND', `there is no process ${spec}, so it has no namespace`);
      const hint = spec.includes('/') ? 'check the path' : `create it with \`ip netns add ${spec}\` or use --create`;
      return new TswitchError('NETNS_NOT_FOUND', `there is no network namespace ${spec}: ${hint}`);
    }
    case 'EACCES':
    case 'EPERM': {
      const ofProcess = isPid || spec.startsWith('/proc/');
      const needs = ofProcess ? "CAP_SYS_PTRACE, for another user's process" : 'CAP_DAC_OVERRIDE, or uid 0';
      return new TswitchError(
        'NOT_PERMITTED',
        `the network namespace ${spec} may not be opened: tswitch needs ${needs}`,
      );
    }
    case 'ENAMETOOLONG':
    case 'ELOOP':
      return new TswitchError('BAD_REQUEST', `${spec.slice(0, 64)} cannot be a path of a namespace (${code})`);
    default: {
      const why = error instanceof Error ? error.message : String(error);
      return new TswitchError(
        'INTERNAL',
        `the network namespace ${spec} could not be opened: ${why}`,
        undefined,
        error,
      );
    }
  }
}
