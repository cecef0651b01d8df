/** From one wish to another: which actions, in which order, and what they say. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PortRequest, SwitchPatch } from '../../src/control/model.ts';
import { settingsOf } from '../../src/control/port-record.ts';
import { asRequest, normalizePortRequest } from '../../src/control/port-request.ts';
import { SETTINGS_DEFAULT } from '../../src/control/settings.ts';
import { completeWish, type NormalWish, normalWish } from '../../src/control/wish/complete.ts';
import { reconcile } from '../../src/control/wish/reconcile.ts';
import {
  digestOf,
  inOrder,
  type Wish,
  wishedPort,
  type WishedEntry,
  type WishedLogic,
} from '../../src/control/wish/wish.ts';

const DEFAULTS = { offloads: () => ['csum' as const], mtu: () => 1400 };
const EMPTY: Wish = { switch: SETTINGS_DEFAULT, ports: [], fdb: [] };
const MAC = '02:00:00:00:00:01';

const veth = (name: string, fields: Partial<PortRequest> = {}): PortRequest => ({
  name,
  kind: 'veth',
  netns: name,
  ...fields,
});
const packet = (name: string, netdev: string): PortRequest => ({ name, kind: 'packet', netdev });
const given = (port: string, fields: Partial<WishedEntry> = {}): WishedEntry => ({
  mac: MAC,
  vlan: 1,
  port,
  kind: 'static',
  ...fields,
});

const logic = (name: string, fields: Partial<WishedLogic> = {}): WishedLogic => ({
  name,
  file: `/x/${name}.ts`,
  sha256: '00'.repeat(32),
  params: {},
  ports: [],
  vlans: [],
  shadow: false,
  ...fields,
});

/** What a switch wishes that was told this. */
function wish(ports: PortRequest[], fdb: WishedEntry[] = [], settings: SwitchPatch = {}): Wish {
  const complete = completeWish({ ports, fdb, switch: settings }, EMPTY, DEFAULTS);
  const wished = complete.ports.map((port, index) => {
    const mac = port.mac ?? `02:00:00:00:01:0${index}`;
    return wishedPort(port, mac, settingsOf(port, 1500, false));
  });
  return inOrder({ ...complete, ports: wished });
}

function actions(before: Wish, ports: PortRequest[], fdb: WishedEntry[] = [], settings: SwitchPatch = {}) {
  return reconcile(normalWish(before), completeWish({ ports, fdb, switch: settings }, before, DEFAULTS));
}

const texts = (list: ReturnType<typeof actions>): string[] => list.map(({ text }) => text);

describe('one difference', () => {
  const red = veth('red', { vlan: 10 });
  test.each<[string, Wish, PortRequest[], WishedEntry[], SwitchPatch, [string, string | null][]]>([
    ['nothing', wish([red]), [red], [], {}, []],
    ['a new port', EMPTY, [red], [], {}, [['port red (veth, eth0 in namespace red) is added', null]]],
    [
      'a new port on a netdev',
      EMPTY,
      [packet('up', 'enp3s0')],
      [],
      {},
      [['port up (packet on enp3s0) is added', 'the host itself no longer hears what arrives on enp3s0']],
    ],
    [
      'a port less',
      wish([red]),
      [],
      [],
      {},
      [['port red (veth, eth0 in namespace red) is removed', 'its host (namespace red) loses its link']],
    ],
    [
      'a netdev less',
      wish([packet('up', 'enp3s0')]),
      [],
      [],
      {},
      [['port up (packet on enp3s0) is removed', 'what is behind enp3s0 is no longer reached by port up']],
    ],
    [
      'a VLAN',
      wish([red]),
      [veth('red', { vlan: 20 })],
      [],
      {},
      [['port red: vlan 10 -> 20', 'the port leaves VLAN 10']],
    ],
    [
      'a mode',
      wish([red]),
      [veth('red', { mode: 'trunk', trunks: [10, 20] })],
      [],
      {},
      [
        [
          'port red: mode access -> trunk, vlan 10 -> null, trunks [] -> [10,20]',
          'frames tagged for the old mode may be dropped',
        ],
      ],
    ],
    [
      'a narrower trunk',
      wish([veth('red', { mode: 'trunk' })]),
      [veth('red', { mode: 'trunk', trunks: [10] })],
      [],
      {},
      [['port red: trunks [] -> [10]', 'the port leaves 4093 VLANs']],
    ],
    [
      'switched off',
      wish([red]),
      [veth('red', { vlan: 10, admin: 'down' })],
      [],
      {},
      [['port red: admin up -> down', 'nothing enters or leaves by the port any more']],
    ],
    [
      'isolated, without floods, smaller frames',
      wish([red]),
      [veth('red', { vlan: 10, isolated: true, floodBroadcast: false, mtu: 1400 })],
      [],
      {},
      [
        [
          'port red: mtu 1500 -> 1400, floodBroadcast true -> false, isolated false -> true',
          'frames of more than 1400 bytes are no longer sent to it; it no longer reaches other isolated ports; broadcasts no longer reach it',
        ],
      ],
    ],
    [
      'what a working port does not care for',
      wish([red]),
      [veth('red', { vlan: 10, createNetns: true })],
      [],
      {},
      [['port red: createNetns false -> true', null]],
    ],
    [
      'a setting of the switch',
      EMPTY,
      [],
      [],
      { fdbLimit: 10 },
      [['switch settings: fdbLimit 65536 -> 10', 'learned addresses beyond 10 are forgotten']],
    ],
    [
      'a reserved address',
      wish([], [], { reservedAddresses: { forward: ['01:80:c2:00:00:0e'] } }),
      [],
      [],
      {},
      [
        [
          'switch settings: reservedAddresses {"forward":["01:80:c2:00:00:0e"],"drop":[]} -> {"forward":[],"drop":[]}',
          'frames to 01:80:c2:00:00:0e are dropped',
        ],
      ],
    ],
    [
      'an address',
      wish([red]),
      [red],
      [given('red', { vlan: 10 })],
      {},
      [[`static address ${MAC} in VLAN 10 is given to port red`, null]],
    ],
    [
      'an address less',
      wish([red], [given('red', { vlan: 10 })]),
      [red],
      [],
      {},
      [[`static address ${MAC} in VLAN 10 on port red is removed`, null]],
    ],
    [
      'an address of another kind',
      wish([red], [given('red', { vlan: 10 })]),
      [red],
      [given('red', { vlan: 10, kind: 'sticky' })],
      {},
      [[`sticky address ${MAC} in VLAN 10 is given to port red`, null]],
    ],
  ])('%s', (_, before, ports, fdb, settings, expected) => {
    const found = actions(before, ports, fdb, settings);
    expect(found.map(({ text, cutsOff }) => [text, cutsOff])).toEqual(expected);
  });

  test.each<[string, PortRequest, string]>([
    ['kind', { ...red, kind: 'tap' }, 'kind'],
    ['netns', veth('red', { vlan: 10, netns: 'blue' }), 'netns'],
    ['ifname', veth('red', { vlan: 10, ifname: 'eth1' }), 'ifname'],
    ['mac', veth('red', { vlan: 10, mac: '02:00:00:00:00:99' }), 'mac'],
    ['addresses', veth('red', { vlan: 10, addresses: ['10.0.0.1/24'] }), 'addresses'],
    ['all of it', { name: 'red', kind: 'packet', netdev: 'x0' }, 'kind, netdev, netns, ifname'],
  ])('%s: the port is made anew', (_, port, fields) => {
    const [removal, adding, ...rest] = actions(wish([red], [given('red', { vlan: 10 })]), [port]);
    expect(removal).toMatchObject({
      do: 'remove-port',
      text: `port red (veth, eth0 in namespace red) is removed to be made anew (${fields})`,
      cutsOff: 'its host (namespace red) loses its link for a moment, and with it routes and addresses added by hand',
    });
    expect(adding).toMatchObject({ do: 'add-port', port: 'red' });
    expect(rest).toEqual([]);
  });
});

test('a port made anew keeps its MAC address, and its given entries are given again', () => {
  const before = wish(
    [veth('red'), veth('blue')],
    [given('red'), given('blue', { vlan: 1, mac: '02:00:00:00:00:02' })],
  );
  const after = actions(before, [veth('red', { ifname: 'eth1' }), veth('blue')], before.fdb);
  expect(after.map((action) => action.do)).toEqual(['remove-port', 'add-port', 'give-entry']);
  expect(after[1]).toMatchObject({ request: { mac: before.ports.find(({ name }) => name === 'red')?.mac } });
  expect(after[2]).toMatchObject({ entry: { port: 'red' } });
});

test('the order: what goes first makes room for what comes', () => {
  const before = wish(
    [veth('a'), veth('b'), veth('c', { vlan: 5 })],
    [given('a'), given('c', { vlan: 5 }), given('b', { mac: '02:00:00:00:00:02' })],
  );
  const found = actions(
    before,
    [veth('c', { vlan: 6 }), veth('d'), veth('b', { netns: 'a' })],
    [given('d'), given('b', { mac: '02:00:00:00:00:02' })],
    { ageingSeconds: 60 },
  );
  expect(texts(found)).toEqual([
    `static address ${MAC} in VLAN 5 on port c is removed`,
    'port a (veth, eth0 in namespace a) is removed',
    'port b (veth, eth0 in namespace b) is removed to be made anew (netns)',
    'switch settings: ageingSeconds 300 -> 60',
    'port c: vlan 5 -> 6',
    'port d (veth, eth0 in namespace d) is added',
    'port b (veth, eth0 in namespace a) is made anew',
    `static address ${MAC} in VLAN 1 is given to port d`,
    'static address 02:00:00:00:00:02 in VLAN 1 is given to port b',
  ]);
});

test('two ports exchange their netdevs: both are free before either is taken', () => {
  const found = actions(wish([packet('a', 'x'), packet('b', 'y')]), [packet('a', 'y'), packet('b', 'x')]);
  expect(found.map((action) => action.do)).toEqual(['remove-port', 'remove-port', 'add-port', 'add-port']);
});

test('every setting of a port and of the switch is noticed', () => {
  const port = normalizePortRequest(veth('red', { offloads: [] }));
  const other: NormalWish = { switch: { ...SETTINGS_DEFAULT }, ports: [port], fdb: [], logics: [] };
  for (const field of Object.keys(settingsOf(port, 1500, false))) {
    const changed = { ...other, ports: [{ ...port, [field]: 'something else' }] };
    expect(reconcile(other, changed), field).toMatchObject([
      { do: 'change-port', patch: { [field]: 'something else' } },
    ]);
  }
  for (const field of Object.keys(SETTINGS_DEFAULT)) {
    const changed = {
      ...other,
      switch: { ...SETTINGS_DEFAULT, [field]: field === 'reservedAddresses' ? { forward: [], drop: ['x'] } : 7 },
    };
    expect(reconcile(other, changed), field).toMatchObject([
      { do: 'set-switch', patch: { [field]: expect.anything() } },
    ]);
  }
});

test('mirrors come last: their ports may be new, made anew, or go', () => {
  const to = (port: string) => ({ port });
  expect(texts(actions(EMPTY, [veth('a', { mirror: to('b') }), veth('b')]))).toEqual([
    'port a (veth, eth0 in namespace a) is added',
    'port b (veth, eth0 in namespace b) is added',
    'port a: mirror null -> {"port":"b","file":null,"direction":"both","vlans":[],"maxBytes":null}',
  ]);
  const mirrored = wish([veth('a', { mirror: to('b') }), veth('b')]);
  const anew = actions(mirrored, [veth('a', { mirror: to('b') }), veth('b', { ifname: 'eth1' })]);
  expect(anew.map(({ do: what, ...action }) => [what, 'port' in action ? action.port : ''])).toEqual([
    ['remove-port', 'b'],
    ['add-port', 'b'],
    ['change-port', 'a'],
  ]);
  // With its port the mirror goes by itself.
  expect(actions(mirrored, [veth('a')]).map((action) => action.do)).toEqual(['remove-port']);
  expect(actions(mirrored, [veth('a'), veth('b')])).toMatchObject([{ do: 'change-port', patch: { mirror: null } }]);
});

test('logics are told as one list, with what is other about it', () => {
  const has = (...logics: WishedLogic[]): NormalWish => ({ ...normalWish(EMPTY), logics });
  const told = (before: NormalWish, after: NormalWish): string[] => texts(reconcile(before, after));
  const [x, y] = [logic('x'), logic('y')];
  expect(told(has(x), has(x))).toEqual([]);
  expect(told(has(), has(x, logic('x', { shadow: true })))).toEqual([
    'logics: x is loaded from /x/x.ts; x in shadow is loaded from /x/x.ts',
  ]);
  expect(told(has(x, y), has(y, x))).toEqual(['logics: they are asked in another order']);
  expect(told(has(x, y), has(logic('x', { params: { a: 1 }, vlans: [5] })))).toEqual([
    'logics: x gets other params, vlans; y is unloaded',
  ]);
});

test('what is left out has its default, whatever is set now; only a chosen MAC address stays', () => {
  const before = wish([veth('red', { vlan: 10, isolated: true, mac: MAC })], [], { ageingSeconds: 60 });
  expect(texts(actions(before, [veth('red')]))).toEqual([
    'switch settings: ageingSeconds 60 -> 300',
    'port red: vlan 10 -> 1, isolated true -> false',
  ]);
});

const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 });
const wishes = fc
  .record({
    names,
    vlan: fc.integer({ min: 1, max: 3 }),
    isolated: fc.boolean(),
    ifname: fc.constantFrom('eth0', 'eth1'),
    /** Each port is mirrored to the one so many places on; 0: to none. */
    mirrors: fc.integer({ min: 0, max: 3 }),
    logics: fc.uniqueArray(fc.constantFrom('x', 'y'), { maxLength: 2 }),
  })
  .map(({ names: ports, vlan, isolated, ifname, mirrors, logics }) => ({
    ...wish(
      ports.map((name, index) => {
        const to = ports[(index + mirrors) % ports.length]!;
        return veth(name, { vlan, isolated, ifname, mirror: to === name ? null : { port: to } });
      }),
      ports.slice(1).map((port, index) => given(port, { vlan, mac: `02:00:00:00:00:0${index}` })),
    ),
    ...(logics.length === 0 ? {} : { logics: logics.map((name) => logic(name, { vlans: [vlan] })) }),
  }));

test('done in their order, the actions make of any wish any other, and then nothing is left to do', () => {
  fc.assert(
    fc.property(wishes, wishes, (before, after) => {
      const state = structuredClone(before);
      for (const action of reconcile(normalWish(before), normalWish(after))) carryOut(state, action);
      expect(digestOf(inOrder(state))).toBe(digestOf(after));
      expect(reconcile(normalWish(after), normalWish(after))).toEqual([]);
    }),
  );
});

/** What a switch would do, as strict as a switch is. */
function carryOut(state: Wish, action: ReturnType<typeof reconcile>[number]): void {
  const { ports, fdb } = state;
  const place = (vlan: number, mac: string): number =>
    fdb.findIndex((entry) => entry.vlan === vlan && entry.mac === mac);
  switch (action.do) {
    case 'remove-entry':
      expect(place(action.entry.vlan, action.entry.mac)).toBeGreaterThanOrEqual(0);
      fdb.splice(place(action.entry.vlan, action.entry.mac), 1);
      return;
    case 'remove-port':
      expect(ports.some(({ name }) => name === action.port)).toBe(true);
      state.ports = ports
        .filter(({ name }) => name !== action.port)
        .map((port) => (port.mirror?.port === action.port ? { ...port, mirror: null } : port));
      state.fdb = fdb.filter(({ port }) => port !== action.port);
      return;
    case 'set-switch':
      state.switch = { ...state.switch, ...action.patch, reservedAddresses: state.switch.reservedAddresses };
      return;
    case 'change-port':
      if (action.patch.mirror?.port) {
        expect(ports.map(({ name }) => name)).toContain(action.patch.mirror.port);
      }
      Object.assign(
        ports.find(({ name }) => name === action.port)!,
        action.patch,
      );
      return;
    case 'add-port': {
      const { request } = action;
      expect(
        ports.some(
          ({ name, netns, ifname }) => name === request.name || (netns === request.netns && ifname === request.ifname),
        ),
      ).toBe(false);
      const port = normalizePortRequest(asRequest(request));
      ports.push(wishedPort(port, port.mac, settingsOf(port, 1500, false)));
      return;
    }
    case 'give-entry':
      if (place(action.entry.vlan, action.entry.mac) >= 0) fdb.splice(place(action.entry.vlan, action.entry.mac), 1);
      expect(ports.some(({ name }) => name === action.entry.port)).toBe(true);
      fdb.push(action.entry);
      return;
    case 'set-logics':
      state.logics = action.logics;
  }
}
