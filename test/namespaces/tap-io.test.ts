/** TAPs by io_uring and, where that is forbidden, by a system call per frame: both carry traffic, and which one is told. */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { ENOSYS, EPERM } from '../../native-bindings/abi/errno.ts';
import { SILENT } from '../../src/control/log.ts';
import { chooseTapIo } from '../../src/control/tap-io.ts';
import { TAP_IOS, type TapIo } from '../../src/control/model.ts';
import { stop } from '../support/agents.ts';
import { cliRunner, MAIN } from '../support/cli-runner.ts';
import { expectBalance, expectTcp, expectUdp, type Host, Lab, until } from '../support/lab.ts';

const FORBID = fileURLToPath(new URL('../support/forbid-io-uring.ts', import.meta.url));

const lab = new Lab();
afterEach(async () => {
  delete process.env['TSWITCH_TAP_IO'];
  await lab.close();
});

async function twoHosts(): Promise<[Host, Host]> {
  return [await lab.netns('a', { ipv6: false }), await lab.netns('b', { ipv6: false })];
}

test.each(TAP_IOS)('TAPs by %s: every byte of TCP and every datagram arrives', async (tapIo) => {
  process.env['TSWITCH_TAP_IO'] = tapIo;
  const lan = await lab.switch();
  expect(lan.settings().tapIo).toBe(tapIo);
  const [a, b] = await twoHosts();
  await lab.plug(lan, a, 'tap', { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'tap', { addresses: ['10.55.0.2/24'] });
  expect(await a.pings('10.55.0.2')).toBe(true);
  await expectTcp(a, b, '10.55.0.2');
  await expectUdp(a, b, '10.55.0.2');
  await expectBalance(lan);
});

/** A daemon that is refused io_uring, and what it says on stderr. */
function serve(errno: number, wished?: TapIo): { socket: string; said: () => string; ended: Promise<number | null> } {
  const socket = join(tmpdir(), `tswt-${process.pid}-tap-io.sock`);
  const env = { ...process.env, TSWT_IO_URING_ERRNO: String(errno), ...(wished && { TSWITCH_TAP_IO: wished }) };
  const child = spawn(process.execPath, ['--import', FORBID, MAIN, 'serve', '--socket', socket, '--ephemeral'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  lab.defer(() => rmSync(socket, { force: true }));
  lab.defer(() => stop(child));
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const { promise: ended, resolve } = Promise.withResolvers<number | null>();
  child.on('close', resolve);
  return { socket, said: () => said, ended };
}

test.each([
  ['EPERM', EPERM, 'set sysctl kernel.io_uring_disabled to 0, or let the seccomp filter pass io_uring_setup'],
  ['ENOSYS', ENOSYS, 'this kernel has none, or a seccomp filter hides it'],
])('io_uring refused by %s: the daemon says what to do, and TAPs work', async (name, errno, remedy) => {
  const [a, b] = await twoHosts();
  const { socket, said } = serve(errno);
  const tswitch = cliRunner(socket);
  const view = async (): Promise<{ tapIo?: string }> => {
    const { code, stdout } = await tswitch(['switch', 'show', '--json']);
    return code === 0 ? (JSON.parse(stdout) as { tapIo?: string }) : {};
  };
  await until('the daemon to answer', async () => (await view()).tapIo !== undefined);
  expect((await view()).tapIo).toBe('syscalls');
  expect(said()).toMatch(/ warn {2}tap ports work with a system call per frame reason=/);
  expect(said()).toContain(`io_uring cannot be used (io_uring_setup: ${name}`);
  expect(said()).toContain(remedy);
  for (const [k, host] of [a, b].entries()) {
    const plug = await tswitch(['plug', host.name, '--kind', 'tap', '--ip', `10.55.0.${k + 1}/24`]);
    expect(plug.stderr).toBe('');
  }
  expect(await a.pings('10.55.0.2')).toBe(true);
  await expectTcp(a, b, '10.55.0.2');
});

test('io_uring that is asked for by name and refused is an error', async () => {
  const { said, ended } = serve(EPERM, 'io_uring');
  expect(await ended).toBe(1);
  expect(said()).toMatch(/^tswitch: TSWITCH_TAP_IO asks for it, but io_uring cannot be used \(.*\)\n$/);
});

test('a name that nothing has is an error', () => {
  const choose = (name: string) => () => chooseTapIo(SILENT, name);
  expect(choose('epoll')).toThrow("TSWITCH_TAP_IO is 'epoll'; it can be 'io_uring' or 'syscalls', or unset");
  expect(choose('')).toThrow("TSWITCH_TAP_IO is ''");
});
