/** Ports come and go, while traffic flows, and nothing is left of them. What breaks under a port: see links.test.ts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PortKind, PortRequest, SwitchControl } from '../../src/control/model.ts';
import { stop } from '../support/agents.ts';
import { BROADCAST, frame, mac } from '../support/frames.ts';
import { expectBalance, expectTcp, type Host, ip, Lab, netdevExists, PATIENCE_MS, until } from '../support/lab.ts';

const lab = new Lab();
let lan: SwitchControl;
beforeEach(async () => {
  lan = await lab.switch();
});
afterEach(() => lab.close());

const DAEMON_FILE = fileURLToPath(new URL('../support/doomed-daemon.ts', import.meta.url));
const MIB = 1024 * 1024;
const IS_LONG = process.env['TSWITCH_LONG'] === '1';
const CYCLES = IS_LONG ? 20 : 8;
const PORTS = IS_LONG ? 50 : 24;

const exists = (netdev: string | null): boolean => netdev !== null && netdevExists(netdev);
const openFiles = (): number => readdirSync('/proc/self/fd').length;

async function netdevsIn(host: Host): Promise<string[]> {
  const links = JSON.parse(await host.run('ip', '-json', 'link')) as { ifname: string }[];
  return links.map((link) => link.ifname).toSorted();
}

function refused(code: string): unknown {
  return expect.objectContaining({ name: 'TswitchError', code });
}

describe('under traffic', () => {
  test('other ports come and go: two flows lose nothing, and nothing is left of the others', async () => {
    const a = await lab.netns('a');
    const b = await lab.netns('b');
    await lab.plug(lan, a, 'veth', { addresses: ['10.55.0.1/24'] });
    await lab.plug(lan, b, 'tap', { addresses: ['10.55.0.2/24'] });
    const guests = [await lab.netns('c'), await lab.netns('d')];
    expect(await a.pings('10.55.0.2')).toBe(true);
    const filesBefore = openFiles();

    const ping = a.start('ping', '-i', '0.01', '10.55.0.2');
    let report = '';
    ping.stdout?.on('data', (text: Buffer) => (report += text.toString()));
    let cycling = true;
    const flow = (async () => {
      while (cycling) await expectTcp(a, b, '10.55.0.2', 2_000_000);
    })();
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      for (const [k, guest] of guests.entries()) await lab.plug(lan, guest, k === cycle % 2 ? 'tap' : 'veth');
      for (const guest of guests) await lan.removePort(guest.name);
    }
    cycling = false;
    await flow;
    const answered = (): number[] =>
      [...report.matchAll(/bytes from .* icmp_seq=(\d+) .*\n/g)].map(([, number]) => Number(number));
    // What is sent behind the last cycle is answered too, and so is all before it.
    const before = answered().length;
    await until('more answers', () => answered().length > before + 50);
    ping.kill('SIGINT');
    await once(ping, 'close');
    expect(answered()).toEqual(answered().map((_, k) => k + 1));

    expect(lan.ports().map((port) => port.name)).toEqual([a.name, b.name]);
    for (const guest of guests) expect(await netdevsIn(guest)).toEqual(['lo']);
    // The agents of the flow have a channel each.
    expect(openFiles() - filesBefore).toBeLessThanOrEqual(8);
    await expectBalance(lan);
  });

  test.each<PortKind>(['veth', 'tap', 'packet'])('a port of kind %s is removed while it floods', async (kind) => {
    const a = await lab.netns('a', { ipv6: false });
    const b = await lab.netns('b', { ipv6: false });
    await lab.plug(lan, a, kind);
    await lab.plug(lan, b, 'veth');
    const wire = a.wire();
    for (let k = 0; k < 500; k++) wire.send(frame({ src: mac(k), dst: BROADCAST, payload: 1000 }));
    await lan.removePort(a.name);
    await lan.removePort(b.name);
    expect(lan.ports()).toEqual([]);
    expect((await lan.fdb({}, { limit: 1000 })).entries).toEqual([]);
    await expectBalance(lan);
  });
});

describe('what is made and what is left', () => {
  test.each<PortKind>(['veth', 'tap'])('%s: a change that is refused is not made by half', async (kind) => {
    const host = await lab.netns('a');
    await lab.plug(lan, host, kind, { mtu: 1400 });
    const patch = { mtu: 1300, mirror: { port: 'nobody' } };
    await expect(lan.patchPort(host.name, patch)).rejects.toThrow(refused('PORT_NOT_FOUND'));
    expect(lan.port(host.name).mtu).toBe(1400);
    const [eth0] = JSON.parse(await host.run('ip', '-json', 'link', 'show', 'eth0')) as [{ mtu: number }];
    expect(eth0.mtu).toBe(1400);
  });

  test.each<PortKind>(['veth', 'tap', 'packet'])('%s', async (kind) => {
    const host = await lab.netns('a');
    const settings = { addresses: ['10.55.0.1/24', 'fd55::1/64'], mtu: 1400, mac: '02:11:22:33:44:55' };
    const port = await lab.plug(lan, host, kind, settings);
    expect(port).toMatchObject({ state: 'up', mtu: 1400 });
    if (kind !== 'packet') expect(port).toMatchObject({ mac: settings.mac, ifname: 'eth0', netns: host.name });
    const [eth0] = JSON.parse(await host.run('ip', '-json', 'address', 'show', 'eth0')) as [
      { address: string; mtu: number; addr_info: { local: string; prefixlen: number; scope: string }[] },
    ];
    expect(eth0).toMatchObject({ address: settings.mac, mtu: 1400 });
    const globals = eth0.addr_info.filter((info) => info.scope === 'global');
    expect(globals.map((info) => `${info.local}/${info.prefixlen}`)).toEqual(settings.addresses);
    await lan.removePort(host.name);
    expect(existsSync(host.path)).toBe(true);
    expect(await netdevsIn(host)).toEqual(kind === 'packet' ? ['eth0', 'lo'] : ['lo']);
    expect(exists(port.netdev)).toBe(kind === 'packet');
    expect(() => lan.port(host.name)).toThrow(refused('PORT_NOT_FOUND'));
  });

  test('closing the switch removes what it made', async () => {
    const host = await lab.netns('a');
    const { netdev } = await lab.plug(lan, host, 'veth');
    await lan.addPort({ name: 'tap', kind: 'tap', netns: host.name, ifname: 'eth1' });
    expect(await netdevsIn(host)).toEqual(['eth0', 'eth1', 'lo']);
    await lan.close();
    expect(exists(netdev)).toBe(false);
    expect(await netdevsIn(host)).toEqual(['lo']);
  });

  test(`${PORTS} ports, one after another: descriptors and memory are given back`, async () => {
    const host = await lab.netns('a');
    const cycle = async (kind: PortKind): Promise<void> => {
      await lan.addPort({ name: 'p', kind, netns: host.name });
      await lan.removePort('p');
    };
    for (const kind of ['veth', 'tap', 'veth', 'tap'] as const) await cycle(kind);
    const before = { files: openFiles(), rss: process.memoryUsage.rss() };
    for (let k = 0; k < PORTS; k++) await cycle(k % 2 ? 'tap' : 'veth');
    await expect.poll(openFiles, { timeout: PATIENCE_MS }).toBe(before.files);
    // The rings of a veth port are 8 MiB: every second one is such a port, and they would show.
    expect(process.memoryUsage.rss() - before.rss).toBeLessThan(64 * MIB);
  });
});

describe('namespaces by whatever name', () => {
  test('path, pid and host', async () => {
    const host = await lab.netns('a');
    const other = await lab.netns('b');
    await lab.plug(lan, other, 'veth', { addresses: ['10.55.0.9/24'] });
    const sleeper = host.start('sleep', '1000');
    await once(sleeper, 'spawn');
    // nsenter has become the program when that program's name shows.
    await until('sleep to run', () => readFileSync(`/proc/${sleeper.pid}/comm`, 'utf8').startsWith('sleep'));
    await lan.addPort({ name: 'path', kind: 'veth', netns: host.path, ifname: 'p0', addresses: ['10.55.0.1/24'] });
    await lan.addPort({ name: 'pid', kind: 'tap', netns: `${sleeper.pid}`, ifname: 'p1', addresses: ['10.55.0.2/24'] });
    expect(await netdevsIn(host)).toEqual(['lo', 'p0', 'p1']);
    const ifname = lab.netdevName();
    await lan.addPort({ name: 'home', kind: 'veth', netns: 'host', ifname, addresses: ['10.55.0.3/24'] });
    expect(exists(ifname)).toBe(true);
    for (const n of [1, 2, 3]) expect(await other.pings(`10.55.0.${n}`), `10.55.0.${n}`).toBe(true);
    await lan.removePort('home');
    expect(exists(ifname)).toBe(false);
  });

  test('createNetns makes one, and leaves it', async () => {
    const name = `tswt-${process.pid}-made`;
    lab.defer(() => ip('netns', 'del', name));
    const request: PortRequest = { name: 'made', kind: 'veth', netns: name };
    await expect(lan.addPort(request)).rejects.toEqual(refused('NETNS_NOT_FOUND'));
    expect(await lan.addPort({ ...request, createNetns: true })).toMatchObject({ state: 'up' });
    await lan.removePort('made');
    expect(existsSync(`/run/netns/${name}`)).toBe(true);
  });
});

describe('refused, and nothing left', () => {
  let host: Host;
  beforeEach(async () => {
    host = await lab.netns('a');
    await lan.addPort({ name: 'first', kind: 'veth', netns: host.name });
  });

  test.each<[string, string, Partial<PortRequest>]>([
    ['the name is taken', 'PORT_EXISTS', { name: 'first', ifname: 'eth1' }],
    ['no such namespace', 'NETNS_NOT_FOUND', { netns: 'tswt-nowhere' }],
    ['no such path', 'NETNS_NOT_FOUND', { netns: '/run/netns/tswt-nowhere' }],
    ['no such process', 'NETNS_NOT_FOUND', { netns: '4194305' }],
    ['no namespace at all', 'BAD_REQUEST', { netns: '/etc/hostname' }],
    ['the far end is taken', 'NETDEV_EXISTS', { ifname: 'eth0' }],
    ['the far end is taken, TAP', 'NETDEV_EXISTS', { kind: 'tap', ifname: 'eth0' }],
    ['no such netdev', 'NETDEV_NOT_FOUND', { kind: 'packet', netdev: 'tswt-nowhere' }],
    ['a gateway out of reach', 'BAD_REQUEST', { ifname: 'eth1', addresses: ['10.55.0.1/24'], gateway: '10.99.0.1' }],
  ])('%s: %s', async (_, code, change) => {
    const before = { own: exists('tsw-first'), files: openFiles() };
    const { netdev, ...rest } = change;
    const request: PortRequest = {
      name: 'second',
      kind: 'veth',
      ...(netdev ? { netdev } : { netns: host.name }),
      ...rest,
    };
    await expect(lan.addPort(request)).rejects.toEqual(refused(code));
    expect(await netdevsIn(host)).toEqual(['eth0', 'lo']);
    expect(before.own).toBe(true);
    expect(exists('tsw-second')).toBe(false);
    await expect.poll(openFiles, { timeout: PATIENCE_MS }).toBe(before.files);
    expect(lan.ports()).toHaveLength(1);
  });

  test('unknown ports', async () => {
    await expect(lan.removePort('nobody')).rejects.toEqual(refused('PORT_NOT_FOUND'));
    await expect(lan.patchPort('nobody', {})).rejects.toEqual(refused('PORT_NOT_FOUND'));
  });
});

describe('what a killed daemon left', () => {
  test('is removed by the next one; netdevs of others stay', async () => {
    const host = await lab.netns('a');
    const [foreign, peer] = await lab.vethPair();
    await ip('link', 'set', foreign, 'alias', 'tswitch, but written by somebody else');
    await ip('link', 'set', peer, 'alias', 'uplink');
    const living = await lab.plug(lan, await lab.netns('b'), 'veth');

    const daemon = spawn(process.execPath, [DAEMON_FILE, host.name, 'eth0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    lab.defer(() => stop(daemon));
    const [line] = (await once(daemon.stdout, 'data')) as [Buffer];
    const left = line.toString().trim().split(' ')[1]!;
    lab.defer(() => exists(left) && ip('link', 'del', left));
    await lab.switch();
    expect(exists(left), 'a living daemon keeps its own').toBe(true);

    await stop(daemon);
    await lab.switch();
    expect(exists(left)).toBe(false);
    expect(await netdevsIn(host)).toEqual(['lo']);
    for (const netdev of [foreign, peer, living.netdev]) expect(exists(netdev)).toBe(true);
  });
});
