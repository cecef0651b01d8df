/** Capture filters: what their text means for real frames, and what is refused, with words that help. */
import { describe, expect, test } from 'vitest';
import { parseFilter } from '../../src/control/capture/filter-text.ts';
import { compileFilter } from '../../src/frame/filter.ts';
import { FrameHeaders } from '../../src/frame/frame-headers.ts';
import { frame, BROADCAST, mac, macBytes } from '../support/frames.ts';
import { arp, ETHERTYPE_IPV4, ipv4, tcp4, udp4 } from '../support/packets.ts';

const ENDS = { src: mac(1), dst: mac(2), sourceIp: '10.0.0.1', targetIp: '10.0.0.2' };
const IPV6_HEADER = [
  ...[0x60, 0, 0, 0, 0, 24, 0, 64],
  ...[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
];
/** A destination-options header, then UDP from 53 to 4096. */
const UDP_BEHIND_OPTIONS = [17, 0, 1, 4, 0, 0, 0, 0, 0, 53, 0x10, 0, 0, 16, 0, 0, ...Array<number>(8).fill(0)];
const ipv6 = frame({ ...ENDS, etherType: 0x86dd, payload: Uint8Array.from(withNext(60, UDP_BEHIND_OPTIONS)) });

function withNext(next: number, payload: number[]): number[] {
  const header = [...IPV6_HEADER];
  header[6] = next;
  return [...header, ...payload];
}

const laterFragment = Uint8Array.from(udp4(ENDS, [1000, 53], new Uint8Array(32)));
laterFragment[14 + 6] = 0x00;
laterFragment[14 + 7] = 0x10;

const FRAMES = {
  tcp: tcp4(ENDS, [40_000, 443], 1, new Uint8Array(10)),
  udp: udp4(ENDS, [1000, 53], new Uint8Array(10)),
  icmp: ipv4(ENDS, 1, Uint8Array.from([8, 0, 0, 0, 0, 1, 0, 1])),
  arp: arp({ ...ENDS, dst: BROADCAST }, 1),
  ipv6,
  laterFragment,
  tagged: frame({
    tags: [20],
    etherType: ETHERTYPE_IPV4,
    payload: udp4(ENDS, [1000, 53], new Uint8Array(9)).subarray(14),
  }),
  lldp: frame({ dst: '01:80:c2:00:00:0e', etherType: 0x88cc }),
  short: new Uint8Array(9),
};
type Name = keyof typeof FRAMES;

function matching(text: string, vlan = 7): Name[] {
  const passes = compileFilter(parseFilter(text));
  const headers = new FrameHeaders();
  // Somewhere in the middle of other bytes, as in the data path.
  const memory = new Uint8Array(4096).fill(0xa5);
  return (Object.keys(FRAMES) as Name[]).filter((name) => {
    memory.fill(0xa5);
    memory.set(FRAMES[name], 333);
    headers.read(memory, 333, FRAMES[name].length, vlan);
    return passes(headers);
  });
}

const IPV4: Name[] = ['tcp', 'udp', 'icmp', 'laterFragment', 'tagged'];
const ALL = Object.keys(FRAMES) as Name[];

test.each<[string, Name[]]>([
  ['tcp', ['tcp']],
  ['udp', ['udp', 'ipv6', 'laterFragment', 'tagged']],
  ['icmp', ['icmp']],
  ['ip', IPV4],
  ['ip6', ['ipv6']],
  ['arp', ['arp']],
  ['lldp', ['lldp']],
  ['ethertype 0x88cc', ['lldp']],
  ['ether proto 0x0806', ['arp']],
  ['proto 6', ['tcp']],
  ['port 53', ['udp', 'ipv6', 'tagged']],
  ['src port 53', ['ipv6']],
  ['dst port 53', ['udp', 'tagged']],
  ['udp src port 53', ['ipv6']],
  ['portrange 400-500', ['tcp']],
  ['port 443-443', ['tcp']],
  ['tcp port 443', ['tcp']],
  ['tcp port 53', []],
  ['host 10.0.0.1', [...IPV4.slice(0, 3), 'arp', 'laterFragment', 'tagged']],
  ['src host 10.0.0.2', []],
  ['src 10.0.0.1 and tcp', ['tcp']],
  ['dst 10.0.0.2 and icmp', ['icmp']],
  ['net 10.0.0.0/8 and arp', ['arp']],
  ['net 10.0.0.0/31 and arp', ['arp']],
  ['dst net 10.0.0.2/31 and arp', ['arp']],
  ['net 11.0.0.0/8', []],
  ['net 0.0.0.0/0 and tcp', ['tcp']],
  ['host fd00::1', ['ipv6']],
  ['net fd00:1::/32', ['ipv6']],
  ['src net fd00:1::/32', []],
  ['ether host 02:00:00:00:00:02 and tcp', ['tcp']],
  ['ether src 02:00:00:00:00:02', []],
  ['ether dst host 02:00:00:00:00:02 and tcp', ['tcp']],
  ['broadcast', ['arp', 'tagged']],
  ['multicast', ['arp', 'tagged', 'lldp']],
  ['vlan 7 and tcp', ['tcp']],
  ['vlan 8', []],
  ['not ip', ALL.filter((name) => !IPV4.includes(name))],
  ['! ip', ALL.filter((name) => !IPV4.includes(name))],
  ['tcp or arp', ['tcp', 'arp']],
  ['tcp || arp', ['tcp', 'arp']],
  ['arp or tcp and port 1', ['arp']],
  ['(arp or tcp) and port 443', ['tcp']],
  ['(arp||tcp)&&port 443', ['tcp']],
  ['not (ip or ip6 or arp or lldp)', ['short']],
  ['not not tcp', ['tcp']],
  ['TCP AND PORT 443', ['tcp']],
])('%s', (text, expected) => {
  expect(matching(text)).toEqual(expected);
});

test('a frame that is cut anywhere is read without reading beyond it', () => {
  const headers = new FrameHeaders();
  for (const whole of Object.values(FRAMES)) {
    for (let length = 0; length <= whole.length; length++) {
      const cut = whole.slice(0, length);
      headers.read(cut, 0, length, 0);
      const seen = JSON.stringify(headers);
      // The same bytes, with others behind them.
      const memory = new Uint8Array(whole.length + 64).fill(0xff);
      memory.set(cut);
      headers.read(memory, 0, length, 0);
      expect(JSON.stringify(headers)).toBe(seen);
    }
  }
  expect(macBytes(mac(1))).toHaveLength(6);
});

describe('what is refused says where and what is expected', () => {
  test.each([
    ['', /^filter: it is empty; write one like/],
    ['tcp port', /^filter: it ends where a port or a range, like 80 or 6000-6010 is expected/],
    ['tcp port http', /^filter: "http" is not a port or a range/],
    ['port 70000', /"70000" is not a port/],
    ['port 9-8', /"9-8" is not a port/],
    ['host 10.0.1', /"10.0.1" is not an IP address or a network/],
    ['host 10.0.0.1/33', /"10.0.0.1\/33" is not an IP address/],
    ['host fe80::1%eth0', /is not an IP address/],
    ['ether host 02:00', /"02:00" is not a MAC address/],
    ['tcp and', /^filter: it ends too early: expected a condition/],
    ['tcp udp', /"udp" is not understood \(word 2\): expected a condition/],
    ['(tcp', /^filter: it ends too early: expected "\)"/],
    ['tcp)', /"\)" is not understood \(word 2\): expected "and", "or" or the end/],
    ['len > 100', /"len" is not understood \(word 1\): expected a condition, like "tcp port 443/],
    ['vlan 4095', /"4095" is not a VLAN, 0 to 4094/],
    ['proto 256', /"256" is not a protocol number/],
    ['constructor', /"constructor" is not understood/],
    [`${'('.repeat(60)}tcp${')'.repeat(60)}`, /nested more than 50 deep/],
    ['x'.repeat(1001), /longer than 1000 characters/],
  ])('%s', (text, sentence) => {
    expect(() => parseFilter(text)).toThrow(sentence);
  });
});
