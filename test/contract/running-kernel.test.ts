/**
 * The numbers that the installed headers may not know, tried on the running kernel: it refuses wrong ones. Root only; on
 * kernels older than the numbers, nothing can be told.
 */
import { release } from 'node:os';
import { afterEach, describe, expect, test, type TestContext } from 'vitest';
import * as bpf from '../../native-bindings/abi/bpf.ts';
import { EINVAL } from '../../native-bindings/abi/errno.ts';
import { O_CLOEXEC, O_RDWR } from '../../native-bindings/abi/fcntl.ts';
import { BPF_JMP, BPF_K } from '../../native-bindings/abi/filter.ts';
import * as ifPacket from '../../native-bindings/abi/if-packet.ts';
import * as ifTun from '../../native-bindings/abi/if-tun.ts';
import { IFREQ, SIOCGIFINDEX } from '../../native-bindings/abi/ioctl.ts';
import type { Newer } from '../../native-bindings/abi/newer.ts';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_RAW, SOL_PACKET } from '../../native-bindings/abi/socket.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';

const [major = 0, minor = 0] = release().split('.').map(Number);

/** Leaves a test out, with the reason, where the kernel is too old or the right to ask it is missing. */
function skipWithout(context: TestContext, newer: Newer): void {
  context.skip(process.getuid?.() !== 0, 'needs root');
  for (const [name, { since }] of Object.entries(newer)) {
    const [sinceMajor = 0, sinceMinor = 0] = since.split('.').map(Number);
    const isOld = major < sinceMajor || (major === sinceMajor && minor < sinceMinor);
    context.skip(isOld, `${name} came with Linux ${since}`);
  }
}

const opened: number[] = [];
afterEach(() => {
  for (const fd of opened.splice(0)) sys.close(fd);
});

function keep(call: string, fd: number): number {
  opened.push(check(call, fd));
  return fd;
}

/** A TAP of a name the kernel chooses, gone when it is closed; with the ifreq that names it. */
function openTap(): { tap: number; ifreq: DataView } {
  const tap = keep('open', sys.open('/dev/net/tun', O_RDWR | O_CLOEXEC));
  const ifreq = new DataView(new ArrayBuffer(IFREQ.size));
  ifreq.setUint16(IFREQ.flags, ifTun.IFF_TAP | ifTun.IFF_NO_PI | ifTun.IFF_VNET_HDR, true);
  check('ioctl TUNSETIFF', sys.ioctl(tap, ifTun.TUNSETIFF, new Uint8Array(ifreq.buffer)));
  return { tap, ifreq };
}

describe('the running kernel', () => {
  test('takes TUN_F_USO4 and TUN_F_USO6, and not the next bit', (context) => {
    skipWithout(context, ifTun.NEWER);
    const { tap } = openTap();
    const offloads = ifTun.TUN_F_CSUM | ifTun.TUN_F_TSO4 | ifTun.TUN_F_TSO6 | ifTun.TUN_F_USO4 | ifTun.TUN_F_USO6;
    expect(sys.ioctlInt(tap, ifTun.TUNSETOFFLOAD, offloads)).toBe(0);
    // Either bit alone is refused by those who know it.
    expect(sys.ioctlInt(tap, ifTun.TUNSETOFFLOAD, ifTun.TUN_F_CSUM | ifTun.TUN_F_USO4)).toBe(-EINVAL);
    expect(sys.ioctlInt(tap, ifTun.TUNSETOFFLOAD, ifTun.TUN_F_CSUM | 0x8000)).toBe(-EINVAL);
  });

  test('reads back PACKET_VNET_HDR_SZ', (context) => {
    skipWithout(context, ifPacket.NEWER);
    const socket = keep('socket', sys.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    const value = new Uint8Array(4);
    new DataView(value.buffer).setInt32(0, 12, true);
    expect(sys.setsockopt(socket, SOL_PACKET, ifPacket.PACKET_VNET_HDR_SZ, value)).toBe(0);
    value.fill(0);
    expect(sys.getsockopt(socket, SOL_PACKET, ifPacket.PACKET_VNET_HDR_SZ, value)).toBe(4);
    expect([...value]).toEqual([12, 0, 0, 0]);
  });

  test('attaches a program that drops at BPF_TCX_INGRESS', (context) => {
    skipWithout(context, bpf.NEWER);
    const { ifreq } = openTap();
    const socket = keep('socket', sys.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    check('ioctl SIOCGIFINDEX', sys.ioctl(socket, SIOCGIFINDEX, new Uint8Array(ifreq.buffer)));

    const { BPF_ATTR_PROG_LOAD: LOAD, BPF_ATTR_LINK_CREATE: LINK, BPF_INSN: INSN } = bpf;
    const program = new DataView(new ArrayBuffer(2 * INSN.size));
    program.setUint8(INSN.code, bpf.BPF_ALU64 | bpf.BPF_MOV | BPF_K);
    program.setInt32(INSN.imm, bpf.TCX_DROP, true);
    program.setUint8(INSN.size + INSN.code, BPF_JMP | bpf.BPF_EXIT);
    const license = new TextEncoder().encode('GPL\0');
    const load = new DataView(new ArrayBuffer(LOAD.size));
    load.setUint32(LOAD.progType, bpf.BPF_PROG_TYPE_SCHED_CLS, true);
    load.setUint32(LOAD.insnCnt, program.byteLength / INSN.size, true);
    load.setBigUint64(LOAD.insns, BigInt(sys.addressOf(new Uint8Array(program.buffer))), true);
    load.setBigUint64(LOAD.license, BigInt(sys.addressOf(license)), true);
    const loaded = keep('bpf BPF_PROG_LOAD', sys.bpf(bpf.BPF_PROG_LOAD, new Uint8Array(load.buffer)));

    const link = new DataView(new ArrayBuffer(LINK.size));
    link.setUint32(LINK.progFd, loaded, true);
    link.setUint32(LINK.targetFd, ifreq.getInt32(IFREQ.ifindex, true), true);
    link.setUint32(LINK.attachType, bpf.BPF_TCX_INGRESS, true);
    keep('bpf BPF_LINK_CREATE', sys.bpf(bpf.BPF_LINK_CREATE, new Uint8Array(link.buffer)));
    // A program of this type fits no other place around there.
    link.setUint32(LINK.attachType, bpf.BPF_TCX_INGRESS - 1, true);
    expect(sys.bpf(bpf.BPF_LINK_CREATE, new Uint8Array(link.buffer))).toBe(-EINVAL);
  });
});
