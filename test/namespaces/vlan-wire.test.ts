/**
 * The VLAN table of support/vlan-tables.ts through real netdevs of every kind: which ports a crafted frame leaves by, and with
 * which tags. Here the kernel carries tags beside the frames and puts them back.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PortKind, SwitchControl } from '../../src/control/model.ts';
import { frame, mac, tagsOf } from '../support/frames.ts';
import { expectBalance, Lab, sleep, until } from '../support/lab.ts';
import { VLAN_TABLES, type VlanTable } from '../support/vlan-tables.ts';
import type { Wire } from '../support/wire.ts';

const KINDS: PortKind[] = ['veth', 'tap', 'packet', 'xdp'];
const CASES = KINDS.flatMap((kind) => VLAN_TABLES.map((table) => ({ kind, name: table.name, table })));

interface Plugged {
  wires: Record<string, Wire>;
  lan: () => SwitchControl;
}

/** Plugs a host into each port of the table before the tests of a block, and removes all of it behind them. */
function plugged(kind: PortKind, table: VlanTable): Plugged {
  const lab = new Lab();
  const wires: Record<string, Wire> = {};
  let lan: SwitchControl | undefined;
  beforeAll(async () => {
    lan = await lab.switch();
    for (const [label, settings] of Object.entries(table.ports)) {
      const host = await lab.netns(`${kind}-${label}`, { ipv6: false });
      await lab.plug(lan, host, kind, settings);
      wires[label] = host.wire();
    }
  });
  afterAll(() => lab.close());
  return { wires, lan: () => lan! };
}

async function expectPriorities(wires: Record<string, Wire>): Promise<void> {
  for (const wire of Object.values(wires)) wire.clear();
  const sent = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((pcp) =>
    [0, 1].map((dei) => frame({ src: mac(1), tags: [{ vid: 30, pcp, dei }], payload: 100 + pcp })),
  );
  for (const bytes of sent) wires['trunk']!.send(bytes);
  await until('all frames to arrive', () => wires['trunk20']!.captured().length >= sent.length);
  expect(wires['trunk20']!.captured().map((captured) => captured.frame)).toEqual(sent);
}

async function expectForeignTag(wires: Record<string, Wire>): Promise<void> {
  for (const wire of Object.values(wires)) wire.clear();
  const sent = frame({ src: mac(1), etherType: 0x9100 });
  wires['nativeU']!.send(sent);
  await until('it to arrive', () => wires['access10']!.captured().length > 0);
  expect(wires['access10']!.captured().map((captured) => captured.frame)).toEqual([sent]);
}

/** The three among them that a Linux bridge keeps to itself too. */
async function expectReserved(wires: Record<string, Wire>, lan: SwitchControl): Promise<void> {
  for (const wire of Object.values(wires)) wire.clear();
  const addresses = Array.from({ length: 16 }, (_, last) => `01:80:c2:00:00:0${last.toString(16)}`);
  const sent = addresses.map((dst) => frame({ src: mac(1), dst }));
  const dropped = (): number => lan.stats().drops['RESERVED_ADDRESS'] ?? 0;
  const before = dropped();
  for (const bytes of sent) wires['access10']!.send(bytes);
  await until('all to be dropped', () => dropped() === before + sent.length);
  await lan.patchSettings({ reservedAddresses: { forward: addresses } });
  for (const bytes of sent) wires['access10']!.send(bytes);
  await until('all to arrive', () => wires['nativeU']!.captured().length >= sent.length);
  expect(wires['nativeU']!.captured().map((captured) => captured.frame)).toEqual(sent);
}

/** Of 60 bytes with its tag: the far end of a pair or a TAP is no medium that needs 60. */
async function expectShort(wires: Record<string, Wire>): Promise<void> {
  for (const wire of Object.values(wires)) wire.clear();
  wires['trunk']!.send(frame({ src: mac(1), tags: [10], payload: 42 }));
  await until('it to arrive', () => wires['access10']!.captured().length > 0);
  expect(wires['access10']!.captured().map((captured) => captured.frame)).toEqual([
    frame({ src: mac(1), payload: 42 }),
  ]);
}

/** Where the ports of the first table are plugged. */
const WHOLE: [string, (wires: Record<string, Wire>, lan: SwitchControl) => Promise<void>][] = [
  ['all 8 priorities and DEI come through, payload untouched', expectPriorities],
  ['TPID 9100 is payload', expectForeignTag],
  ['reserved addresses are dropped, and pass where they are set to be forwarded', expectReserved],
  ['a short frame is shorter without its tag', expectShort],
];

describe.each(CASES)('ports of kind $kind: $name', ({ kind, name, table }) => {
  const { wires, lan } = plugged(kind, table);

  test.each(table.rows)('%s, %s', async (from, _, tags, expected) => {
    for (const wire of Object.values(wires)) wire.clear();
    const before = lan().stats();
    wires[from]!.send(frame({ tags, src: mac(1) }));
    await until('the switch to be done with the frame, and the kernel with its copies', () => {
      const { rx, tx, dropped } = lan().stats().totals;
      const sent = tx - before.totals.tx;
      const arrived = Object.values(wires).reduce((sum, wire) => sum + wire.captured().length, 0);
      const isDone = sent + dropped >= before.totals.dropped + copiesOf(expected);
      return rx > before.totals.rx && isDone && arrived >= sent;
    });
    await sleep(5);
    const sent = Object.entries(wires)
      .map(([label, wire]) => [label, wire.captured().map(({ frame: bytes }) => tagsOf(bytes))] as const)
      .filter(([, tagged]) => tagged.length > 0)
      .map(([label, tagged]) => `${label}=${tagged.join(',')}`);
    const drops = Object.entries(lan().stats().drops)
      .filter(([reason, count]) => count > (before.drops[reason] ?? 0))
      .map(([reason]) => `drop ${reason}`);
    expect([...sent, ...drops].join(' ')).toBe(expected);
  });

  test.each(name === VLAN_TABLES[0]!.name ? WHOLE : [])('%s', (_, expectWhole) => expectWhole(wires, lan()));

  test('every frame is accounted for', () => expectBalance(lan()));
});

function copiesOf(expected: string): number {
  return expected.split(' ').filter((word) => word.includes('=') || word === 'drop').length;
}
