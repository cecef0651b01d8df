/** The host's stack hears nothing that enters a guarded netdev; packet sockets do. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { AF_PACKET, MSG_DONTWAIT, SOCKADDR_LL, SOCK_CLOEXEC, SOCK_RAW } from '../../../native-bindings/abi/socket.ts';
import { check, sys } from '../../../native-bindings/syscalls.ts';
import { guardByFilter, guardNetdev, guardOwnNetdev } from '../../../src/control/plumbing/host-guard.ts';
import { ipBatch } from '../../../src/control/plumbing/ip.ts';
import { createVethPair, deleteNetdev, readNetdev } from '../../../src/control/plumbing/netdev.ts';
import { sleep, until } from '../../support/lab.ts';
import { OWN, RED, pair, plumbingUrl, run, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await setStage();
});

afterEach(() => deleteNetdev(OWN));

afterAll(() => stage?.close());

const ETH_P_ALL_BIG_ENDIAN = 0x0300;
const HEARD_PORT = 40_000 + (process.pid % 10_000);

/** Whether one ping from the namespace is answered within the time. */
function ping(address: string, waitSeconds = 1): Promise<boolean> {
  return run('nsenter', [`--net=${stage.red.path}`, 'ping', '-c', '1', '-W', String(waitSeconds), address]).then(
    () => true,
    () => false,
  );
}

/** A netdev with an address of the host's, as a `packet` port finds it. */
async function foreignPair(): Promise<number> {
  await ipBatch(null, [
    ['link', 'add', 'name', OWN, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', stage.red.path],
    ['address', 'add', '10.77.0.2/24', 'dev', OWN],
    ['link', 'set', 'dev', OWN, 'up'],
  ]);
  await ipBatch(stage.red, [
    ['address', 'add', '10.77.0.1/24', 'brd', '+', 'dev', 'eth0'],
    ['link', 'set', 'dev', 'eth0', 'up'],
  ]);
  return readNetdev(null, OWN)!.index;
}

/** Broadcasts from the namespace; gives how many datagrams a host socket and how many frames a packet socket heard. */
async function broadcast(ifindex: number): Promise<{ host: number; tap: number }> {
  const listener = createSocket('udp4');
  let heard = 0;
  listener.on('message', () => heard++);
  await new Promise<void>((resolve) => listener.bind(HEARD_PORT, '0.0.0.0', resolve));
  const fd = check('socket', sys.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  try {
    const address = new Uint8Array(SOCKADDR_LL.size);
    const view = new DataView(address.buffer);
    view.setUint16(SOCKADDR_LL.family, AF_PACKET, true);
    view.setUint16(SOCKADDR_LL.protocol, ETH_P_ALL_BIG_ENDIAN, true);
    view.setInt32(SOCKADDR_LL.ifindex, ifindex, true);
    check('bind', sys.bind(fd, address, address.length));
    const script =
      `const s = require('node:dgram').createSocket('udp4'); s.bind(0, () => { s.setBroadcast(true);` +
      `for (const to of ['10.77.0.255', '255.255.255.255']) s.send('marker', ${HEARD_PORT}, to, () => s.unref()); });`;
    await ipBatch(stage.red, [['route', 'replace', '255.255.255.255', 'dev', 'eth0']]);
    await run('nsenter', [`--net=${stage.red.path}`, process.execPath, '-e', script]);
    let tap = 0;
    const frame = new Uint8Array(2048);
    await until('the packet socket to hear both', () => {
      for (let length; (length = sys.recvBytes(fd, frame, MSG_DONTWAIT)) > 0;) {
        if (Buffer.from(frame.subarray(0, length)).includes('marker')) tap++;
      }
      return tap >= 2;
    });
    // The host's socket gets them behind it, and is read between two timers.
    for (let k = 0; k < 5; k++) await sleep(20);
    return { host: heard, tap };
  } finally {
    sys.close(fd);
    listener.close();
  }
}

test('without a guard the host hears broadcasts and answers; with one only the packet socket does', async () => {
  const index = await foreignPair();
  expect(await broadcast(index)).toEqual({ host: 2, tap: 2 });
  expect(await ping('10.77.0.2', 20)).toBe(true);
  const guard = guardNetdev(index);
  expect(await broadcast(index)).toEqual({ host: 0, tap: 2 });
  await ipBatch(stage.red, [['neighbour', 'flush', 'dev', 'eth0']]);
  expect(await ping('10.77.0.2')).toBe(false);
  expect((await run('ip', ['-n', RED, 'neighbour', 'show', '10.77.0.2'])).stdout).not.toContain('lladdr');
  guard.close();
  guard.close();
  // The namespace asks for the address again up to a second after the last time it asked in vain.
  await until('the host to hear its netdev again', () => ping('10.77.0.2'));
});

test('on a pair of our own it is on before the first frame', async () => {
  let index = 0;
  await createVethPair(
    pair(stage.red, {
      addresses: ['10.77.0.1/24'],
      beforeUp: async (ownIndex) => {
        index = ownIndex;
        await guardOwnNetdev(OWN, ownIndex);
      },
    }),
  );
  await ipBatch(stage.red, [['address', 'replace', '10.77.0.1/24', 'brd', '+', 'dev', 'eth0']]);
  expect(await broadcast(index)).toEqual({ host: 0, tap: 2 });
});

test('the filter for older kernels does the same', async () => {
  const index = await foreignPair();
  await guardByFilter(OWN);
  expect(await broadcast(index)).toEqual({ host: 0, tap: 2 });
  await expect(guardByFilter(OWN)).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
});

test('ends with its process', async () => {
  const index = await foreignPair();
  const module = plumbingUrl('host-guard.ts');
  const script = `const { guardNetdev } = await import('${module}'); guardNetdev(${index}); console.log('on'); setInterval(() => {}, 1e6);`;
  const guard = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => guard.once('exit', resolve));
  await new Promise((resolve) => guard.stdout.once('data', resolve));
  expect(await ping('10.77.0.2')).toBe(false);
  guard.kill('SIGKILL');
  await ended;
  // The kernel frees the link a little after the process.
  await until('the host to hear its netdev again', () => ping('10.77.0.2'));
});

test('of a netdev that tswitch made it stays when the process has ended', async () => {
  const index = await foreignPair();
  const module = plumbingUrl('host-guard.ts');
  const script = `const { guardOwnNetdev } = await import('${module}'); await guardOwnNetdev('${OWN}', ${index});`;
  await run(process.execPath, ['--input-type=module', '-e', script]);
  expect(await broadcast(index)).toEqual({ host: 0, tap: 2 });
});

test('a netdev that is gone', () => {
  expect(() => guardNetdev(0x7fff_0000)).toThrow(expect.objectContaining({ code: 'NETDEV_NOT_FOUND' }));
});
