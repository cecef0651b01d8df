/** Classic BPF, for SO_ATTACH_FILTER (linux/filter.h, linux/bpf_common.h). */

/** Instruction codes: a class, and what is added to it. eBPF uses the same, see bpf.ts. */
export const BPF_LD = 0x00;
export const BPF_ALU = 0x04;
export const BPF_JMP = 0x05;
export const BPF_RET = 0x06;
export const BPF_W = 0x00;
export const BPF_H = 0x08;
export const BPF_B = 0x10;
export const BPF_ABS = 0x20;
export const BPF_LEN = 0x80;
export const BPF_AND = 0x50;
export const BPF_JEQ = 0x10;
export const BPF_JGT = 0x20;
export const BPF_JGE = 0x30;
export const BPF_K = 0x00;

/**
 * The whole codes of common instructions: load the frame's length, or 16 bits of it in network byte order, or 32; jump if
 * equal to k, or greater; return k.
 */
export const BPF_LD_W_LEN = BPF_LD | BPF_W | BPF_LEN;
export const BPF_LD_H_ABS = BPF_LD | BPF_H | BPF_ABS;
export const BPF_LD_W_ABS = BPF_LD | BPF_W | BPF_ABS;
export const BPF_JEQ_K = BPF_JMP | BPF_JEQ | BPF_K;
export const BPF_JGT_K = BPF_JMP | BPF_JGT | BPF_K;
export const BPF_RET_K = BPF_RET | BPF_K;

/** struct sock_filter: one instruction; `jt` and `jf` count the instructions to skip. */
export const SOCK_FILTER = { code: 0, jt: 2, jf: 3, k: 4, size: 8 } as const;

/** struct sock_fprog: `len` instructions at the address `filter`. */
export const SOCK_FPROG = { len: 0, filter: 8, size: 16 } as const;
