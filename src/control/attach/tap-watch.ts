/**
 * What the kernel knows of a TAP in another namespace. A netlink socket there would keep the namespace alive after its last
 * user, so the TAP's own descriptor is asked: it knows its netdev's namespace and name, also after a move or a rename.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { EBADFD, ENODEV } from '../../../native-bindings/abi/errno.ts';
import { TUNGETDEVNETNS, TUNGETIFF } from '../../../native-bindings/abi/if-tun.ts';
import { IFF_UP, IFREQ, SIOCGIFFLAGS } from '../../../native-bindings/abi/ioctl.ts';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from '../../../native-bindings/abi/socket.ts';
import { check, SyscallError, sys } from '../../../native-bindings/syscalls.ts';
import type { TapSocket } from '../../ports/open-tap.ts';
import { readNetdev, setAlias } from '../plumbing/netdev.ts';
import { inNetns, netnsPath } from '../plumbing/netns.ts';
import type { LinkState } from './attachment.ts';
import type { NetnsMemory } from './netns-memory.ts';

/** That a TAP is gone, its worker sees at once (`check`); this finds out whether it is up. */
const POLL_MS = 400;
/** Between two looks through all processes for one in a namespace that has lost its name, in polls. */
const POLLS_PER_SEARCH = 5;
/** Of a line of /proc/net/dev, behind the name: what the TAP was given to send and had no room for. */
const SEND_DROPS_COLUMN = 11;

export interface TapWatch {
  readonly state: LinkState;
  /** Asks the kernel now instead of at the next tick. */
  check(): void;
  /** Frames from the TAP's side that were lost since, because nobody read them in time; the last known once it is gone. */
  overflowed(): number;
  close(): void;
}

/** @param held the namespace that the TAP's descriptor keeps alive, if it does: the TAP is lost when nobody else uses it */
export function watchTap(
  tap: TapSocket,
  onChange: (state: LinkState) => void,
  held: NetnsMemory | null = null,
): TapWatch {
  const state = readTapLink(tap, { up: false, lost: false });
  let told = state;
  // Of one that was taken over, also what was lost while no daemon ran.
  const lostBefore = readTapOverflow(tap);
  let overflowed = 0;
  let polls = 0;
  const isDeserted = (): boolean =>
    held !== null && !isNamed(held) && polls++ % POLLS_PER_SEARCH === 0 && isUnused(held);
  const check = (): void => {
    if (told.lost) return;
    const now = isDeserted() ? { up: false, lost: true } : readTapLink(tap, told);
    if (now.up === told.up && now.lost === told.lost) return;
    told = now;
    onChange(now);
  };
  const timer = setInterval(check, POLL_MS).unref();
  return {
    state,
    check,
    overflowed: () => (overflowed = Math.max(overflowed, readTapOverflow(tap) - lostBefore)),
    close: () => clearInterval(timer),
  };
}

/** 0 once it is gone. */
function readTapOverflow(tap: TapSocket): number {
  try {
    return inTapNetns(tap, (name) => {
      const line = readFileSync('/proc/thread-self/net/dev', 'latin1')
        .split('\n')
        .find((candidate) => candidate.trimStart().startsWith(`${name}:`));
      const columns =
        line
          ?.slice(line.indexOf(':') + 1)
          .trim()
          .split(/\s+/) ?? [];
      return Number(columns[SEND_DROPS_COLUMN] ?? 0);
    });
  } catch (error) {
    if (error instanceof SyscallError) return 0;
    throw error;
  }
}

/** @param before what is believed where the kernel cannot be asked now, for want of descriptors say */
function readTapLink(tap: TapSocket, before: LinkState): LinkState {
  try {
    const flags = inTapNetns(tap, (_, request) => {
      const socket = check('socket', sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      const result = sys.ioctl(socket, SIOCGIFFLAGS, request);
      sys.close(socket);
      check('ioctl(SIOCGIFFLAGS)', result);
      return new DataView(request.buffer).getUint16(IFREQ.flags, true);
    });
    return { up: (flags & IFF_UP) !== 0, lost: false };
  } catch (error) {
    return isGone(error) ? { up: false, lost: true } : before;
  }
}

/** Gives the TAP another alias, wherever it is; one that is gone needs none. */
export function markTap(tap: TapSocket, alias: string): void {
  try {
    inTapNetns(tap, (name, _, netns) => {
      const netdev = readNetdev(netns, name);
      if (netdev) setAlias(netns, netdev.index, alias);
    });
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isNamed({ spec, inode }: NetnsMemory): boolean {
  try {
    return statSync(netnsPath(spec)).ino === inode;
  } catch {
    return false;
  }
}

/** Whether no process is in the namespace. */
function isUnused({ inode }: NetnsMemory): boolean {
  return !readdirSync('/proc').some((entry) => {
    if (!/^[0-9]+$/.test(entry)) return false;
    try {
      return readlinkSync(`/proc/${entry}/ns/net`) === `net:[${inode}]`;
    } catch {
      // It has ended meanwhile, or is a zombie.
      return false;
    }
  });
}

/** Runs `act` in the namespace the TAP is in now, with its name there and a struct ifreq that names it. */
function inTapNetns<T>(tap: TapSocket, act: (name: string, request: Uint8Array, netns: { fd: number }) => T): T {
  const fd = check('ioctl(TUNGETDEVNETNS)', sys.ioctlInt(tap.fd, TUNGETDEVNETNS, 0));
  try {
    const request = new Uint8Array(IFREQ.size);
    check('ioctl(TUNGETIFF)', sys.ioctl(tap.fd, TUNGETIFF, request));
    const name = new TextDecoder().decode(request.subarray(0, request.indexOf(0)));
    return inNetns({ fd }, () => act(name, request, { fd }));
  } finally {
    sys.close(fd);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof SyscallError && (error.errno === EBADFD || error.errno === ENODEV);
}
