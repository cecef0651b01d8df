/** What the process may do (capabilities(7)), checked once at the start, so that the first refusal is one clear line. */
import { readFileSync } from 'node:fs';
import { TswitchError } from '../errors.ts';

/**
 * Bits of linux/capability.h, and what each is for. CAP_BPF is not among them: CAP_SYS_ADMIN, which entering namespaces
 * takes, includes it.
 */
const CAPABILITIES = [
  { name: 'CAP_NET_ADMIN', bit: 12, isRequired: true },
  { name: 'CAP_NET_RAW', bit: 13, isRequired: true },
  { name: 'CAP_SYS_ADMIN', bit: 21, isRequired: true },
  /** A namespace given by the pid of another user's process. */
  { name: 'CAP_SYS_PTRACE', bit: 19, isRequired: false },
  /** Creating namespaces (`--create`) without uid 0, and paths only others may read. */
  { name: 'CAP_DAC_OVERRIDE', bit: 1, isRequired: false },
] as const;

/** Names of those this process lacks; without the ones of `assertPrivileges` nothing works, the others some commands need. */
export function missingCapabilities(): string[] {
  return missing().map(({ name }) => name);
}

/** @throws TswitchError NOT_PERMITTED where the switch could not work at all */
export function assertPrivileges(): void {
  const names = missing()
    .filter(({ isRequired }) => isRequired)
    .map(({ name }) => name);
  if (names.length === 0) return;
  throw new TswitchError(
    'NOT_PERMITTED',
    `tswitch lacks ${names.join(', ')}: run it as root (sudo), or grant these capabilities to its service`,
    { missing: names },
  );
}

function missing() {
  const status = readFileSync('/proc/self/status', 'latin1');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return CAPABILITIES.filter(({ bit }) => ((effective >> BigInt(bit)) & 1n) === 0n);
}
