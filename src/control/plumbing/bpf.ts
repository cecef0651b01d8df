/**
 * bpf(2): loads programs that tswitch writes itself, instruction by instruction, and attaches them to netdevs by links, which
 * the kernel takes away with their last descriptor, however the process ends. What a link, a program and a map need of each
 * other they keep, so that only the link's descriptor has to stay open.
 */
import {
  BPF_ATTR_LINK_CREATE,
  BPF_ATTR_MAP_CREATE,
  BPF_ATTR_MAP_ELEM,
  BPF_ATTR_PROG_ATTACH,
  BPF_ATTR_PROG_LOAD,
  BPF_INSN,
  BPF_LINK_CREATE,
  BPF_MAP_CREATE,
  BPF_MAP_UPDATE_ELEM,
  BPF_PROG_ATTACH,
  BPF_PROG_LOAD,
} from '../../../native-bindings/abi/bpf.ts';
import { EACCES, EAGAIN, ENODEV, EPERM } from '../../../native-bindings/abi/errno.ts';
import { check, ffi, type SyscallError, sys } from '../../../native-bindings/syscalls.ts';
import { TswitchError } from '../errors.ts';

/** A signal rarely comes twice. */
const LOAD_TRIES_MAX = 10;

/** struct bpf_insn; what is left out is 0. */
export interface Instruction {
  code: number;
  /** Registers, 0 to 10. */
  to?: number;
  from?: number;
  off?: number;
  imm?: number;
}

export interface Program {
  /** BPF_PROG_TYPE_... */
  type: number;
  /** At most 15 characters. */
  name: string;
  instructions: readonly Instruction[];
  /** For BPF_PROG_LOAD. */
  flags?: number;
  /** BPF_XDP ..., for the types that are loaded for one place only. */
  attachType?: number;
}

/**
 * Attributes, instructions and licence share one buffer, which the call keeps alive.
 *
 * @returns its descriptor
 * @throws SyscallError
 */
export function loadProgram({ type, name, instructions, flags = 0, attachType = 0 }: Program): number {
  const instructionsAt = BPF_ATTR_PROG_LOAD.size;
  // An empty licence: nothing here calls what is for GPL programs only.
  const licenceAt = instructionsAt + instructions.length * BPF_INSN.size;
  const bytes = new Uint8Array(licenceAt + 1);
  const view = new DataView(bytes.buffer);
  instructions.forEach(({ code, to = 0, from = 0, off = 0, imm = 0 }, k) => {
    const at = instructionsAt + k * BPF_INSN.size;
    bytes[at + BPF_INSN.code] = code;
    bytes[at + BPF_INSN.registers] = to | (from << 4);
    view.setInt16(at + BPF_INSN.off, off, true);
    view.setInt32(at + BPF_INSN.imm, imm, true);
  });
  const address = ffi.addressOf(bytes);
  view.setUint32(BPF_ATTR_PROG_LOAD.progType, type, true);
  view.setUint32(BPF_ATTR_PROG_LOAD.insnCnt, instructions.length, true);
  view.setBigUint64(BPF_ATTR_PROG_LOAD.insns, BigInt(address + instructionsAt), true);
  view.setBigUint64(BPF_ATTR_PROG_LOAD.license, BigInt(address + licenceAt), true);
  view.setUint32(BPF_ATTR_PROG_LOAD.progFlags, flags, true);
  new TextEncoder().encodeInto(name, bytes.subarray(BPF_ATTR_PROG_LOAD.progName, BPF_ATTR_PROG_LOAD.progIfindex));
  view.setUint32(BPF_ATTR_PROG_LOAD.expectedAttachType, attachType, true);
  for (let tries = 1; ; tries++) {
    const result = sys.bpf(BPF_PROG_LOAD, bytes.subarray(0, BPF_ATTR_PROG_LOAD.size));
    // The verifier gives up when a signal waits for the process; the signal is delivered by now.
    if (result !== -EAGAIN || tries === LOAD_TRIES_MAX) return check('bpf BPF_PROG_LOAD', result);
  }
}

/**
 * @returns the link's descriptor
 * @throws SyscallError
 */
export function linkToNetdev(program: number, ifindex: number, attachType: number, flags: number): number {
  const bytes = new Uint8Array(BPF_ATTR_LINK_CREATE.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(BPF_ATTR_LINK_CREATE.progFd, program, true);
  view.setUint32(BPF_ATTR_LINK_CREATE.targetFd, ifindex, true);
  view.setUint32(BPF_ATTR_LINK_CREATE.attachType, attachType, true);
  view.setUint32(BPF_ATTR_LINK_CREATE.flags, flags, true);
  return check('bpf BPF_LINK_CREATE', sys.bpf(BPF_LINK_CREATE, bytes));
}

/**
 * Attaches the program for as long as the netdev lives, whatever becomes of this process.
 *
 * @throws SyscallError
 */
export function attachToNetdev(program: number, ifindex: number, attachType: number, flags: number): void {
  const bytes = new Uint8Array(BPF_ATTR_PROG_ATTACH.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(BPF_ATTR_PROG_ATTACH.targetFd, ifindex, true);
  view.setUint32(BPF_ATTR_PROG_ATTACH.attachBpfFd, program, true);
  view.setUint32(BPF_ATTR_PROG_ATTACH.attachType, attachType, true);
  view.setUint32(BPF_ATTR_PROG_ATTACH.attachFlags, flags, true);
  check('bpf BPF_PROG_ATTACH', sys.bpf(BPF_PROG_ATTACH, bytes));
}

/**
 * A map from 32-bit numbers to 32-bit numbers.
 *
 * @param type BPF_MAP_TYPE_...
 * @returns its descriptor
 * @throws SyscallError
 */
export function createMap(type: number, entries: number): number {
  const bytes = new Uint8Array(BPF_ATTR_MAP_CREATE.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(BPF_ATTR_MAP_CREATE.mapType, type, true);
  view.setUint32(BPF_ATTR_MAP_CREATE.keySize, 4, true);
  view.setUint32(BPF_ATTR_MAP_CREATE.valueSize, 4, true);
  view.setUint32(BPF_ATTR_MAP_CREATE.maxEntries, entries, true);
  return check('bpf BPF_MAP_CREATE', sys.bpf(BPF_MAP_CREATE, bytes));
}

/** @throws SyscallError */
export function setMapEntry(map: number, key: number, value: number): void {
  const pairAt = BPF_ATTR_MAP_ELEM.size;
  const bytes = new Uint8Array(pairAt + 8);
  const view = new DataView(bytes.buffer);
  const address = ffi.addressOf(bytes);
  view.setUint32(BPF_ATTR_MAP_ELEM.mapFd, map, true);
  view.setBigUint64(BPF_ATTR_MAP_ELEM.key, BigInt(address + pairAt), true);
  view.setBigUint64(BPF_ATTR_MAP_ELEM.value, BigInt(address + pairAt + 4), true);
  view.setUint32(pairAt, key, true);
  view.setUint32(pairAt + 4, value, true);
  check('bpf BPF_MAP_UPDATE_ELEM', sys.bpf(BPF_MAP_UPDATE_ELEM, bytes.subarray(0, BPF_ATTR_MAP_ELEM.size)));
}

/**
 * The error for what any program on a netdev may meet: the netdev is gone, or tswitch may not. Null: it is something else.
 *
 * @param what could not be done, with the system's words
 */
export function explainRefusal(error: SyscallError, what: string): TswitchError | null {
  switch (error.errno) {
    case ENODEV:
      return new TswitchError('NETDEV_NOT_FOUND', `${what}: it is gone`, undefined, error);
    case EPERM:
    case EACCES:
      return new TswitchError(
        'NOT_PERMITTED',
        `${what}: tswitch needs CAP_BPF (or CAP_SYS_ADMIN) and CAP_NET_ADMIN`,
        undefined,
        error,
      );
    default:
      return null;
  }
}
