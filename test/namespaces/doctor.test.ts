/** The doctor says of each port what works, and finds what was done to it; and leaves nothing behind. */
import { readdirSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import {
  BPF_ALU64,
  BPF_EXIT,
  BPF_MOV,
  BPF_PROG_TYPE_XDP,
  BPF_XDP,
  XDP_DROP,
  XDP_FLAGS_SKB_MODE,
} from '../../native-bindings/abi/bpf.ts';
import { BPF_JMP, BPF_K } from '../../native-bindings/abi/filter.ts';
import { sys } from '../../native-bindings/syscalls.ts';
import type { Finding } from '../../src/control/doctor/finding.ts';
import type { PortKind, PortRequest, SwitchControl } from '../../src/control/model.ts';
import { linkToNetdev, loadProgram } from '../../src/control/plumbing/bpf.ts';
import { readNetdev } from '../../src/control/plumbing/netdev.ts';
import { resolveNetns } from '../../src/control/plumbing/netns.ts';
import { expectBalance, type Host, Lab } from '../support/lab.ts';

const lab = new Lab();
afterEach(() => lab.close());

async function plugged(kind: PortKind, request: Partial<PortRequest> = {}): Promise<{ lan: SwitchControl; red: Host }> {
  const lan = await lab.switch();
  const red = await lab.netns('red');
  await lab.plug(lan, red, kind, request);
  return { lan, red };
}

/** An XDP program on the netdev that drops all that arrives, for as long as the test lasts. */
async function dropEverything(host: Host, netdev: string): Promise<void> {
  const instructions = [{ code: BPF_ALU64 | BPF_MOV | BPF_K, to: 0, imm: XDP_DROP }, { code: BPF_JMP | BPF_EXIT }];
  const program = loadProgram({ type: BPF_PROG_TYPE_XDP, name: 'drop', instructions, attachType: BPF_XDP });
  lab.defer(() => sys.close(program));
  const netns = await resolveNetns(host.name);
  const index = readNetdev(netns, netdev)?.index ?? 0;
  netns.close();
  const link = host.inside(() => linkToNetdev(program, index, BPF_XDP, XDP_FLAGS_SKB_MODE));
  lab.defer(() => sys.close(link));
}

/** CHECK: verdict, of the port alone. */
async function verdicts(lan: SwitchControl, { name }: Host): Promise<Record<string, string>> {
  const findings = await lan.examine(name);
  return Object.fromEntries(
    findings.filter(({ port }) => port === name).map(({ check, verdict }) => [check, verdict] as const),
  );
}

async function finding(lan: SwitchControl, { name }: Host, check: string): Promise<Finding | undefined> {
  return (await lan.examine(name)).find((found) => found.port === name && found.check === check);
}

const WELL = {
  state: 'ok',
  small: 'ok',
  mtu: 'ok',
  checksum: 'ok',
  'super-frame': 'ok',
  tagged: 'ok',
  reserved: 'ok',
  'over MTU': 'ok',
};

describe('a port that is well', () => {
  test.each<[PortKind, Partial<PortRequest>, Record<string, string>]>([
    ['veth', {}, {}],
    ['tap', {}, {}],
    // AF_XDP carries no super-frames.
    ['xdp', {}, { 'super-frame': 'slow' }],
    ['veth', { mode: 'trunk', trunks: [10, 20] }, { 'two tags': 'ok' }],
    ['veth', { mode: 'native-untagged', vlan: 10, trunks: [20] }, { 'two tags': 'ok' }],
    ['tap', { mode: 'native-tagged', vlan: 10 }, { 'two tags': 'ok' }],
    ['veth', { mode: 'dot1q-tunnel', vlan: 100, cvlans: [5] }, { 'two tags': 'ok' }],
    ['veth', { mode: 'transparent', vlan: 100 }, { 'two tags': 'ok' }],
    ['veth', { isolated: true, vlan: 7 }, {}],
    ['veth', { floodUnknown: false }, {}],
  ])('%s %o', async (kind, request, others) => {
    const { lan, red } = await plugged(kind, request);
    expect(await verdicts(lan, red)).toEqual({ ...WELL, ...others });
    expect(lan.ports().map(({ name }) => name)).toEqual([red.name]);
    expect(readdirSync('/run/netns').filter((name) => name.startsWith('tswitch-doctor-'))).toEqual([]);
    await expectBalance(lan);
  });

  test('a jumbo port', async () => {
    const { lan, red } = await plugged('veth', { mtu: 9000 });
    const { mtu: _mtu, 'over MTU': _over, ...rest } = WELL;
    expect(await verdicts(lan, red)).toEqual({ ...rest, jumbo: 'ok' });
  });

  test('one whose LLDP is forwarded', async () => {
    const { lan, red } = await plugged('veth');
    expect(await finding(lan, red, 'reserved')).toMatchObject({
      verdict: 'ok',
      text: 'frames to 01:80:c2:00:00:0e (LLDP) are refused, as they must be (RESERVED_ADDRESS)',
    });
    await lan.patchSettings({ reservedAddresses: { forward: ['01:80:c2:00:00:0e'] } });
    expect(await finding(lan, red, 'reserved')).toMatchObject({ verdict: 'ok', text: expect.stringMatching(/pass/) });
  });

  test('the host is examined too', async () => {
    const { lan } = await plugged('veth');
    const ofHost = (await lan.examine()).filter(({ port }) => port === null);
    expect(ofHost.map(({ check }) => check)).toEqual(expect.arrayContaining(['kernel', 'privileges', 'clock', 'TAP']));
    expect(ofHost.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
  });
});

describe('a port with an ill', () => {
  test('what it sends is dropped before it leaves the namespace', async () => {
    const { lan, red } = await plugged('veth');
    await red.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'pfifo', 'limit', '0');
    expect(await finding(lan, red, 'small')).toMatchObject({
      verdict: 'broken',
      text: expect.stringMatching(/^frames of 60 bytes cannot be sent by eth0 in .*: ENOBUFS$/),
      fix: expect.stringMatching(/tc -s qdisc show/),
    });
  });

  test('an XDP program in the namespace drops what arrives', async () => {
    const { lan, red } = await plugged('veth');
    await dropEverything(red, 'eth0');
    expect(await finding(lan, red, 'small')).toMatchObject({
      verdict: 'broken',
      text: expect.stringMatching(/lost on the way out, and not by the switch$/),
      fix: expect.stringMatching(/XDP/),
    });
  });

  test('its interface may carry more than the port', async () => {
    const { lan, red } = await plugged('veth', { mtu: 1400 });
    await red.run('ip', 'link', 'set', 'eth0', 'mtu', '1500');
    await lan.patchPort(red.name, { offloads: [] });
    expect(await finding(lan, red, 'mtu of both ends')).toMatchObject({ verdict: 'off' });
    expect(await finding(lan, red, 'mtu')).toMatchObject({ verdict: 'ok' });
  });

  test('its interface has a smaller MTU than the port', async () => {
    const { lan, red } = await plugged('veth');
    await red.run('ip', 'link', 'set', 'eth0', 'mtu', '1400');
    expect(await finding(lan, red, 'mtu of both ends')).toMatchObject({
      verdict: 'broken',
      text: 'eth0 has an MTU of 1400, the port one of 1500',
    });
    expect(await finding(lan, red, 'mtu')).toMatchObject({
      verdict: 'broken',
      text: expect.stringMatching(/EMSGSIZE/),
    });
  });

  test('its interface is down', async () => {
    const { lan, red } = await plugged('veth');
    await red.run('ip', 'link', 'set', 'eth0', 'down');
    await expect.poll(() => lan.port(red.name).state).toBe('down');
    expect(await finding(lan, red, 'state')).toMatchObject({ verdict: 'broken' });
  });

  test('its namespace is gone', async () => {
    const { lan, red } = await plugged('veth');
    await red.run('ip', 'link', 'del', 'eth0');
    await expect.poll(() => lan.port(red.name).state).toBe('lost');
    expect(await finding(lan, red, 'state')).toMatchObject({
      verdict: 'broken',
      text: expect.stringMatching(/is gone/),
    });
  });

  test('its interface cuts super-frames itself', async () => {
    const { lan, red } = await plugged('veth');
    await red.run('ethtool', '-K', 'eth0', 'tso', 'off');
    expect(await finding(lan, red, 'super-frame')).toMatchObject({
      verdict: 'slow',
      text: expect.stringMatching(/on the way in$/),
      fix: expect.stringMatching(/ethtool -K eth0 tso on/),
    });
  });

  test('the switch finishes everything for it', async () => {
    const { lan, red } = await plugged('veth', { offloads: [] });
    expect(await verdicts(lan, red)).toMatchObject({ offloads: 'slow', checksum: 'ok', 'super-frame': 'slow' });
  });

  test('a port set down, one that has no far end', async () => {
    const { lan, red } = await plugged('veth', { admin: 'down' });
    expect(await verdicts(lan, red)).toEqual({ state: 'off' });
    const [netdev] = await lab.vethPair();
    await lan.addPort({ name: 'uplink', kind: 'packet', netdev });
    expect((await lan.examine('uplink')).at(-1)).toMatchObject({ check: 'probes', verdict: 'unknown' });
  });
});

test('two at once take turns, and a port that is not there is refused', async () => {
  const { lan, red } = await plugged('veth');
  const [one, two] = await Promise.all([lan.examine(red.name), lan.examine(red.name)]);
  expect(one.filter(({ verdict }) => verdict === 'broken')).toEqual([]);
  expect(two).toEqual(one);
  await expect(lan.examine('nobody')).rejects.toMatchObject({ code: 'PORT_NOT_FOUND' });
});
