/** Giving up what the daemon does not need, in all of its threads. */
import * as abi from '../../../native-bindings/abi/capability.ts';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { CAPABILITIES, hasBit, readCapabilities } from './capabilities.ts';

const KEPT = CAPABILITIES.reduce((set, { bit }) => set | (1n << BigInt(bit)), 0n);

/**
 * Gives up for ever what CAPABILITIES does not list, where the process is root's and has more. A thread can give up only what
 * it has itself, and Node has started threads long before this is called: so the bounding set is cut and the program executed
 * anew, in the same process, with the same arguments. Root then gets no more than the bounding set, in every thread and every
 * program that it starts. To be called before anything is made that would not survive that.
 *
 * Does not return if it did something.
 */
export function dropPrivileges(): void {
  const bounding = readCapabilities('CapBnd');
  const surplus = bounding & ~KEPT;
  const mayDrop = hasBit(readCapabilities('CapEff'), abi.CAP_SETPCAP);
  if (surplus === 0n || !mayDrop || process.geteuid?.() !== 0) return;
  // What could be inherited would come back.
  writeSets({
    effective: readCapabilities('CapEff'),
    permitted: readCapabilities('CapPrm'),
    inheritable: readCapabilities('CapInh') & KEPT,
  });
  for (let bit = 0; surplus >> BigInt(bit) > 0n; bit++) {
    if (hasBit(surplus, bit)) check('prctl PR_CAPBSET_DROP', sys.prctl(abi.PR_CAPBSET_DROP, bit));
  }
  check('prctl PR_SET_NO_NEW_PRIVS', sys.prctl(abi.PR_SET_NO_NEW_PRIVS, 1));
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, ...process.argv.slice(1)], process.env);
}

/** Of the calling thread. */
function writeSets(sets: Record<'effective' | 'permitted' | 'inheritable', bigint>): void {
  const { CAP_DATA, CAP_HEADER } = abi;
  const header = new DataView(new ArrayBuffer(CAP_HEADER.size));
  header.setUint32(CAP_HEADER.version, abi.LINUX_CAPABILITY_VERSION_3, true);
  const data = new DataView(new ArrayBuffer(2 * CAP_DATA.size));
  for (const name of ['effective', 'permitted', 'inheritable'] as const) {
    data.setUint32(CAP_DATA[name], Number(sets[name] & 0xffffffffn), true);
    data.setUint32(CAP_DATA.size + CAP_DATA[name], Number(sets[name] >> 32n), true);
  }
  check('capset', sys.capset(new Uint8Array(header.buffer), new Uint8Array(data.buffer)));
}
