/** What a request for a port means: defaults, spellings, and every contradiction refused with a sentence. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TswitchError } from '../../src/control/errors.ts';
import type { PortPatch, PortRequest, PortSettings } from '../../src/control/model.ts';
import { OFFLOAD_NAMES, PORT_MODES } from '../../src/control/model.ts';
import { NO_LIMITS } from '../../src/control/rate-limits.ts';
import { applyPatch, normalizePortRequest } from '../../src/control/port-request.ts';
import { isTrunk } from '../../src/control/port-vlans.ts';

const VETH: PortRequest = { name: 'red', kind: 'veth', netns: 'red' };
const PACKET: PortRequest = { name: 'up', kind: 'packet', netdev: 'enp3s0' };

function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof TswitchError && error.code === 'BAD_REQUEST') return error.message;
    throw error;
  }
  return 'accepted';
}

test('the smallest request gets every default', () => {
  expect(normalizePortRequest(VETH)).toEqual({
    name: 'red',
    kind: 'veth',
    netdev: null,
    netns: 'red',
    ifname: 'eth0',
    addresses: [],
    mac: null,
    mode: 'access',
    vlan: 1,
    trunks: [],
    mtu: 1500,
    cvlans: [],
    tpid: '0x88a8',
    priorityTags: 'never',
    fdbLimit: null,
    broadcastLimit: 10_000,
    multicastLimit: 100_000,
    unknownLimit: 100_000,
    ingressRate: null,
    ingressBurst: null,
    egressRate: null,
    egressBurst: null,
    learning: true,
    floodUnknown: true,
    floodMulticast: true,
    floodBroadcast: true,
    isolated: false,
    admin: 'up',
    offloads: undefined,
    mirror: null,
    createNetns: false,
    gateway: null,
  });
});

test('packet takes the MTU of its netdev unless one is given; memory needs nothing', () => {
  expect(normalizePortRequest(PACKET)).toMatchObject({ netdev: 'enp3s0', mtu: undefined, netns: null, ifname: null });
  expect(normalizePortRequest({ ...PACKET, mtu: 9000 }).mtu).toBe(9000);
  expect(normalizePortRequest({ name: 'm', kind: 'memory' })).toMatchObject({ netdev: null, netns: null, mtu: 1500 });
});

test('values come out in one spelling', () => {
  const request = normalizePortRequest({
    ...VETH,
    mac: '02:AA:BB:00:00:01',
    addresses: ['10.0.0.1/24', 'FD00:0:0::1/64'],
    gateway: 'fd00::FE',
    mode: 'trunk',
    trunks: [30, 10, 20, 10],
    offloads: ['tso4', 'csum'],
  });
  expect(request).toMatchObject({
    mac: '02:aa:bb:00:00:01',
    addresses: ['10.0.0.1/24', 'fd00::1/64'],
    gateway: 'fd00::fe',
  });
  expect(request).toMatchObject({ vlan: null, trunks: [10, 20, 30], offloads: ['csum', 'tso4'] });
});

test('null is the same as not given, so that what GET shows can be given back', () => {
  expect(normalizePortRequest({ ...VETH, netdev: null, ifname: null, mac: null })).toMatchObject({ ifname: 'eth0' });
  expect(normalizePortRequest({ ...PACKET, netns: null, ifname: null, mac: null, addresses: [] }).netdev).toBe(
    'enp3s0',
  );
});

describe('what fits no port is refused, naming the field', () => {
  const cases: [string, PortRequest, RegExp][] = [
    ['name with a slash', { ...VETH, name: 'a/b' }, /^name: "a\/b"/],
    ['empty name', { ...VETH, name: '' }, /^name:/],
    ['name of 65', { ...VETH, name: 'x'.repeat(65) }, /^name:/],
    ['name that a URL cannot hold', { ...VETH, name: '..' }, /^name:/],
    ['veth without netns', { name: 'a', kind: 'veth' }, /^netns: kind veth needs/],
    ['tap without netns', { name: 'a', kind: 'tap' }, /^netns: kind tap needs/],
    ['veth with netdev', { ...VETH, netdev: 'eth1' }, /^netdev: not for kind veth/],
    ['empty netns', { ...VETH, netns: '' }, /^netns:/],
    ['netns with a newline', { ...VETH, netns: 'a\nb' }, /^netns:/],
    ['packet without netdev', { name: 'a', kind: 'packet' }, /^netdev: kind packet needs/],
    ['packet with a far end', { ...PACKET, netns: 'a', addresses: ['10.0.0.1/24'] }, /^netns, addresses: not for kind/],
    ['packet with createNetns', { ...PACKET, createNetns: true }, /^createNetns: not for kind/],
    ['memory with netdev', { name: 'a', kind: 'memory', netdev: 'eth0' }, /^netdev: not for kind memory/],
    ['createNetns for a pid', { ...VETH, netns: '4711', createNetns: true }, /^createNetns:/],
    ['createNetns for host', { ...VETH, netns: 'host', createNetns: true }, /^createNetns:/],
    ['createNetns for a path', { ...VETH, netns: '/run/netns/a', createNetns: true }, /^createNetns:/],
    ['createNetns for a dot', { ...VETH, netns: '..', createNetns: true }, /^(createNetns|netns):/],
    ['ifname of 16 bytes', { ...VETH, ifname: 'x'.repeat(16) }, /^ifname:/],
    ['ifname of 8 characters and 16 bytes', { ...VETH, ifname: 'é'.repeat(8) }, /^ifname:/],
    ['ifname with a slash', { ...VETH, ifname: 'a/b' }, /^ifname:/],
    ['ifname with a colon', { ...VETH, ifname: 'eth0:1' }, /^ifname:/],
    ['ifname with a space', { ...VETH, ifname: 'a b' }, /^ifname:/],
    ['ifname that the kernel expands', { ...VETH, ifname: 'eth%d' }, /^ifname:/],
    ['ifname ..', { ...VETH, ifname: '..' }, /^ifname:/],
    ['empty ifname', { ...VETH, ifname: '' }, /^ifname:/],
    ['MTU 67', { ...VETH, mtu: 67 }, /^mtu: must be a whole number from 68 to 9000/],
    ['MTU 9001', { ...VETH, mtu: 9001 }, /^mtu:/],
    ['MTU 1500.5', { ...VETH, mtu: 1500.5 }, /^mtu:/],
    ['IPv6 below its MTU', { ...VETH, mtu: 1279, addresses: ['fd00::1/64'] }, /^mtu: IPv6/],
    ['group MAC', { ...VETH, mac: '01:00:5e:00:00:01' }, /^mac:.*unicast/],
    ['zero MAC', { ...VETH, mac: '00:00:00:00:00:00' }, /^mac:.*unicast/],
    ['MAC with dashes', { ...VETH, mac: '02-00-00-00-00-01' }, /^mac:.*not a MAC/],
    ['address without prefix', { ...VETH, addresses: ['10.0.0.1'] }, /^addresses:.*prefix/],
    ['prefix 33', { ...VETH, addresses: ['10.0.0.1/33'] }, /^addresses:.*0 to 32/],
    ['prefix 129', { ...VETH, addresses: ['fd00::1/129'] }, /^addresses:.*0 to 128/],
    ['prefix 08', { ...VETH, addresses: ['10.0.0.1/08'] }, /^addresses:/],
    ['octal IPv4', { ...VETH, addresses: ['010.0.0.1/24'] }, /^addresses:/],
    ['short IPv4', { ...VETH, addresses: ['10.1/24'] }, /^addresses:/],
    ['multicast address', { ...VETH, addresses: ['224.0.0.1/24'] }, /^addresses:.*multicast/],
    ['unspecified address', { ...VETH, addresses: ['::/64'] }, /^addresses:.*unspecified/],
    ['address with zone', { ...VETH, addresses: ['fe80::1%eth0/64'] }, /^addresses:/],
    ['the same address twice', { ...VETH, addresses: ['fd00::1/64', 'FD00:0::1/64'] }, /^addresses:.*twice/],
    ['gateway elsewhere', { ...VETH, addresses: ['10.0.0.1/24'], gateway: '10.0.1.1' }, /^gateway:/],
    ['gateway without address', { ...VETH, gateway: '10.0.0.254' }, /^gateway:/],
    ['gateway of the other family', { ...VETH, addresses: ['10.0.0.1/24'], gateway: 'fd00::1' }, /^gateway:/],
    ['TSO without checksums', { ...VETH, offloads: ['tso4'] }, /^offloads: tso4 need csum/],
    ['a mirror to itself', { ...VETH, mirror: { port: 'red' } }, /^mirror: port red cannot be mirrored to itself/],
    ['VID 0', { ...VETH, vlan: 0 }, /^vlan: 0/],
    ['VID 4095', { ...VETH, vlan: 4095 }, /^vlan: 4095/],
    ['trunk VID 4095', { ...VETH, mode: 'trunk', trunks: [4095] }, /^trunks: 4095/],
    ['trunk with vlan', { ...VETH, mode: 'trunk', vlan: 10 }, /^vlan: mode trunk has none/],
    ['access without vlan', { ...VETH, vlan: null }, /^vlan: mode access needs one/],
    ['native without vlan', { ...VETH, mode: 'native-tagged', vlan: null }, /^vlan: mode native-tagged needs one/],
    ['access with trunks', { ...VETH, trunks: [10] }, /^trunks: mode access/],
    ['tunnel with trunks', { ...VETH, mode: 'dot1q-tunnel', trunks: [10] }, /^trunks: mode dot1q-tunnel/],
    ['tunnel without vlan', { ...VETH, mode: 'dot1q-tunnel', vlan: null }, /^vlan: mode dot1q-tunnel needs one/],
    ['customer VID 0', { ...VETH, mode: 'dot1q-tunnel', cvlans: [0] }, /^cvlans: 0/],
    ['customers of a transparent port', { ...VETH, mode: 'transparent', cvlans: [5] }, /^cvlans: mode transparent/],
    ['FDB limit 0', { ...VETH, fdbLimit: 0 }, /^fdbLimit: must be/],
    ['half a frame per second', { ...VETH, broadcastLimit: 0.5 }, /^broadcastLimit: must be/],
  ];
  test.each(cases)('%s', (_, request, sentence) => {
    expect(refusal(() => normalizePortRequest(request))).toMatch(sentence);
  });
});

test('a link-local IPv6 gateway needs no address of its own', () => {
  expect(normalizePortRequest({ ...VETH, gateway: 'fe80::1' }).gateway).toBe('fe80::1');
});

describe('applyPatch', () => {
  const access: PortSettings = {
    mode: 'access',
    vlan: 10,
    trunks: [],
    cvlans: [],
    tpid: '0x88a8',
    priorityTags: 'never',
    mtu: 1500,
    learning: true,
    floodUnknown: true,
    floodMulticast: true,
    floodBroadcast: true,
    isolated: false,
    fdbLimit: null,
    broadcastLimit: 10_000,
    multicastLimit: null,
    unknownLimit: 100,
    ...NO_LIMITS,
    admin: 'up',
    offloads: [...OFFLOAD_NAMES],
    mirror: null,
  };
  const tunnel: PortSettings = { ...access, mode: 'dot1q-tunnel', vlan: 100, cvlans: [5, 6] };
  const trunk: PortSettings = { ...access, mode: 'trunk', vlan: null, trunks: [10, 20] };

  test('an empty patch changes nothing', () => {
    expect(applyPatch(access, {})).toEqual(access);
    expect(applyPatch(trunk, {})).toEqual(trunk);
  });

  const changes: [string, PortSettings, PortPatch, Partial<PortSettings>][] = [
    ['access to trunk drops the VLAN', access, { mode: 'trunk' }, { mode: 'trunk', vlan: null, trunks: [] }],
    ['access to native keeps it', access, { mode: 'native-untagged', trunks: [20] }, { vlan: 10, trunks: [20] }],
    ['trunk to native takes VLAN 1', trunk, { mode: 'native-tagged' }, { vlan: 1, trunks: [10, 20] }],
    ['trunk to access drops the list', trunk, { mode: 'access', vlan: 5 }, { vlan: 5, trunks: [] }],
    ['tunnel to access drops customer VLANs', tunnel, { mode: 'access' }, { vlan: 100, cvlans: [] }],
    [
      'trunk to tunnel drops the list',
      trunk,
      { mode: 'dot1q-tunnel', cvlans: [9, 2] },
      { vlan: 1, trunks: [], cvlans: [2, 9] },
    ],
    ['limits', access, { broadcastLimit: null, fdbLimit: 5 }, { broadcastLimit: null, fdbLimit: 5 }],
    ['limits of bandwidth', access, { egressRate: '10Mbit' }, { egressRate: '10mbit' }],
    ['another VLAN', access, { vlan: 20 }, { mode: 'access', vlan: 20 }],
    ['trunks are sorted', trunk, { trunks: [3, 1, 3] }, { trunks: [1, 3] }],
    ['plain fields', access, { isolated: true, mtu: 68, admin: 'down' }, { isolated: true, mtu: 68, admin: 'down' }],
    ['no offloads', access, { offloads: [] }, { offloads: [] }],
    [
      'a mirror to a port',
      access,
      { mirror: { port: 'monitor', vlans: [20, 10, 20] } },
      { mirror: { port: 'monitor', file: null, direction: 'both', vlans: [10, 20], maxBytes: null } },
    ],
    [
      'a mirror into a file',
      access,
      { mirror: { file: '/var/log/red.pcapng', direction: 'rx' } },
      { mirror: { port: null, file: '/var/log/red.pcapng', direction: 'rx', vlans: [], maxBytes: 134_217_728 } },
    ],
  ];
  test.each(changes)('%s', (_, settings, patch, expected) => {
    expect(applyPatch(settings, patch)).toEqual({
      ...settings,
      ...expected,
      ...('mode' in patch && { mode: patch.mode }),
    });
  });

  const contradictions: [string, PortSettings, PortPatch, RegExp][] = [
    ['a VLAN on a trunk', trunk, { vlan: 10 }, /^vlan: mode trunk has none/],
    ['trunks on an access port', access, { trunks: [10] }, /^trunks: mode access/],
    ['no VLAN on an access port', access, { vlan: null }, /^vlan: mode access needs one/],
    ['customers on an access port', access, { cvlans: [5] }, /^cvlans: mode access/],
    ['VID 4095', access, { vlan: 4095 }, /^vlan: 4095/],
    ['MTU 9001', access, { mtu: 9001 }, /^mtu:/],
    ['a burst without a rate', access, { egressBurst: '64kb' }, /^egressBurst: a burst needs a rate/],
    ['a mirror to nowhere', access, { mirror: {} }, /^mirror: give either the port/],
    ['a mirror to both', access, { mirror: { port: 'b', file: '/a.pcapng' } }, /^mirror: give either the port/],
    ['a mirror into a strange file', access, { mirror: { file: '/etc/passwd' } }, /^mirror: file: give a whole path/],
    ['a size for a port', access, { mirror: { port: 'b', maxBytes: 2 ** 30 } }, /^mirror: maxBytes is for a file/],
  ];
  test.each(contradictions)('%s is refused', (_, settings, patch, sentence) => {
    expect(refusal(() => applyPatch(settings, patch))).toMatch(sentence);
  });

  test('IPv6 addresses need their MTU, as when the port was added', () => {
    const addresses = ['10.0.0.1/24', 'fd00::1/64'];
    expect(refusal(() => applyPatch(access, { mtu: 1279 }, addresses))).toMatch(/^mtu: IPv6 addresses need/);
    expect(applyPatch(access, { mtu: 1280 }, addresses).mtu).toBe(1280);
    expect(applyPatch(access, { mtu: 1279 }, ['10.0.0.1/24']).mtu).toBe(1279);
    expect(applyPatch(access, { vlan: 20 }, addresses).vlan).toBe(20);
  });

  test('whatever is patched, the result never contradicts itself, and the old settings stay as they were', () => {
    const patches = fc.record<PortPatch>(
      {
        mode: fc.constantFrom(...PORT_MODES),
        vlan: fc.option(fc.integer({ min: -1, max: 4096 })),
        trunks: fc.array(fc.integer({ min: 0, max: 4095 }), { maxLength: 4 }),
        cvlans: fc.array(fc.integer({ min: 0, max: 4095 }), { maxLength: 4 }),
        mtu: fc.integer({ min: 60, max: 9010 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.constantFrom(access, trunk, tunnel), fc.array(patches, { maxLength: 5 }), (start, steps) => {
        const before = structuredClone(start);
        let settings = start;
        for (const patch of steps) {
          if (refusal(() => applyPatch(settings, patch)) === 'accepted') settings = applyPatch(settings, patch);
        }
        expect(settings.vlan === null).toBe(settings.mode === 'trunk');
        expect(!isTrunk(settings.mode) && settings.trunks.length > 0).toBe(false);
        expect(settings.mode !== 'dot1q-tunnel' && settings.cvlans.length > 0).toBe(false);
        for (const vid of [...settings.trunks, ...settings.cvlans, settings.vlan ?? 1])
          expect(vid >= 1 && vid <= 4094).toBe(true);
        expect(settings.trunks).toEqual([...new Set(settings.trunks)].sort((a, b) => a - b));
        expect(start).toEqual(before);
      }),
    );
  });
});
