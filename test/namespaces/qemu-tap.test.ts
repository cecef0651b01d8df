/**
 * A virtual machine's TAP as a `packet` port. The test plays the hypervisor: it opens the TAP the way QEMU's `-netdev tap`
 * does (IFF_VNET_HDR, offloads as its guest negotiated them) and answers ARP, ping and UDP in place of a guest.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6, TUN_F_USO4, TUN_F_USO6 } from '../../native-bindings/abi/if-tun.ts';
import type { PortKind, SwitchControl } from '../../src/control/model.ts';
import { FLAGS, GSO_NONE, GSO_TCPV4, GSO_TYPE, NEEDS_CSUM } from '../../src/frame/vnet-header.ts';
import { mac } from '../support/frames.ts';
import { expectBalance, type Host, ip, Lab, until } from '../support/lab.ts';
import {
  arp,
  ETHERTYPE_ARP,
  hasRightChecksums,
  ipv4,
  macText,
  offloadHeader,
  parseIpv4,
  PROTOCOL_ICMP,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  tcp4,
  udp4,
} from '../support/packets.ts';
import { payloadBytes } from '../support/payload.ts';
import { TapPeer } from '../support/tap-peer.ts';
import type { Captured } from '../support/wire.ts';

const lab = new Lab();
afterEach(() => lab.close());

const GUEST_MAC = mac(77);
const GUEST_IP = '10.55.0.77';
const NONE = 0;
const ALL = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_USO4 | TUN_F_USO6;

/** Answers what a guest's kernel would. With offloads, it leaves checksums to the switch, as a guest would. */
class Guest {
  readonly received: Captured[] = [];
  readonly #tap: TapPeer;
  readonly #offloads: number;

  constructor(tap: TapPeer, offloads: number) {
    this.#tap = tap;
    this.#offloads = offloads;
    tap.read((captured) => {
      this.received.push(captured);
      this.#answer(captured.frame);
    });
  }

  #answer(bytes: Uint8Array): void {
    const reply = { src: GUEST_MAC, dst: macText(bytes.subarray(6, 12)), sourceIp: GUEST_IP };
    if (((bytes[12]! << 8) | bytes[13]!) === ETHERTYPE_ARP) {
      const asked = bytes.subarray(38, 42).join('.') === GUEST_IP && bytes[21] === 1;
      if (asked) this.#tap.write(arp({ ...reply, targetIp: bytes.subarray(28, 32).join('.') }, 2));
      return;
    }
    const packet = parseIpv4(bytes);
    if (!packet || packet.targetIp !== GUEST_IP) return;
    const ends = { ...reply, targetIp: packet.sourceIp };
    if (packet.protocol === PROTOCOL_ICMP && packet.segment[0] === 8) {
      const echo = Uint8Array.from(packet.segment);
      echo.fill(0, 0, 4);
      this.#tap.write(ipv4(ends, PROTOCOL_ICMP, echo));
    } else if (packet.protocol === PROTOCOL_UDP) {
      const segment = Uint8Array.from(packet.segment);
      const ports: [number, number] = [(segment[2]! << 8) | segment[3]!, (segment[0]! << 8) | segment[1]!];
      const partial = this.#offloads !== NONE;
      const header = partial ? offloadHeader(PROTOCOL_UDP, GSO_NONE, 0) : undefined;
      this.#tap.write(udp4(ends, ports, segment.subarray(8), partial), header);
    }
  }
}

async function machine(lan: SwitchControl, offloads: number): Promise<{ guest: Guest; tap: TapPeer }> {
  const netdev = lab.netdevName();
  const tap = TapPeer.open(netdev, offloads);
  lab.defer(() => tap.close());
  await ip('link', 'set', netdev, 'up');
  await lan.addPort({ name: 'guest', kind: 'packet', netdev });
  return { tap, guest: new Guest(tap, offloads) };
}

async function neighbour(lan: SwitchControl, kind: PortKind): Promise<Host> {
  const host = await lab.netns('a', { ipv6: false });
  await lab.plug(lan, host, kind, { addresses: ['10.55.0.1/24'] });
  return host;
}

describe.each<[string, number]>([
  ['without offloads', NONE],
  ['with all offloads', ALL],
])('a guest %s', (_, offloads) => {
  test.each<PortKind>(['veth', 'tap'])('ARP, ping and UDP with a port of kind %s', async (kind) => {
    const lan = await lab.switch();
    const host = await neighbour(lan, kind);
    const { guest } = await machine(lan, offloads);
    expect(await host.pings(GUEST_IP)).toBe(true);
    expect(await host.pings(GUEST_IP, '-s', '1472')).toBe(true);
    const agent = await host.agent();
    const lengths = Array.from({ length: 64 }, (_each, k) => 1 + k * 23);
    expect(await agent.call('udpExchange', { address: GUEST_IP, port: 4000, lengths })).toBe(lengths.length);
    await expectBalance(lan);
    expect(lan.stats().drops).toEqual({});
    const packets = guest.received.filter(({ frame }) => parseIpv4(frame));
    expect(packets.length).toBeGreaterThanOrEqual(6 + lengths.length);
    if (offloads === NONE) {
      for (const { header, frame } of packets) {
        expect({ unfinished: header[FLAGS]! & NEEDS_CSUM, right: hasRightChecksums(frame) }).toEqual({
          unfinished: 0,
          right: true,
        });
      }
    }
  });

  test('super-frames towards it', async () => {
    const lan = await lab.switch();
    const host = await neighbour(lan, 'veth');
    const { guest } = await machine(lan, offloads);
    const content = payloadBytes('towards', 30_000);
    const ends = { src: mac(1), dst: GUEST_MAC, sourceIp: '10.55.0.1', targetIp: GUEST_IP };
    host.wire().send(tcp4(ends, [1, 2], 1000, content), offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1448));
    const segments = (): Captured[] =>
      guest.received.filter(({ frame }) => parseIpv4(frame)?.protocol === PROTOCOL_TCP);
    const payloadOf = ({ frame }: Captured): Uint8Array => parseIpv4(frame)!.segment.subarray(20);
    await until(
      'all payload',
      () => segments().reduce((sum, next) => sum + payloadOf(next).length, 0) >= content.length,
    );
    expect(Buffer.concat(segments().map(payloadOf)).equals(content)).toBe(true);
    if (offloads === NONE) {
      expect(segments()).toHaveLength(Math.ceil(content.length / 1448));
      for (const { header, frame } of segments()) {
        expect({ gso: header[GSO_TYPE], right: hasRightChecksums(frame) }).toEqual({ gso: GSO_NONE, right: true });
      }
    } else {
      expect(segments().map(({ header }) => header[GSO_TYPE])).toEqual([GSO_TCPV4]);
    }
  });
});

test('super-frames from a guest reach a namespace whole, and one that takes none in segments', async () => {
  const lan = await lab.switch();
  const takes = await lab.netns('takes', { ipv6: false });
  const takesNot = await lab.netns('takes-not', { ipv6: false });
  await lab.plug(lan, takes, 'veth');
  await lab.plug(lan, takesNot, 'veth', { offloads: [] });
  const { tap } = await machine(lan, ALL);
  const content = payloadBytes('from', 20_000);
  const ends = { src: GUEST_MAC, dst: mac(2), sourceIp: GUEST_IP, targetIp: '10.55.0.2' };
  const [whole, cut] = [takes.wire(), takesNot.wire()];
  const superFrame = tcp4(ends, [1, 2], 1000, content);
  tap.write(superFrame, offloadHeader(PROTOCOL_TCP, GSO_TCPV4, 1460));
  await until('it to arrive at both', () => whole.captured().length >= 1 && cut.captured().length >= 14);
  expect(whole.captured().map((captured) => captured.frame)).toEqual([superFrame]);
  const segments = cut.captured().map((captured) => captured.frame);
  expect(segments).toHaveLength(Math.ceil(content.length / 1460));
  expect(segments.every(hasRightChecksums)).toBe(true);
  expect(Buffer.concat(segments.map((bytes) => parseIpv4(bytes)!.segment.subarray(20))).equals(content)).toBe(true);
  // They may arrive before they are counted.
  await until('the segments to be counted', () => lan.port(takesNot.name).stats.tx.segments === 14);
  await expectBalance(lan);
});
