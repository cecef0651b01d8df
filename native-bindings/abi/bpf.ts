/** eBPF: bpf(2) (linux/bpf.h). BPF_JMP, BPF_K and the other codes shared with classic BPF are in filter.ts. */
import type { Newer } from './newer.ts';

/** Number of the system call (libc has no function for it): x86_64's own table, asm-generic/unistd.h for arm64. */
export const SYS_BPF = process.arch === 'x64' ? 321 : 280;

/** Commands. */
export const BPF_PROG_LOAD = 5;
export const BPF_LINK_CREATE = 28;

export const BPF_PROG_TYPE_SCHED_CLS = 3;

/** Places to attach a link at. */
export const BPF_TCX_INGRESS = 46;

/** What a program at BPF_TCX_INGRESS may return: hand over to the next program, let the frame in, drop it. */
export const TCX_NEXT = -1;
export const TCX_PASS = 0;
export const TCX_DROP = 2;

/** Instruction codes that only eBPF has. */
export const BPF_ALU64 = 0x07;
export const BPF_MOV = 0xb0;
export const BPF_EXIT = 0x90;

/** struct bpf_insn; `registers` holds the destination in its low and the source in its high half. */
export const BPF_INSN = { code: 0, registers: 1, off: 2, imm: 4, size: 8 } as const;

/** union bpf_attr for BPF_PROG_LOAD, as far as it is used; `size` is where the part in use ends. */
export const BPF_ATTR_PROG_LOAD = {
  progType: 0,
  insnCnt: 4,
  insns: 8,
  license: 16,
  logLevel: 24,
  logSize: 28,
  logBuf: 32,
  kernVersion: 40,
  progFlags: 44,
  progName: 48,
  progIfindex: 64,
  expectedAttachType: 68,
  size: 72,
} as const;

/** union bpf_attr for BPF_LINK_CREATE, as far as it is used. For tcx, `targetFd` is the netdev's index. */
export const BPF_ATTR_LINK_CREATE = { progFd: 0, targetFd: 4, attachType: 8, flags: 12, size: 16 } as const;

export const NEWER: Newer = {
  BPF_TCX_INGRESS: { value: 46, since: '6.6', source: 'linux/bpf.h' },
  TCX_NEXT: { value: -1, since: '6.6', source: 'linux/bpf.h' },
  TCX_PASS: { value: 0, since: '6.6', source: 'linux/bpf.h' },
  TCX_DROP: { value: 2, since: '6.6', source: 'linux/bpf.h' },
};
