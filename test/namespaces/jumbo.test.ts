/** MTU 9000, and what becomes of frames that are too long for where they should go. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GSO_TCPV4 } from '../../src/frame/vnet-header.ts';
import type { PortKind, SwitchControl } from '../../src/control/model.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { expectBalance, expectTcp, expectUdp, type Host, Lab, until } from '../support/lab.ts';
import { offloadHeader, PROTOCOL_TCP, tcp4 } from '../support/packets.ts';

const lab = new Lab();
afterAll(() => lab.close());

describe('MTU 9000 on both sides', () => {
  let lan: SwitchControl;
  const hosts: Host[] = [];

  beforeAll(async () => {
    lan = await lab.switch();
    for (const [n, kind] of (['veth', 'tap', 'packet', 'xdp'] satisfies PortKind[]).entries()) {
      const host = await lab.netns(`jumbo-${kind}`);
      hosts.push(host);
      const addresses = [`10.55.0.${n + 1}/24`, `fd55::${n + 1}/64`];
      expect(await lab.plug(lan, host, kind, { addresses, mtu: 9000 })).toMatchObject({ mtu: 9000 });
    }
  });

  test.each([
    ['veth', 'tap', 0, 1],
    ['tap', 'packet', 1, 2],
    ['packet', 'xdp', 2, 3],
    ['xdp', 'veth', 3, 0],
  ])('%s and %s', async (_from, _to, from, to) => {
    const [a, b] = [hosts[from]!, hosts[to]!];
    const [ipv4, ipv6] = [`10.55.0.${to + 1}`, `fd55::${to + 1}`];
    expect(await a.pings(ipv4, '-M', 'do', '-s', '8972')).toBe(true);
    expect(await a.pings(ipv6, '-M', 'do', '-s', '8952')).toBe(true);
    for (const address of [ipv4, ipv6]) {
      await expectTcp(a, b, address);
      await expectUdp(a, b, address);
    }
  });

  test('nothing was too long, and every frame is accounted for', async () => {
    await expectBalance(lan);
    for (const reason of ['OVER_MTU', 'OVERSIZE', 'BAD_OFFLOAD']) expect(lan.stats().drops).not.toHaveProperty(reason);
  });
});

describe('MTU 9000 towards MTU 1500', () => {
  let lan: SwitchControl;
  let big: Host;
  let small: Host;

  beforeAll(async () => {
    lan = await lab.switch();
    big = await lab.netns('big', { ipv6: false });
    small = await lab.netns('small', { ipv6: false });
    await lab.plug(lan, big, 'veth', { addresses: ['10.55.0.1/24'], mtu: 9000 });
    await lab.plug(lan, small, 'veth', { addresses: ['10.55.0.2/24'] });
  });

  test('TCP adapts by itself', async () => {
    await expectTcp(big, small, '10.55.0.2');
    await expectTcp(small, big, '10.55.0.1');
  });

  test('frames and super-frames that are too long are counted, not sent; the others arrive', async () => {
    const [from, to] = [big.wire(), small.wire()];
    const ends = { src: mac(1), dst: BROADCAST, sourceIp: '10.55.0.1', targetIp: '10.55.0.2' };
    const superFrame = (bytes: number): Uint8Array => tcp4(ends, [1, 2], 0, new Uint8Array(bytes));
    const before = lan.stats().drops['OVER_MTU'] ?? 0;
    from.send(frame({ payload: 1501 }));
    from.send(frame({ payload: 9000 }));
    from.send(superFrame(30_000), offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1461));
    from.send(superFrame(30_000), offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 8960));
    from.send(superFrame(30_000), offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1460));
    from.send(frame({ payload: 1500 }));
    await until('two frames to arrive', () => to.captured().length >= 2);
    expect(to.captured().map((captured) => captured.frame.length)).toEqual([14 + 40 + 30_000, 1514]);
    // What arrives is counted as taken, and then, maybe later, as sent or dropped.
    await expectBalance(lan);
    expect((lan.stats().drops['OVER_MTU'] ?? 0) - before).toBe(4);
    expect(lan.port(small.name).stats).toMatchObject({ tx: { drops: 4 }, drops: { OVER_MTU: 4 } });
  });

  test('a changed MTU takes effect on a working port, and on its far end', async () => {
    expect(await lan.patchPort(small.name, { mtu: 9000 })).toMatchObject({ mtu: 9000 });
    expect(await big.pings('10.55.0.2', '-M', 'do', '-s', '8972')).toBe(true);
  });
});
