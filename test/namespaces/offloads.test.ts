/** What the switch does itself where a port does not take super-frames and unfinished checksums, and tunnels across it. */
import { afterEach, describe, expect, test } from 'vitest';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM } from '../../native-bindings/abi/socket.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import type { OffloadName, PortKind, SwitchControl } from '../../src/control/model.ts';
import { createHash } from 'node:crypto';
import { expectBalance, expectTcp, expectUdp, type Host, Lab, PATIENCE_MS } from '../support/lab.ts';
import { ipBytes } from '../support/packets.ts';
import { payloadBytes } from '../support/payload.ts';

const lab = new Lab();
afterEach(() => lab.close());

async function pair(a: PortKind, b: PortKind): Promise<{ lan: SwitchControl; near: Host; far: Host }> {
  const lan = await lab.switch();
  const near = await lab.netns('near');
  const far = await lab.netns('far');
  await lab.plug(lan, near, a, { addresses: ['10.55.0.1/24', 'fd55::1/64'] });
  await lab.plug(lan, far, b, { addresses: ['10.55.0.2/24', 'fd55::2/64'] });
  return { lan, near, far };
}

/** udp(7) of Linux. */
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const DATAGRAM_BYTES = 1400;

/** Sends one buffer that the kernel, or who comes after it, cuts into datagrams. */
function sendSegmented(from: Host, address: string, port: number, bytes: Uint8Array): void {
  const fd = from.inside(() => check('socket', sys.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)));
  const sockaddr = Uint8Array.from([AF_INET, 0, port >>> 8, port & 0xff, ...ipBytes(address), 0, 0, 0, 0, 0, 0, 0, 0]);
  check('connect', sys.connect(fd, sockaddr, sockaddr.length));
  const size = new Uint8Array(new Int32Array([DATAGRAM_BYTES]).buffer);
  check('UDP_SEGMENT', sys.setsockopt(fd, SOL_UDP, UDP_SEGMENT, size));
  check('send', sys.sendBytes(fd, bytes, 0));
  sys.close(fd);
}

describe('a port that takes', () => {
  test.each<[string, PortKind, PortKind, OffloadName[]]>([
    ['nothing', 'veth', 'veth', []],
    ['nothing', 'tap', 'tap', []],
    ['nothing', 'veth', 'tap', []],
    ['checksums only', 'veth', 'veth', ['csum']],
    ['TCP/IPv4 only', 'veth', 'veth', ['csum', 'tso4']],
  ])('%s: TCP from %s to %s arrives bit for bit', async (_, a, b, offloads) => {
    const { lan, near, far } = await pair(a, b);
    expect(await lan.patchPort(far.name, { offloads })).toMatchObject({ offloads });
    await expectTcp(near, far, '10.55.0.2');
    await expectTcp(near, far, 'fd55::2');
    await expectUdp(near, far, '10.55.0.2');
    await expectUdp(near, far, 'fd55::2');
    const { tx } = lan.port(far.name).stats;
    expect(tx.segments).toBeGreaterThan(0);
    if (!offloads.includes('tso4')) expect(tx.superFrames).toBe(0);
    await expectBalance(lan);
    expect(lan.stats().drops).not.toHaveProperty('BAD_OFFLOAD');
  });
});

describe('datagrams that the sender left to be cut (UDP_SEGMENT)', () => {
  test.each<[string, PortKind, PortKind, OffloadName[] | null]>([
    ['pass whole', 'veth', 'veth', null],
    ['pass whole', 'tap', 'tap', null],
    ['are cut by the switch', 'veth', 'veth', []],
    ['are cut by the switch', 'tap', 'veth', ['csum', 'tso4', 'tso6']],
  ])('%s, from %s to %s', async (_, a, b, offloads) => {
    const { lan, near, far } = await pair(a, b);
    if (offloads) await lan.patchPort(far.name, { offloads });
    // So that nothing waits for an ARP answer, which would have the kernel drop or cut it.
    expect(await near.pings('10.55.0.2')).toBe(true);
    const receiver = await far.agent();
    const port = await receiver.call('udpListen', { address: '10.55.0.2' });
    const bytes = payloadBytes('udp', 10 * DATAGRAM_BYTES + 300);
    sendSegmented(near, '10.55.0.2', port, bytes);
    const expected = Array.from({ length: 11 }, (_each, k) =>
      createHash('sha256')
        .update(bytes.subarray(k * DATAGRAM_BYTES, (k + 1) * DATAGRAM_BYTES))
        .digest('hex'),
    );
    expect(await receiver.call('udpReceived', { port, count: 11 })).toEqual(expected);
    // They may arrive before they are counted.
    const counted = () => {
      const { rx } = lan.port(near.name).stats;
      const { superFrames, segments } = lan.port(far.name).stats.tx;
      return { received: rx.superFrames, superFrames, segments };
    };
    const sent = offloads ? { superFrames: 0, segments: 11 } : { superFrames: 1, segments: 0 };
    await expect.poll(counted, { timeout: PATIENCE_MS }).toEqual({ received: 1, ...sent });
  });
});

describe('a VXLAN tunnel of two namespaces across the switch', () => {
  test.each<[PortKind, PortKind]>([
    ['veth', 'veth'],
    ['veth', 'tap'],
    ['tap', 'tap'],
  ])('%s and %s: TCP through it works at once', async (a, b) => {
    const { lan, near, far } = await pair(a, b);
    for (const [host, own, other] of [
      [near, 1, 2],
      [far, 2, 1],
    ] as const) {
      const tunnel = ['type', 'vxlan', 'id', '42', 'dstport', '4789', 'remote', `10.55.0.${other}`, 'dev', 'eth0'];
      await host.run('ip', 'link', 'add', 'vx0', ...tunnel);
      await host.run('ip', 'address', 'add', `10.56.0.${own}/24`, 'dev', 'vx0');
      await host.run('ip', 'address', 'add', `fd56::${own}/64`, 'dev', 'vx0', 'nodad');
      await host.run('ip', 'link', 'set', 'vx0', 'up');
    }
    expect(await near.pings('10.56.0.2')).toBe(true);
    await expectTcp(near, far, '10.56.0.2');
    await expectTcp(near, far, 'fd56::2');
    await expectUdp(near, far, '10.56.0.2');
    await expectBalance(lan);
    expect(lan.stats().drops).not.toHaveProperty('BAD_OFFLOAD');
  });
});
