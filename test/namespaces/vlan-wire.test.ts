/**
 * The VLAN table through real netdevs of every kind: which ports a crafted frame leaves by, and with which tags. A part of
 * test/unit/vlan.test.ts, where the whole table stands; here the kernel carries tags beside the frames and puts them back.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PortKind, PortRequest, SwitchControl } from '../../src/control/model.ts';
import { frame, mac, tagsOf } from '../support/frames.ts';
import { expectBalance, type Host, Lab, sleep, until } from '../support/lab.ts';
import type { Wire } from '../support/wire.ts';

const lab = new Lab();
afterAll(() => lab.close());

const PORTS: Record<string, Pick<PortRequest, 'mode' | 'vlan' | 'trunks'>> = {
  access10: { mode: 'access', vlan: 10 },
  access20: { mode: 'access', vlan: 20 },
  trunk: { mode: 'trunk' },
  trunk20: { mode: 'trunk', trunks: [20, 30] },
  nativeT: { mode: 'native-tagged', vlan: 10, trunks: [20] },
  nativeU: { mode: 'native-untagged', vlan: 10, trunks: [20] },
};

type Tag = number | { tpid?: number; vid: number; pcp?: number; dei?: number };
const P = (vid: number): Tag => ({ vid, pcp: 5, dei: 1 });
const S = (vid: number): Tag => ({ tpid: 0x88a8, vid });

const ROWS: [from: string, what: string, tags: Tag[], expected: string][] = [
  ['access10', 'no tag', [], 'trunk=8100:10 nativeT=8100:10 nativeU=untagged'],
  ['access10', 'priority tag', [P(0)], 'trunk=8100:10p5d nativeT=8100:10p5d nativeU=untagged'],
  ['access10', 'VID 10', [10], 'drop NOT_A_MEMBER'],
  ['access10', '88a8 VID 10', [S(10)], 'drop NOT_A_MEMBER'],
  ['access20', 'no tag', [], 'trunk=8100:20 trunk20=8100:20 nativeT=8100:20 nativeU=8100:20'],
  ['trunk', 'no tag', [], 'drop UNTAGGED_ON_TRUNK'],
  ['trunk', 'priority tag', [P(0)], 'drop UNTAGGED_ON_TRUNK'],
  ['trunk', 'VID 10', [10], 'access10=untagged nativeT=8100:10 nativeU=untagged'],
  ['trunk', 'VID 10, PCP 5, DEI', [P(10)], 'access10=untagged nativeT=8100:10p5d nativeU=untagged'],
  ['trunk', '88a8 VID 20', [S(20)], 'access20=untagged trunk20=88a8:20 nativeT=88a8:20 nativeU=88a8:20'],
  ['trunk', 'VID 30', [30], 'trunk20=8100:30'],
  ['trunk', 'VID 99', [99], 'drop NO_EGRESS'],
  ['trunk', 'VID 4095', [4095], 'drop VID_RESERVED'],
  ['trunk', 'VID 10 over VID 20', [10, 20], 'nativeT=8100:10+8100:20 nativeU=8100:20'],
  [
    'trunk',
    '88a8 VID 20 over VID 7',
    [S(20), 7],
    'trunk20=88a8:20+8100:7 nativeT=88a8:20+8100:7 nativeU=88a8:20+8100:7',
  ],
  ['trunk20', 'VID 20', [20], 'access20=untagged trunk=8100:20 nativeT=8100:20 nativeU=8100:20'],
  ['trunk20', 'VID 10', [10], 'drop NOT_A_MEMBER'],
  ['nativeT', 'no tag', [], 'access10=untagged trunk=8100:10 nativeU=untagged'],
  ['nativeT', 'priority tag', [P(0)], 'access10=untagged trunk=8100:10p5d nativeU=untagged'],
  ['nativeT', 'VID 10', [10], 'access10=untagged trunk=8100:10 nativeU=untagged'],
  ['nativeU', 'no tag', [], 'access10=untagged trunk=8100:10 nativeT=8100:10'],
  ['nativeU', 'VID 10', [10], 'access10=untagged trunk=8100:10 nativeT=8100:10'],
  ['nativeU', 'VID 20', [20], 'access20=untagged trunk=8100:20 trunk20=8100:20 nativeT=8100:20'],
];

describe.each<PortKind>(['veth', 'tap', 'packet'])('ports of kind %s', (kind) => {
  let lan: SwitchControl;
  const wires: Record<string, Wire> = {};

  beforeAll(async () => {
    lan = await lab.switch();
    for (const [label, settings] of Object.entries(PORTS)) {
      const host: Host = await lab.netns(`${kind}-${label}`, { ipv6: false });
      await lab.plug(lan, host, kind, settings);
      wires[label] = host.wire();
    }
  });

  test.each(ROWS)('%s, %s', async (from, _, tags, expected) => {
    for (const wire of Object.values(wires)) wire.clear();
    const before = lan.stats();
    wires[from]!.send(frame({ tags, src: mac(1) }));
    await until('the switch to be done with the frame', () => {
      const { rx, tx, dropped } = lan.stats().totals;
      return rx > before.totals.rx && tx + dropped >= before.totals.tx + before.totals.dropped + copiesOf(expected);
    });
    await sleep(5);
    const sent = Object.entries(wires)
      .filter(([, wire]) => wire.captured().length > 0)
      .map(
        ([label, wire]) =>
          `${label}=${wire
            .captured()
            .map(({ frame: bytes }) => tagsOf(bytes))
            .join(',')}`,
      );
    const drops = Object.entries(lan.stats().drops)
      .filter(([reason, count]) => count > (before.drops[reason] ?? 0))
      .map(([reason]) => `drop ${reason}`);
    expect([...sent, ...drops].join(' ')).toBe(expected);
  });

  test('all 8 priorities and DEI come through, payload untouched', async () => {
    for (const wire of Object.values(wires)) wire.clear();
    const sent = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((pcp) =>
      [0, 1].map((dei) => frame({ src: mac(1), tags: [{ vid: 30, pcp, dei }], payload: 100 + pcp })),
    );
    for (const bytes of sent) wires['trunk']!.send(bytes);
    await until('all frames to arrive', () => wires['trunk20']!.captured().length >= sent.length);
    expect(wires['trunk20']!.captured().map((captured) => captured.frame)).toEqual(sent);
  });

  test('TPID 9100 is payload', async () => {
    for (const wire of Object.values(wires)) wire.clear();
    const sent = frame({ src: mac(1), etherType: 0x9100 });
    wires['nativeU']!.send(sent);
    await until('it to arrive', () => wires['access10']!.captured().length > 0);
    expect(wires['access10']!.captured().map((captured) => captured.frame)).toEqual([sent]);
  });

  test('every frame is accounted for', () => expectBalance(lan));
});

function copiesOf(expected: string): number {
  return expected.split(' ').filter((word) => word.includes('=') || word === 'drop').length;
}
