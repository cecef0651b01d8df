/** The VLAN table: port x frame -> exactly which ports get it, with which tags (IEEE 802.1Q-2022, 6.9, 8.6; Open vSwitch modes). */
import type { PortSettings } from '../../src/control/model.ts';
import type { PortConfig } from '../../src/shared/commands.ts';

export type Tag = number | { tpid?: number; vid: number; pcp?: number; dei?: number };
/** With a priority; a service tag; one that is none. */
export const P = (vid: number): Tag => ({ vid, pcp: 5, dei: 1 });
export const S = (vid: number): Tag => ({ tpid: 0x88a8, vid });
export const Q = (vid: number): Tag => ({ tpid: 0x9100, vid });

export interface VlanTable {
  name: string;
  ports: Record<string, Partial<Pick<PortSettings, 'mode' | 'vlan' | 'trunks' | 'cvlans' | 'tpid'>>>;
  /** A broadcast with the tags into the port, and what becomes of it. */
  rows: [from: string, what: string, tags: Tag[], expected: string][];
}

export const VLAN_TABLES: VlanTable[] = [
  {
    name: 'access, trunk and native',
    ports: {
      access10: { mode: 'access', vlan: 10 },
      access20: { mode: 'access', vlan: 20 },
      trunk: { mode: 'trunk' },
      trunk20: { mode: 'trunk', trunks: [20, 30] },
      nativeT: { mode: 'native-tagged', vlan: 10, trunks: [20] },
      nativeU: { mode: 'native-untagged', vlan: 10, trunks: [20] },
    },
    rows: [
      ['access10', 'no tag', [], 'trunk=8100:10 nativeT=8100:10 nativeU=untagged'],
      ['access10', 'priority tag', [P(0)], 'trunk=8100:10p5d nativeT=8100:10p5d nativeU=untagged'],
      ['access10', 'VID 10', [10], 'drop NOT_A_MEMBER'],
      ['access10', 'VID 20', [20], 'drop NOT_A_MEMBER'],
      ['access10', '88a8 VID 10', [S(10)], 'drop NOT_A_MEMBER'],
      ['access10', 'VID 4095', [4095], 'drop VID_RESERVED'],
      ['access10', '9100 VID 20', [Q(20)], 'trunk=8100:10 nativeT=8100:10 nativeU=untagged'],
      ['access20', 'no tag', [], 'trunk=8100:20 trunk20=8100:20 nativeT=8100:20 nativeU=8100:20'],
      ['trunk', 'no tag', [], 'drop UNTAGGED_ON_TRUNK'],
      ['trunk', 'priority tag', [P(0)], 'drop UNTAGGED_ON_TRUNK'],
      ['trunk', '9100 VID 10', [Q(10)], 'drop UNTAGGED_ON_TRUNK'],
      ['trunk', 'VID 10', [10], 'access10=untagged nativeT=8100:10 nativeU=untagged'],
      ['trunk', 'VID 10, PCP 5, DEI', [P(10)], 'access10=untagged nativeT=8100:10p5d nativeU=untagged'],
      ['trunk', 'VID 20', [20], 'access20=untagged trunk20=8100:20 nativeT=8100:20 nativeU=8100:20'],
      ['trunk', '88a8 VID 20', [S(20)], 'access20=untagged trunk20=88a8:20 nativeT=88a8:20 nativeU=88a8:20'],
      ['trunk', 'VID 30', [30], 'trunk20=8100:30'],
      ['trunk', 'VID 99', [99], 'drop NO_EGRESS'],
      ['trunk', 'VID 4095', [4095], 'drop VID_RESERVED'],
      ['trunk', 'VID 10 over VID 20', [10, 20], 'nativeT=8100:10+8100:20 nativeU=8100:20'],
      ['trunk20', 'VID 20', [20], 'access20=untagged trunk=8100:20 nativeT=8100:20 nativeU=8100:20'],
      ['trunk20', 'VID 10', [10], 'drop NOT_A_MEMBER'],
      ['nativeT', 'no tag', [], 'access10=untagged trunk=8100:10 nativeU=untagged'],
      ['nativeT', 'priority tag', [P(0)], 'access10=untagged trunk=8100:10p5d nativeU=untagged'],
      ['nativeT', 'VID 10', [10], 'access10=untagged trunk=8100:10 nativeU=untagged'],
      ['nativeT', 'VID 30', [30], 'drop NOT_A_MEMBER'],
      ['nativeU', 'no tag', [], 'access10=untagged trunk=8100:10 nativeT=8100:10'],
      ['nativeU', 'VID 10', [10], 'access10=untagged trunk=8100:10 nativeT=8100:10'],
      ['nativeU', 'VID 20', [20], 'access20=untagged trunk=8100:20 trunk20=8100:20 nativeT=8100:20'],
    ],
  },
  {
    name: 'tunnels',
    ports: {
      tunnel: { mode: 'dot1q-tunnel', vlan: 100 },
      tunnel81: { mode: 'dot1q-tunnel', vlan: 100, tpid: '0x8100' },
      picky: { mode: 'dot1q-tunnel', vlan: 100, cvlans: [5, 6] },
      wire: { mode: 'transparent', vlan: 100 },
      access: { mode: 'access', vlan: 100 },
      trunk: { mode: 'trunk' },
      nativeT: { mode: 'native-tagged', vlan: 100 },
      nativeU: { mode: 'native-untagged', vlan: 100 },
    },
    rows: [
      [
        'tunnel',
        'no tag',
        [],
        'tunnel81=untagged wire=untagged access=untagged trunk=88a8:100 nativeT=88a8:100 nativeU=untagged',
      ],
      [
        'tunnel',
        'VID 5',
        [5],
        'tunnel81=8100:5 picky=8100:5 wire=8100:5 trunk=88a8:100+8100:5 nativeT=88a8:100+8100:5 nativeU=8100:5',
      ],
      [
        'tunnel',
        'VID 7',
        [7],
        'tunnel81=8100:7 wire=8100:7 trunk=88a8:100+8100:7 nativeT=88a8:100+8100:7 nativeU=8100:7',
      ],
      [
        'tunnel',
        'PCP 5 stays inside, 0 outside',
        [P(7)],
        'tunnel81=8100:7p5d wire=8100:7p5d trunk=88a8:100+8100:7p5d nativeT=88a8:100+8100:7p5d nativeU=8100:7p5d',
      ],
      [
        'tunnel',
        'priority tag',
        [P(0)],
        'tunnel81=8100:0p5d wire=8100:0p5d trunk=88a8:100+8100:0p5d nativeT=88a8:100+8100:0p5d nativeU=8100:0p5d',
      ],
      [
        'tunnel',
        '88a8 VID 5',
        [S(5)],
        'tunnel81=88a8:5 picky=88a8:5 wire=88a8:5 trunk=88a8:100+88a8:5 nativeT=88a8:100+88a8:5 nativeU=88a8:5',
      ],
      [
        'tunnel',
        'two tags',
        [5, 6],
        'tunnel81=8100:5+8100:6 picky=8100:5+8100:6 wire=8100:5+8100:6 trunk=88a8:100+8100:5+8100:6 nativeT=88a8:100+8100:5+8100:6 nativeU=8100:5+8100:6',
      ],
      [
        'tunnel81',
        'VID 5',
        [5],
        'tunnel=8100:5 picky=8100:5 wire=8100:5 trunk=8100:100+8100:5 nativeT=8100:100+8100:5 nativeU=8100:5',
      ],
      ['picky', 'no tag', [], 'drop CVLAN_NOT_ALLOWED'],
      ['picky', 'VID 7', [7], 'drop CVLAN_NOT_ALLOWED'],
      ['picky', 'priority tag', [0], 'drop CVLAN_NOT_ALLOWED'],
      [
        'picky',
        'VID 6',
        [6],
        'tunnel=8100:6 tunnel81=8100:6 wire=8100:6 trunk=88a8:100+8100:6 nativeT=88a8:100+8100:6 nativeU=8100:6',
      ],
      [
        'wire',
        'VID 6',
        [6],
        'tunnel=8100:6 tunnel81=8100:6 picky=8100:6 trunk=88a8:100+8100:6 nativeT=88a8:100+8100:6 nativeU=8100:6',
      ],
      [
        'wire',
        'VID 4095',
        [4095],
        'tunnel=8100:4095 tunnel81=8100:4095 trunk=88a8:100+8100:4095 nativeT=88a8:100+8100:4095 nativeU=8100:4095',
      ],
      [
        'access',
        'no tag',
        [],
        'tunnel=untagged tunnel81=untagged wire=untagged trunk=8100:100 nativeT=8100:100 nativeU=untagged',
      ],
      [
        'trunk',
        'service tag over VID 5',
        [S(100), 5],
        'tunnel=8100:5 tunnel81=8100:5 picky=8100:5 wire=8100:5 nativeT=88a8:100+8100:5 nativeU=8100:5',
      ],
      [
        'trunk',
        'service tag over VID 7',
        [S(100), 7],
        'tunnel=8100:7 tunnel81=8100:7 wire=8100:7 nativeT=88a8:100+8100:7 nativeU=8100:7',
      ],
      [
        'trunk',
        'service tag alone',
        [S(100)],
        'tunnel=untagged tunnel81=untagged wire=untagged access=untagged nativeT=88a8:100 nativeU=untagged',
      ],
      [
        'trunk',
        '8100 over 9100',
        [100, Q(5)],
        'tunnel=untagged tunnel81=untagged wire=untagged access=untagged nativeT=8100:100 nativeU=untagged',
      ],
    ],
  },
];

/** As the data path is told. */
export function portConfigs({ ports }: VlanTable): Record<string, Partial<PortConfig>> {
  return Object.fromEntries(
    Object.entries(ports).map(([name, settings]) => [
      name,
      { ...settings, vlan: settings.vlan ?? 0, tpid: Number(settings.tpid ?? '0x88a8') },
    ]),
  );
}
