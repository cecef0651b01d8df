/**
 * "No frame that enters a port reaches the host's own stack": a program of two instructions that drops everything, on the
 * ingress side of the port's netdev in the daemon's namespace. Packet taps, the switch's among them, hear a frame before
 * that place; ARP, IP, bridges and forwarding come behind it. Put there before the netdev comes up, it leaves no gap.
 *
 * On a netdev that was there before it is attached by a tcx link (Linux 6.6), which the kernel takes away when its descriptor is
 * closed, however the process ends: such a netdev is never left deaf. A netdev that tswitch made itself is guarded for its whole
 * life, so that its host hears nothing either while no daemon runs; there a filter of an older kernel serves too.
 */
import {
  BPF_ALU64,
  BPF_EXIT,
  BPF_F_BEFORE,
  BPF_MOV,
  BPF_PROG_TYPE_SCHED_CLS,
  BPF_TCX_INGRESS,
  TCX_DROP,
} from '../../../native-bindings/abi/bpf.ts';
import { EINVAL } from '../../../native-bindings/abi/errno.ts';
import { BPF_JMP, BPF_K } from '../../../native-bindings/abi/filter.ts';
import { SyscallError, sys } from '../../../native-bindings/syscalls.ts';
import { TswitchError } from '../errors.ts';
import { attachToNetdev, explainRefusal, linkToNetdev, loadProgram, type Program } from './bpf.ts';
import { runTool } from './tool.ts';

/** r0 = TCX_DROP; exit. It goes before the programs that are attached already, which could let frames in otherwise. */
const DROP_ALL: Program = {
  type: BPF_PROG_TYPE_SCHED_CLS,
  name: 'tswitch_guard',
  instructions: [{ code: BPF_ALU64 | BPF_MOV | BPF_K, to: 0, imm: TCX_DROP }, { code: BPF_JMP | BPF_EXIT }],
};

/** Classic BPF for `tc`: one instruction, `return TC_ACT_SHOT` (linux/pkt_cls.h). */
const DROP_BYTECODE = '1,6 0 0 2';

export interface HostGuard {
  /** Lets the host hear the netdev again. */
  close(): void;
}

/**
 * Guards a netdev of the namespace the main thread is in, whoever made it.
 *
 * @throws TswitchError NOT_SUPPORTED before Linux 6.6, NOT_PERMITTED, NETDEV_NOT_FOUND
 */
export function guardNetdev(ifindex: number): HostGuard {
  const link = withProgram(ifindex, (program) => linkToNetdev(program, ifindex, BPF_TCX_INGRESS, BPF_F_BEFORE));
  let isOpen = true;
  return {
    close() {
      if (isOpen) sys.close(link);
      isOpen = false;
    },
  };
}

/** What it is attached by keeps the program. */
function withProgram<T>(ifindex: number, attach: (program: number) => T): T {
  try {
    const program = loadProgram(DROP_ALL);
    try {
      return attach(program);
    } finally {
      sys.close(program);
    }
  } catch (error) {
    throw error instanceof SyscallError ? explain(error, ifindex) : error;
  }
}

/**
 * Guards a netdev that tswitch made, for as long as it lives; also where the kernel is older than Linux 6.6.
 *
 * @param name of the netdev with this index, in the daemon's namespace
 */
export async function guardOwnNetdev(name: string, ifindex: number): Promise<void> {
  try {
    withProgram(ifindex, (program) => attachToNetdev(program, ifindex, BPF_TCX_INGRESS, BPF_F_BEFORE));
  } catch (error) {
    const isMissing =
      error instanceof TswitchError && (error.code === 'NOT_SUPPORTED' || error.code === 'NOT_PERMITTED');
    if (!isMissing) throw error;
    await guardByFilter(name);
  }
}

/**
 * The same by a classic filter, for a netdev that has no clsact queueing discipline yet. Needs neither act_gact nor bpf(2).
 *
 * @throws TswitchError NOT_SUPPORTED where `tc` or the kernel's cls_bpf is missing, NOT_PERMITTED
 */
export async function guardByFilter(name: string): Promise<void> {
  await runTc(['qdisc', 'add', 'dev', name, 'clsact']);
  await runTc([
    'filter',
    'add',
    'dev',
    name,
    'ingress',
    'protocol',
    'all',
    'prio',
    '1',
    'bpf',
    'da',
    'bytecode',
    DROP_BYTECODE,
  ]);
}

async function runTc(args: readonly string[]): Promise<void> {
  const { status, stderr } = await runTool('tc', args);
  if (status === 0) return;
  const refused = /Operation not permitted/.test(stderr);
  throw new TswitchError(
    refused ? 'NOT_PERMITTED' : 'NOT_SUPPORTED',
    `the host's stack cannot be kept from hearing ${args[3]} (tc: ${stderr.trim()}): ` +
      (refused ? 'tswitch needs CAP_NET_ADMIN' : 'use Linux 6.6 or later, or a kernel with sch_ingress and cls_bpf'),
  );
}

function explain(error: SyscallError, ifindex: number): TswitchError {
  const what = `the host's stack cannot be kept from hearing netdev ${ifindex} (${error.message})`;
  const refusal = explainRefusal(error, what);
  if (refusal) return refusal;
  return error.errno === EINVAL
    ? new TswitchError(
        'NOT_SUPPORTED',
        `${what}: it needs Linux 6.6 or later, with CAP_BPF and CAP_NET_ADMIN`,
        undefined,
        error,
      )
    : new TswitchError('INTERNAL', what, undefined, error);
}
