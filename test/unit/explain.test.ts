/** What is explained is what happens: the same frames, asked and sent. */
import { describe, expect, test } from 'vitest';
import { frameSummary } from '../../src/control/frame-summary.ts';
import { parseFrame } from '../../src/control/explainer.ts';
import type { PortConfig, WireMirror } from '../../src/shared/commands.ts';
import type { Explanation } from '../../src/shared/explain-task.ts';
import { frame, mac, tagsOf } from '../support/frames.ts';
import { Lan } from '../support/lan.ts';
import { udp4 } from '../support/packets.ts';

const PORTS: Record<string, Partial<PortConfig>> = {
  red: { vlan: 10 },
  blue: { vlan: 10 },
  deaf: { vlan: 10, floodBroadcast: false },
  green: { vlan: 20 },
  trunk: { mode: 'trunk', vlan: 0, trunks: [10, 20] },
  tunnel: { mode: 'dot1q-tunnel', vlan: 10 },
  down: { vlan: 10, up: false },
};

/** `outcome` of Lan, as explained. */
function outcomeOf({ egress, reason, outcome }: Explanation): string {
  const sent = egress.flatMap(({ port, frame: bytes }) => (bytes ? [`${port}=${tagsOf(bytes)}`] : []));
  const drops = new Set(
    outcome === 'dropped' ? [reason] : egress.flatMap((copy) => (copy.reason === 'OVER_MTU' ? copy.reason : [])),
  );
  return [...sent, ...[...drops].map((name) => `drop ${name}`)].join(' ');
}

describe('the explanation says what the switch then does, and changes nothing', () => {
  test.each([
    ['red', frame({ src: mac(1) })],
    ['red', frame({ src: mac(1), dst: mac(2) })],
    ['red', frame({ src: mac(1), dst: mac(5) })],
    ['red', frame({ src: mac(1), tags: [10] })],
    ['red', frame({ src: mac(1), tags: [0] })],
    ['red', frame({ src: mac(1), payload: 1501 })],
    ['red', frame({ src: mac(1), dst: mac(1) })],
    ['red', frame({ src: mac(3), dst: mac(2) })],
    ['red', frame({ src: '01:00:00:00:00:01' })],
    ['red', frame({ dst: '01:80:c2:00:00:0e' })],
    ['red', frame().subarray(0, 10)],
    ['down', frame({ src: mac(1) })],
    ['trunk', frame({ src: mac(1) })],
    ['trunk', frame({ src: mac(1), tags: [{ vid: 10, pcp: 3 }] })],
    ['trunk', frame({ src: mac(1), tags: [20] })],
    ['trunk', frame({ src: mac(1), tags: [30] })],
    ['trunk', frame({ src: mac(1), tags: [10, 5] })],
    ['tunnel', frame({ src: mac(1), tags: [5] })],
    ['tunnel', frame({ src: mac(1), tags: [5], dst: mac(2) })],
  ])('%s, %#', (from, sent) => {
    const lan = new Lan(PORTS);
    lan.send('blue', frame({ src: mac(2) }));
    lan.give(mac(3), 10, 'blue', 'static');
    lan.give(mac(5), 10, 'down', 'static');
    const before = lan.entries();
    const told = lan.explain(from, sent);
    expect(lan.entries()).toEqual(before);
    expect(lan.total('RX_FRAMES')).toBe(1);
    expect(outcomeOf(told)).toBe(lan.outcome(from, sent));
    expect(told.stages.length).toBeGreaterThan(0);
  });
});

test('a flood: who gets it, who does not, and why', () => {
  const lan = new Lan(PORTS);
  const told = lan.explain('red', frame({ src: mac(1) }));
  expect(told).toMatchObject({ outcome: 'flooded', vlan: 10, reason: null });
  expect(told.stages.map(({ stage, verdict }) => `${stage}: ${verdict}`)).toEqual([
    'admit: accepted',
    'vlan: VLAN 10',
    'source: learned',
    'destination: flood',
    'egress: sent',
  ]);
  expect(told.stages.map(({ text }) => text)).toEqual([
    'whole header, individual source address, 60 bytes',
    'untagged; red is an access port of VLAN 10',
    'unknown until now, learned on red',
    'broadcast',
    '3 copies are sent',
  ]);
  expect(Object.fromEntries(told.egress.map(({ port, text }) => [port, text]))).toEqual({
    red: 'the frame came from here',
    blue: 'sent, VLAN 10 untagged, 60 bytes',
    deaf: 'floodBroadcast is off',
    trunk: 'sent, VLAN 10 tagged, 64 bytes',
    tunnel: 'sent, VLAN 10 untagged, 60 bytes',
    down: "the destination's port is down or blocked",
  });
});

test('a known destination, and a source that moves', () => {
  const lan = new Lan(PORTS);
  lan.send('blue', frame({ src: mac(2) }));
  lan.send('trunk', frame({ src: mac(1), tags: [10] }));
  lan.seconds = 12;
  const told = lan.explain('red', frame({ src: mac(1), dst: mac(2) }));
  expect(told.stages.slice(2, 4)).toEqual([
    { stage: 'source', verdict: 'moved', text: 'moves here: learned on trunk, last seen 12 s ago' },
    { stage: 'destination', verdict: 'known', text: 'learned on blue, last seen 12 s ago' },
  ]);
  expect(told.egress.map(({ port }) => port)).toEqual(['blue']);
});

describe('a source that is known elsewhere and does not move', () => {
  function sourceStage(lan: Lan): Explanation['stages'][number] {
    lan.send('trunk', frame({ src: mac(1), tags: [10] }));
    return lan.explain('red', frame({ src: mac(1) })).stages[2]!;
  }

  test('as the port is full', () => {
    expect(sourceStage(new Lan(PORTS, { portLimits: { red: 0 } }))).toEqual({
      stage: 'source',
      verdict: 'not learned',
      text: 'red is at its fdbLimit, or the FDB is full; it stays where it is: learned on trunk, last seen 0 s ago',
    });
  });

  test('as it is held', () => {
    const lan = new Lan(PORTS, { macMoveLimit: 1 });
    for (const port of ['blue', 'red', 'blue']) lan.send(port, frame({ src: mac(1) }));
    expect(lan.explain('red', frame({ src: mac(1) })).stages[2]).toEqual({
      stage: 'source',
      verdict: 'held',
      text: 'is held, does not move here: learned on blue, last seen 0 s ago',
    });
  });
});

test('a probe of this switch that comes back', () => {
  const lan = new Lan(PORTS);
  lan.dataPath.probe(lan.port('red').handle, 10);
  const [probe] = lan.port('red').sent;
  expect(lan.explain('blue', probe!)).toMatchObject({
    outcome: 'dropped',
    reason: 'LOOP_PROBE',
    vlan: null,
    stages: [{ stage: 'admit', verdict: 'dropped: LOOP_PROBE' }],
  });
});

test('an address that was seen after the question was asked has no negative age', () => {
  const lan = new Lan(PORTS);
  lan.seconds = 4;
  lan.send('red', frame({ src: mac(1) }));
  lan.seconds = 1;
  const told = lan.explain('red', frame({ src: mac(1) }));
  expect(told.stages[2]!.text).toBe('known here: learned on red, last seen 0 s ago');
});

test('a frame that is dropped ends at its stage', () => {
  const told = new Lan(PORTS).explain('trunk', frame({ src: mac(1), tags: [30] }));
  expect(told).toMatchObject({ outcome: 'dropped', reason: 'NOT_A_MEMBER', vlan: null, egress: [] });
  expect(told.stages.at(-1)).toEqual({
    stage: 'vlan',
    verdict: 'dropped: NOT_A_MEMBER',
    text: 'tagged with a VID that the ingress port does not carry tagged (802.1Q tag with VID 30; trunk is a trunk of VLANs 10, 20)',
  });
});

describe('frame in hex', () => {
  test.each(['ffffffffffff', '0xFFFF FFFF FFFF', 'ff:ff:ff:ff:ff:ff', ' ffff\nffff\tffff '])('%j', (text) => {
    expect(parseFrame(text)).toEqual(new Uint8Array(6).fill(255));
  });
  test.each(['', 'fff', 'zz', 'ff-ff'])('%j is refused', (text) => {
    expect(() => parseFrame(text)).toThrow(/^frame: must be whole bytes in hex/);
  });
});

describe('a frame in words', () => {
  const ends = { src: mac(1), dst: mac(2), sourceIp: '10.0.0.1', targetIp: '10.0.0.2' };
  test.each([
    [
      frame({ src: mac(1), tags: [{ vid: 10, pcp: 5 }] }),
      /^02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, 802.1Q vlan 10 pcp 5, local experimental \(88b5\), length 64$/,
    ],
    [udp4(ends, [53, 1024], new Uint8Array(4)), /IPv4 10\.0\.0\.1:53 > 10\.0\.0\.2:1024 UDP/],
    [frame({ dst: '01:80:c2:00:00:0e', etherType: 0x88cc }), /LLDP/],
    [frame({ etherType: 0x26, payload: Uint8Array.of(0x42, 0x42, 3) }), /STP/],
    [frame({ etherType: 0x1234 }), /EtherType 1234/],
    [frame().subarray(0, 9), /^9 bytes, too short/],
    [frame({ tags: [5] }).subarray(0, 17), /length 17$/],
  ])('%#', (bytes, words) => {
    expect(frameSummary(bytes, bytes.length)).toMatch(words);
  });
});

test('mirrors are named, and change nothing of what is explained', () => {
  const green = Object.keys(PORTS).indexOf('green');
  const mirror = (to: number | null, more: Partial<WireMirror> = {}): WireMirror => {
    const file = to === null ? '/var/log/x.pcapng' : null;
    return { to, file, received: true, sent: true, vlans: [], ...more };
  };
  const explained = (red: WireMirror | null, blue: WireMirror | null): Explanation =>
    new Lan({ ...PORTS, red: { ...PORTS['red'], mirror: red }, blue: { ...PORTS['blue'], mirror: blue } }).explain(
      'red',
      frame({ src: mac(1) }),
    );
  const plain = explained(null, null);
  const both = explained(mirror(green), mirror(null));
  expect(both.egress.slice(0, plain.egress.length)).toEqual(plain.egress);
  expect(both.stages).toEqual(plain.stages);
  expect(both.egress.slice(plain.egress.length).map(({ port, text }) => `${port}: ${text}`)).toEqual([
    'green: mirror: a copy of what enters by red',
    'blue: mirror: a copy of what leaves by blue, written into /var/log/x.pcapng',
  ]);
  expect(explained(mirror(green, { vlans: [20] }), mirror(null, { sent: false }))).toEqual(plain);
});
