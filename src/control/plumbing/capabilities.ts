/** What the process may do (capabilities(7)), checked once at the start, so that the first refusal is one clear line. */
import { readFileSync } from 'node:fs';
import * as abi from '../../../native-bindings/abi/capability.ts';
import { TswitchError } from '../errors.ts';

/**
 * All that the daemon can need while it runs, and what for: ports come and go, and come back. CAP_BPF is not among them:
 * CAP_SYS_ADMIN, which entering namespaces takes, includes it. docs/systemd/tswitch.service lists the same ones.
 */
export const CAPABILITIES = [
  { name: 'CAP_NET_ADMIN', bit: abi.CAP_NET_ADMIN, need: 'always' },
  { name: 'CAP_NET_RAW', bit: abi.CAP_NET_RAW, need: 'always' },
  { name: 'CAP_SYS_ADMIN', bit: abi.CAP_SYS_ADMIN, need: 'always' },
  /** A namespace given by the pid of another user's process. */
  { name: 'CAP_SYS_PTRACE', bit: abi.CAP_SYS_PTRACE, need: 'some' },
  /** Creating namespaces (`--create`) without uid 0, and paths only others may read. */
  { name: 'CAP_DAC_OVERRIDE', bit: abi.CAP_DAC_OVERRIDE, need: 'some' },
  /** Buffers of `xdp` ports beyond RLIMIT_MEMLOCK. */
  { name: 'CAP_IPC_LOCK', bit: abi.CAP_IPC_LOCK, need: 'rarely' },
  /** `--group`. */
  { name: 'CAP_CHOWN', bit: abi.CAP_CHOWN, need: 'rarely' },
  /** `--listen` on a port below 1024. */
  { name: 'CAP_NET_BIND_SERVICE', bit: abi.CAP_NET_BIND_SERVICE, need: 'rarely' },
] as const;

/**
 * Names of those this process lacks; without the ones of `assertPrivileges` nothing works, the others some commands need.
 * What is needed rarely is told by the error of whoever needs it.
 */
export function missingCapabilities(): string[] {
  return missing().map(({ name }) => name);
}

/** @throws TswitchError NOT_PERMITTED where the switch could not work at all */
export function assertPrivileges(): void {
  const names = missing()
    .filter(({ need }) => need === 'always')
    .map(({ name }) => name);
  if (names.length === 0) return;
  throw new TswitchError(
    'NOT_PERMITTED',
    `tswitch lacks ${names.join(', ')}: run it as root (sudo), or grant these capabilities to its service`,
    { missing: names },
  );
}

function missing() {
  const effective = readCapabilities('CapEff');
  return CAPABILITIES.filter(({ bit, need }) => need !== 'rarely' && !hasBit(effective, bit));
}

export function hasBit(set: bigint, bit: number): boolean {
  return ((set >> BigInt(bit)) & 1n) === 1n;
}

/** A set of the main thread, by its name in /proc/PID/status (proc(5)); bit 12 is capability 12. */
export function readCapabilities(name: 'CapInh' | 'CapPrm' | 'CapEff' | 'CapBnd'): bigint {
  const status = readFileSync('/proc/self/status', 'latin1');
  return BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0'}`);
}
