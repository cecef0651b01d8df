/**
 * For `node --import`: from here on the program and all it starts are refused io_uring, as in a container whose seccomp
 * profile forbids it. The errno is that of TSWT_IO_URING_ERRNO.
 */
import { BPF_JEQ_K, BPF_LD_W_ABS, BPF_RET_K, SOCK_FILTER, SOCK_FPROG } from '../../native-bindings/abi/filter.ts';
import { SYS_IO_URING_SETUP } from '../../native-bindings/abi/io-uring.ts';
import {
  PR_SET_SECCOMP,
  SECCOMP_DATA,
  SECCOMP_MODE_FILTER,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
} from '../../native-bindings/abi/seccomp.ts';
import { check, ffi } from '../../native-bindings/syscalls.ts';

const errno = Number(process.env['TSWT_IO_URING_ERRNO']);
const instructions = [
  [BPF_LD_W_ABS, 0, 0, SECCOMP_DATA.nr],
  [BPF_JEQ_K, 0, 1, SYS_IO_URING_SETUP],
  [BPF_RET_K, 0, 0, SECCOMP_RET_ERRNO | errno],
  [BPF_RET_K, 0, 0, SECCOMP_RET_ALLOW],
];
const code = new DataView(new ArrayBuffer(instructions.length * SOCK_FILTER.size));
instructions.forEach(([op, jt, jf, k], i) => {
  code.setUint16(i * SOCK_FILTER.size + SOCK_FILTER.code, op!, true);
  code.setUint8(i * SOCK_FILTER.size + SOCK_FILTER.jt, jt!);
  code.setUint8(i * SOCK_FILTER.size + SOCK_FILTER.jf, jf!);
  code.setUint32(i * SOCK_FILTER.size + SOCK_FILTER.k, k!, true);
});
const codeBytes = new Uint8Array(code.buffer);
const program = new DataView(new ArrayBuffer(SOCK_FPROG.size));
program.setUint16(SOCK_FPROG.len, instructions.length, true);
program.setBigUint64(SOCK_FPROG.filter, BigInt(ffi.addressOf(codeBytes)), true);
const prctl = ffi.bind('prctl', 'int', ['int', 'long', 'bytes']);
check('prctl(PR_SET_SECCOMP)', prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, new Uint8Array(program.buffer)));
