/**
 * No frame that enters a port reaches the host's own stack, and nothing that the host sends by itself comes out of a port.
 * The same is done to a plain netdev first, where the host does hear and answer: so silence means something.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PortKind } from '../../src/control/model.ts';
import { readNetdev } from '../../src/control/plumbing/netdev.ts';
import { BROADCAST, mac } from '../support/frames.ts';
import { type Host, ip, Lab, netdevSent, PATIENCE_MS, sleep, until } from '../support/lab.ts';
import { arp, ETHERTYPE_ARP } from '../support/packets.ts';

const lab = new Lab();
afterEach(() => lab.close());

/** An address of the host, from a range for documentation (RFC 5737). */
const HOST_ADDRESS = '198.51.100.1';
/** Long enough for a frame to have passed the kernel's whole receive path. */
const SILENCE_MS = 300;

const sentBy = (netdev: string): number => netdevSent(netdev).frames;

/** An IPv6 link-local address that is past duplicate detection. @param where null: the host */
async function linkLocalOf(netdev: string, where: Host | null = null): Promise<string | undefined> {
  const show = ['-6', '-oneline', 'address', 'show', 'dev', netdev, 'scope', 'link', '-tentative'];
  const text = await (where === null ? ip(...show) : where.run('ip', ...show));
  return /inet6 (\S+)\//.exec(text)?.[1];
}

/** The host's ears: what its sockets heard. */
class Listeners {
  readonly heard = new Set<string>();
  readonly ports: { udp4: number; udp6: number };

  private constructor(sockets: { udp4: Socket; udp6: Socket }) {
    this.ports = { udp4: sockets.udp4.address().port, udp6: sockets.udp6.address().port };
    for (const socket of Object.values(sockets)) socket.on('message', (text) => this.heard.add(text.toString()));
  }

  static async open(): Promise<Listeners> {
    const sockets = { udp4: createSocket('udp4'), udp6: createSocket({ type: 'udp6', ipv6Only: true }) };
    for (const socket of Object.values(sockets)) {
      socket.bind(0);
      await once(socket, 'listening');
      lab.defer(() => socket.close());
    }
    return new Listeners(sockets);
  }
}

/** Tries everything that could reach the host from a namespace whose `eth0` leads to `netdev`; gives what did. */
async function reach(from: Host, netdev: string, listeners: Listeners): Promise<() => string[]> {
  const ownMac = readNetdev(null, netdev)!.mac;
  // Nothing but the switch is to keep frames from the host.
  writeFileSync(`/proc/sys/net/ipv4/conf/${netdev}/rp_filter`, '0');
  const wire = from.wire();
  wire.promiscuous = true;
  // With it as the source, the host could answer, and would on this link.
  await until('a link-local address', async () => (await linkLocalOf('eth0', from)) !== undefined);
  await from.run('ip', 'route', 'add', 'default', 'dev', 'eth0');
  const agent = await from.agent();
  const { udp4, udp6 } = listeners.ports;
  await agent.call('udpSend', { address: '255.255.255.255', port: udp4, text: 'broadcast' });
  await agent.call('udpSend', { address: 'ff02::1%eth0', port: udp6, text: 'IPv6 multicast' });
  wire.send(arp({ src: mac(1), dst: BROADCAST, sourceIp: '10.57.0.2', targetIp: HOST_ADDRESS }, 1));
  await from.run('ip', 'neighbour', 'replace', HOST_ADDRESS, 'lladdr', ownMac, 'dev', 'eth0');
  await agent.call('udpSend', { address: HOST_ADDRESS, port: udp4, text: 'unicast' });
  const linkLocal = await linkLocalOf(netdev);
  if (linkLocal !== undefined) await from.pings(`${linkLocal}%eth0`, '-c', '1', '-W', '1');
  return () => {
    const fromHost = wire
      .captured()
      .filter(({ frame }) => Buffer.from(frame.subarray(6, 12)).toString('hex') === ownMac.replaceAll(':', ''));
    const isArp = ({ frame }: (typeof fromHost)[number]): boolean => ((frame[12]! << 8) | frame[13]!) === ETHERTYPE_ARP;
    const answers = [
      ...(fromHost.some(isArp) ? ['ARP answer'] : []),
      ...(fromHost.some(({ frame }) => frame[12] === 0x86 && frame[20] === 58 && frame[54] === 129)
        ? ['ping answer']
        : []),
    ];
    return [...listeners.heard, ...answers].toSorted();
  };
}

describe('what enters stays out of the host', () => {
  let listeners: Listeners;
  let host: Host;

  beforeEach(async () => {
    listeners = await Listeners.open();
    const [owner] = await lab.vethPair();
    await ip('address', 'add', `${HOST_ADDRESS}/32`, 'dev', owner);
    host = await lab.netns('a');
  });

  test('the host does hear and answer on a plain netdev', async () => {
    const netdev = lab.netdevName();
    await ip('link', 'add', netdev, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.name);
    await host.run('ip', 'address', 'add', '10.57.0.2/24', 'dev', 'eth0');
    await host.run('ip', 'address', 'add', 'fd57::2/64', 'dev', 'eth0', 'nodad');
    await host.run('ip', 'link', 'set', 'eth0', 'up');
    await ip('link', 'set', netdev, 'up');
    await until('a link-local address', async () => (await linkLocalOf(netdev)) !== undefined);
    const reached = await reach(host, netdev, listeners);
    await expect
      .poll(reached, { timeout: PATIENCE_MS })
      .toEqual(['ARP answer', 'IPv6 multicast', 'broadcast', 'ping answer', 'unicast']);
  });

  test.each<PortKind>(['veth', 'packet', 'xdp'])(
    'it hears and answers nothing through a port of kind %s',
    async (kind) => {
      const lan = await lab.switch();
      const other = await lab.netns('b');
      await lab.plug(lan, other, 'veth', { addresses: ['10.57.0.3/24'] });
      const { netdev } = await lab.plug(lan, host, kind, { addresses: ['10.57.0.2/24', 'fd57::2/64'] });
      if (kind === 'packet')
        await until('a link-local address', async () => (await linkLocalOf(netdev!)) !== undefined);
      const reached = await reach(host, netdev!, listeners);
      expect(await host.pings('10.57.0.3')).toBe(true);
      await sleep(SILENCE_MS);
      expect(reached()).toEqual([]);
    },
  );

  test('it hears nothing while ports are added and removed', async () => {
    const lan = await lab.switch();
    await lab.plug(lan, await lab.netns('b'), 'veth', { addresses: ['10.57.0.3/24'] });
    const sender = await host.agent();
    for (let round = 0; round < 5; round++) {
      const { netdev } = await lab.plug(lan, host, 'veth', { addresses: ['10.57.0.2/24'], gateway: '10.57.0.1' });
      await sender.call('udpSend', { address: '255.255.255.255', port: listeners.ports.udp4, text: `round ${round}` });
      expect(netdev).toBe(lan.port(host.name).netdev);
      await lan.removePort(host.name);
    }
    await sleep(SILENCE_MS);
    expect([...listeners.heard]).toEqual([]);
  });
});

describe('what the host sends by itself stays out of the network', () => {
  test('a pair that tswitch makes: the host never sends on it', async () => {
    const [plain] = await lab.vethPair();
    const lan = await lab.switch();
    const host = await lab.netns('a', { ipv6: false });
    const { netdev } = await lab.plug(lan, host, 'veth');
    await until('the host to have spoken on a netdev that came up at the same time', () => sentBy(plain) >= 3);
    expect(sentBy(netdev!)).toBe(0);
  });

  test('a netdev that is there already: what the host sends on it does not enter the switch', async () => {
    const lan = await lab.switch();
    const host = await lab.netns('a', { ipv6: false });
    const { netdev } = await lab.plug(lan, host, 'packet');
    const before = sentBy(netdev!);
    await ip('link', 'set', netdev!, 'down');
    await ip('link', 'set', netdev!, 'up');
    await until('the host to speak on it', () => sentBy(netdev!) >= before + 3);
    await sleep(SILENCE_MS);
    expect(lan.port(host.name).stats.rx.frames).toBe(0);
  });
});
