/** eBPF: bpf(2) (linux/bpf.h). BPF_JMP, BPF_K and the other codes shared with classic BPF are in filter.ts. */
import type { Newer } from './newer.ts';

/** Number of the system call (libc has no function for it): x86_64's own table, asm-generic/unistd.h for arm64. */
export const SYS_BPF = process.arch === 'x64' ? 321 : 280;

/** Commands. */
export const BPF_MAP_CREATE = 0;
export const BPF_MAP_UPDATE_ELEM = 2;
export const BPF_PROG_LOAD = 5;
export const BPF_PROG_ATTACH = 8;
export const BPF_LINK_CREATE = 28;

export const BPF_PROG_TYPE_SCHED_CLS = 3;
export const BPF_PROG_TYPE_XDP = 6;

/** For BPF_PROG_LOAD: the program copes with frames that lie in several pieces. */
export const BPF_F_XDP_HAS_FRAGS = 0x20;

/** From queue number to AF_XDP socket. */
export const BPF_MAP_TYPE_XSKMAP = 17;

/** Places to attach a link at. */
export const BPF_XDP = 37;
export const BPF_TCX_INGRESS = 46;

/** For BPF_LINK_CREATE at BPF_XDP: before the driver has made a socket buffer, or behind it (linux/if_link.h). */
export const XDP_FLAGS_SKB_MODE = 2;
export const XDP_FLAGS_DRV_MODE = 4;
/** For BPF_LINK_CREATE and BPF_PROG_ATTACH at BPF_TCX_INGRESS: goes before the programs that are attached already. */
export const BPF_F_BEFORE = 8;

/** What an XDP program returns for a frame that nobody is to hear of. */
export const XDP_DROP = 1;

/** What a program at BPF_TCX_INGRESS may return: hand over to the next program, let the frame in, drop it. */
export const TCX_NEXT = -1;
export const TCX_PASS = 0;
export const TCX_DROP = 2;

/** Instruction codes that only eBPF has. */
export const BPF_LDX = 0x01;
export const BPF_ALU64 = 0x07;
export const BPF_MEM = 0x60;
export const BPF_DW = 0x18;
export const BPF_IMM = 0x00;
export const BPF_MOV = 0xb0;
export const BPF_CALL = 0x80;
export const BPF_EXIT = 0x90;

/** As source register of a 64-bit load: the immediate is a map's descriptor. */
export const BPF_PSEUDO_MAP_FD = 1;
/** Helper function r0(r1 map, r2 key, r3 what to return where the map has no such key). */
export const BPF_FUNC_redirect_map = 51;

/** struct bpf_insn; `registers` holds the destination in its low and the source in its high half. */
export const BPF_INSN = { code: 0, registers: 1, off: 2, imm: 4, size: 8 } as const;

/** struct xdp_md, what an XDP program is given; as far as it is used. */
export const XDP_MD = { rxQueueIndex: 16 } as const;

/** union bpf_attr for BPF_MAP_CREATE, as far as it is used; `size` is where the part in use ends. */
export const BPF_ATTR_MAP_CREATE = { mapType: 0, keySize: 4, valueSize: 8, maxEntries: 12, size: 16 } as const;

/** union bpf_attr for BPF_MAP_UPDATE_ELEM; key and value are addresses. */
export const BPF_ATTR_MAP_ELEM = { mapFd: 0, key: 8, value: 16, flags: 24, size: 32 } as const;

/** union bpf_attr for BPF_PROG_ATTACH, as far as it is used; at BPF_TCX_INGRESS `targetFd` is the netdev's index. */
export const BPF_ATTR_PROG_ATTACH = { targetFd: 0, attachBpfFd: 4, attachType: 8, attachFlags: 12, size: 16 } as const;

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

/** union bpf_attr for BPF_LINK_CREATE, as far as it is used. For netdevs, `targetFd` is the index. */
export const BPF_ATTR_LINK_CREATE = { progFd: 0, targetFd: 4, attachType: 8, flags: 12, size: 16 } as const;

export const NEWER: Newer = {
  BPF_F_BEFORE: { value: 8, since: '6.6', source: 'linux/bpf.h' },
  BPF_TCX_INGRESS: { value: 46, since: '6.6', source: 'linux/bpf.h' },
  TCX_NEXT: { value: -1, since: '6.6', source: 'linux/bpf.h' },
  TCX_PASS: { value: 0, since: '6.6', source: 'linux/bpf.h' },
  TCX_DROP: { value: 2, since: '6.6', source: 'linux/bpf.h' },
};
