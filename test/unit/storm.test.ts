/** The data path against the reference switch, in random worlds. See test/model. */
import { expect, test } from 'vitest';
import { type Counts, storm, stormSeed, type Subject } from '../model/storm.ts';
import type { World } from '../model/worlds.ts';
import { Lan } from '../support/lan.ts';

const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 1_000_000 : 20_000;

/** What a storm of this length is sure to meet: a generator that no longer reaches a rule is a test that lies. */
const MET = [
  'forwarded',
  'flooded',
  'evicted',
  'INGRESS_DOWN',
  'LOOP_BLOCKED',
  'RUNT',
  'SOURCE_NOT_UNICAST',
  'RESERVED_ADDRESS',
  'TRUNCATED_TAG',
  'VID_RESERVED',
  'NOT_A_MEMBER',
  'UNTAGGED_ON_TRUNK',
  'CVLAN_NOT_ALLOWED',
  'SOURCE_PINNED',
  'HAIRPIN',
  'EGRESS_NOT_A_MEMBER',
  'EGRESS_DOWN',
  'ISOLATED',
  'INNER_TAG',
  'NO_EGRESS',
  'OVER_MTU',
];

function memorySwitch({ ports, options }: World): Subject {
  const lan = new Lan(ports, options);
  return {
    configure: (port, change) => lan.configure(port, change),
    give: (mac, vlan, port, kind) => void lan.give(mac, vlan, port, kind),
    forget: (mac, vlan) => void lan.forget(mac, vlan),
    flush: (filter) => void lan.flush(filter),
    reserved: (n, forward) => lan.reserved(n, forward),
    wait(seconds, sweep) {
      lan.seconds += seconds;
      if (sweep) lan.sweep();
    },
    send(port, frames) {
      for (const { sent } of lan.ports.values()) sent.length = 0;
      for (const frame of frames) lan.port(port).inject(frame, null);
      lan.run();
      return new Map([...lan.ports].map(([name, { sent }]) => [name, [...sent]]));
    },
    entries: () => lan.entries(),
    counts: () => countsOf(lan),
    close() {},
  };
}

function countsOf(lan: Lan): Counts {
  return {
    forwarded: lan.total('FORWARDED'),
    flooded: lan.total('FLOODED'),
    floodCopies: lan.total('FLOOD_COPIES'),
    drops: lan.drops(),
    ports: Object.fromEntries(
      [...lan.ports.keys()].map((name) => [
        name,
        {
          rx: lan.count(name, 'RX_FRAMES'),
          tx: lan.count(name, 'TX_FRAMES'),
          dropped: lan.count(name, 'DROPPED'),
          txDropped: lan.count(name, 'TX_DROPS'),
        },
      ]),
    ),
  };
}

test(`${FRAMES} frames in random worlds do what the reference switch says`, { timeout: 1_800_000 }, async () => {
  const seed = stormSeed();
  const { happened } = await storm({ seed, frames: FRAMES, stage: 'memory', open: memorySwitch });
  const isReplay = process.env['TSWITCH_WORLD'] !== undefined;
  expect(isReplay ? [] : MET.filter((what) => !happened[what]), `never met with seed ${seed}`).toEqual([]);
});
