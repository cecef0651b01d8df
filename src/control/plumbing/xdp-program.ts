/**
 * The XDP program of a port: gives each frame to the AF_XDP socket of the queue it came by. A frame that no socket takes is
 * dropped, never passed on: the host's stack hears nothing of the netdev. Six instructions, loaded as they stand here.
 */
import {
  BPF_ALU64,
  BPF_CALL,
  BPF_DW,
  BPF_EXIT,
  BPF_F_XDP_HAS_FRAGS,
  BPF_FUNC_redirect_map,
  BPF_IMM,
  BPF_LDX,
  BPF_MAP_TYPE_XSKMAP,
  BPF_MEM,
  BPF_MOV,
  BPF_PROG_TYPE_XDP,
  BPF_PSEUDO_MAP_FD,
  BPF_XDP,
  XDP_DROP,
  XDP_FLAGS_DRV_MODE,
  XDP_FLAGS_SKB_MODE,
  XDP_MD,
} from '../../../native-bindings/abi/bpf.ts';
import { EACCES, EBUSY, EEXIST, ENODEV, EPERM } from '../../../native-bindings/abi/errno.ts';
import { BPF_JMP, BPF_K, BPF_LD, BPF_W } from '../../../native-bindings/abi/filter.ts';
import { errnoName, SyscallError, sys } from '../../../native-bindings/syscalls.ts';
import { TswitchError } from '../errors.ts';
import type { XdpMode } from '../model.ts';
import { createMap, explainRefusal, type Instruction, linkToNetdev, loadProgram, setMapEntry } from './bpf.ts';

export class XdpProgram {
  readonly mode: XdpMode;
  readonly #map: number;
  #link: number;

  private constructor(mode: XdpMode, map: number, link: number) {
    this.mode = mode;
    this.#map = map;
    this.#link = link;
  }

  /**
   * Attaches the program to a netdev of the namespace the main thread is in, in the driver if that can. From then on, until
   * `direct` is called, all of the netdev's frames are dropped.
   *
   * @param name of the netdev, for messages
   * @throws TswitchError NETDEV_BUSY, NOT_PERMITTED, NOT_SUPPORTED, NETDEV_NOT_FOUND
   */
  static attach(ifindex: number, name: string, queues: number): XdpProgram {
    let map = -1;
    let program = -1;
    try {
      map = createMap(BPF_MAP_TYPE_XSKMAP, queues);
      program = loadProgram({
        type: BPF_PROG_TYPE_XDP,
        name: 'tswitch_xdp',
        instructions: redirectBy(map),
        flags: BPF_F_XDP_HAS_FRAGS,
        attachType: BPF_XDP,
      });
      const [mode, link] = linkTo(ifindex, program);
      return new XdpProgram(mode, map, link);
    } catch (error) {
      if (map >= 0) sys.close(map);
      throw error instanceof SyscallError ? explain(error, name) : error;
    } finally {
      // The link keeps the program.
      if (program >= 0) sys.close(program);
    }
  }

  /** From now on the queue's frames go to the socket. */
  direct(queue: number, socket: number): void {
    setMapEntry(this.#map, queue, socket);
  }

  /** Gives the netdev back. */
  close(): void {
    if (this.#link < 0) return;
    sys.close(this.#link);
    sys.close(this.#map);
    this.#link = -1;
  }
}

/** return bpf_redirect_map(map, context->rx_queue_index, XDP_DROP). */
function redirectBy(map: number): Instruction[] {
  return [
    { code: BPF_LDX | BPF_W | BPF_MEM, to: 2, from: 1, off: XDP_MD.rxQueueIndex },
    { code: BPF_LD | BPF_DW | BPF_IMM, to: 1, from: BPF_PSEUDO_MAP_FD, imm: map },
    { code: 0 },
    { code: BPF_ALU64 | BPF_MOV | BPF_K, to: 3, imm: XDP_DROP },
    { code: BPF_JMP | BPF_CALL, imm: BPF_FUNC_redirect_map },
    { code: BPF_JMP | BPF_EXIT },
  ];
}

/** Errors that the other mode would meet as well. */
const NO_USE_TO_TRY_ON: readonly number[] = [EPERM, EACCES, ENODEV, EBUSY, EEXIST];

/** In the driver; where it cannot (no XDP at all, too many queues, an MTU or an offload that it cannot do), behind it. */
function linkTo(ifindex: number, program: number): [XdpMode, number] {
  try {
    return ['native', linkToNetdev(program, ifindex, BPF_XDP, XDP_FLAGS_DRV_MODE)];
  } catch (error) {
    if (!(error instanceof SyscallError) || NO_USE_TO_TRY_ON.includes(error.errno)) throw error;
    return ['generic', linkToNetdev(program, ifindex, BPF_XDP, XDP_FLAGS_SKB_MODE)];
  }
}

function explain(error: SyscallError, name: string): TswitchError {
  const what = `no XDP program could be attached to ${name} (${error.message})`;
  if (error.errno === EBUSY || error.errno === EEXIST) {
    return new TswitchError(
      'NETDEV_BUSY',
      `${name} has an XDP program of somebody else's already: take that off (\`ip link set ${name} xdp off\`), or add the port with kind packet`,
      undefined,
      error,
    );
  }
  return (
    explainRefusal(error, what) ??
    new TswitchError(
      'NOT_SUPPORTED',
      `${what}: neither its driver nor this kernel can do it with its present settings (${errnoName(error.errno)}); kind packet works`,
      undefined,
      error,
    )
  );
}
