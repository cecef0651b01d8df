/** A port whose netdev or namespace vanishes is lost, and comes back by itself when what it needs is there again. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SwitchEvent } from '../../src/control/events.ts';
import { linesLog } from '../support/lines-log.ts';
import type { PortKind, PortRequest, SwitchControl } from '../../src/control/model.ts';
import { createSwitch } from '../../src/control/switch.ts';
import { stop } from '../support/agents.ts';
import { expectBalance, type Host, ip, Lab, netdevExists, sleep, until } from '../support/lab.ts';

const LAST_PID = '/proc/sys/kernel/ns_last_pid';
/** Longer than some attempts to bring a port back. */
const SEVERAL_ATTEMPTS_MS = 900;

const lab = new Lab();
let lan: SwitchControl;
let told: SwitchEvent[];
let log: string[];
beforeEach(async () => {
  told = [];
  log = [];
  lan = await createSwitch({ workers: 1, log: linesLog(log) });
  lab.defer(() => lan.close());
  lan.events.subscribe((event) => event.event.startsWith('port.') && told.push(event));
});
afterEach(() => lab.close());

const state = (name: string): string => lan.port(name).state;
const isLost = (name: string) => until(`${name} to be lost`, () => state(name) === 'lost');
const isBack = (name: string) => until(`${name} to be back`, () => state(name) === 'up');
/** Without `port.down`: the kernel takes a link down before it takes it away, and whether that is seen is chance. */
const eventsOf = (name: string): string[] =>
  told.filter(({ port, event }) => port === name && event !== 'port.down').map(({ event }) => event);

async function netdevsIn(host: Host): Promise<string[]> {
  const links = JSON.parse(await host.run('ip', '-json', 'link')) as { ifname: string }[];
  return links.map((link) => link.ifname).toSorted();
}

async function remakeNetns(host: Host): Promise<void> {
  await ip('netns', 'add', host.name);
  await host.run('ip', 'link', 'set', 'lo', 'up');
}

async function deleteNetns(host: Host): Promise<void> {
  host.release();
  await ip('netns', 'del', host.name);
}

const runsSleep = (child: ChildProcess) =>
  until('sleep to run', () => readFileSync(`/proc/${child.pid}/comm`, 'utf8').startsWith('sleep'));

/** A process in the host's namespace: nsenter, which becomes the program. */
async function startSleep(host: Host): Promise<ChildProcess> {
  const child = host.start('sleep', '1000');
  await once(child, 'spawn');
  await runsSleep(child);
  return child;
}

test.each<[string, PortKind]>([
  ['its own end is deleted', 'veth'],
  ['its far end is deleted', 'veth'],
  ['its far end is deleted', 'tap'],
  ['its namespace is deleted and made again', 'veth'],
  ['its namespace is deleted and made again', 'tap'],
  ['its own end is deleted', 'xdp'],
  ['its far end is deleted', 'xdp'],
  ['its namespace is deleted and made again', 'xdp'],
])('%s (%s): it is back with address, routes, settings and counters', async (what, kind) => {
  const [a, b] = [await lab.netns('a'), await lab.netns('b')];
  const request = { addresses: ['10.55.0.1/24', 'fd55::1/64'], gateway: '10.55.0.2', mtu: 1400, vlan: 7 };
  const before = await lab.plug(lan, a, kind, request);
  await lab.plug(lan, b, 'veth', { addresses: ['10.55.0.2/24'], vlan: 7 });
  await lan.addFdb({ mac: '02:00:00:00:00:77', port: a.name, kind: 'static' });
  expect(await b.pings('10.55.0.1')).toBe(true);
  const { frames } = lan.port(a.name).stats.rx;

  if (what === 'its own end is deleted') await ip('link', 'del', before.netdev!);
  else if (what === 'its far end is deleted') await a.run('ip', 'link', 'del', 'eth0');
  else await deleteNetns(a);
  await isLost(a.name);
  await until('the loss to be told', () => eventsOf(a.name).includes('port.lost'));
  expect(lan.port(a.name).stats.rx.frames).toBeGreaterThanOrEqual(frames);
  expect((await lan.fdb({ port: a.name }, { limit: 10 })).entries).toMatchObject([{ kind: 'static' }]);
  if (what.startsWith('its namespace')) {
    // What is set meanwhile, it comes back with.
    expect(await lan.patchPort(a.name, { mtu: 1300, isolated: true })).toMatchObject({ state: 'lost', mtu: 1300 });
    await lan.patchPort(a.name, { isolated: false });
    await remakeNetns(a);
  }
  await isBack(a.name);
  await until('the return to be told', () => eventsOf(a.name).includes('port.up'));

  const { mac, ifname, netns, addresses, vlan } = before;
  expect(lan.port(a.name)).toMatchObject({ mac, ifname, netns, addresses, vlan });
  const [eth0] = JSON.parse(await a.run('ip', '-json', 'address', 'show', 'eth0')) as [
    { address: string; mtu: number; addr_info: { local: string; scope: string }[] },
  ];
  expect(eth0).toMatchObject({ address: mac, mtu: what.startsWith('its namespace') ? 1300 : 1400 });
  const globals = eth0.addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local);
  expect(globals).toEqual(['10.55.0.1', 'fd55::1']);
  expect(await a.run('ip', 'route')).toContain('default via 10.55.0.2 dev eth0');
  expect(lan.port(a.name).stats.rx.frames).toBeGreaterThanOrEqual(frames);
  expect(await b.pings('10.55.0.1')).toBe(true);
  expect(await a.pings('10.55.0.2')).toBe(true);
  expect(eventsOf(a.name)).toEqual(['port.added', 'port.lost', 'port.up']);
  expect(told.find(({ event }) => event === 'port.lost')!['reason']).toMatch(/is gone/);
  await expectBalance(lan);
});

test('a netdev that was deleted, or moved away, is attached again when one of its name is there', async () => {
  const [a, b] = [await lab.netns('a'), await lab.netns('b')];
  const { netdev } = await lab.plug(lan, a, 'packet', { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'veth', { addresses: ['10.55.0.2/24'] });
  await ip('link', 'del', netdev!);
  await isLost(a.name);
  await ip('link', 'add', netdev!, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', a.name);
  await a.run('ip', 'address', 'add', '10.55.0.1/24', 'dev', 'eth0');
  await a.run('ip', 'link', 'set', 'eth0', 'up');
  await ip('link', 'set', netdev!, 'up');
  await isBack(a.name);
  expect(await b.pings('10.55.0.1')).toBe(true);

  const c = await lab.netns('c');
  await ip('link', 'set', netdev!, 'netns', c.name);
  await isLost(a.name);
  await c.run('ip', 'link', 'set', netdev!, 'netns', String(process.pid));
  await ip('link', 'set', netdev!, 'up');
  await isBack(a.name);
  expect(await b.pings('10.55.0.1')).toBe(true);
  await expectBalance(lan);
});

test('its own end, moved away and back, is made anew', async () => {
  const [a, c] = [await lab.netns('a'), await lab.netns('c')];
  const { netdev } = await lab.plug(lan, a, 'veth');
  await ip('link', 'set', netdev!, 'netns', c.name);
  await isLost(a.name);
  await until('the obstacle to be told', () => log.some((line) => /cannot come back yet .*eth0/.test(line)));
  await c.run('ip', 'link', 'set', netdev!, 'netns', String(process.pid));
  await a.run('ip', 'link', 'set', 'eth0', 'name', 'other');
  await isBack(a.name);
  expect(await netdevsIn(a)).toEqual(['eth0', 'lo']);
});

test('by path, and in the namespace of the daemon', async () => {
  const a = await lab.netns('a');
  const ifname = lab.netdevName();
  await lan.addPort({ name: 'path', kind: 'veth', netns: a.path });
  await lan.addPort({ name: 'home', kind: 'tap', netns: 'host', ifname });
  await deleteNetns(a);
  await ip('link', 'del', ifname);
  await isLost('path');
  await isLost('home');
  await isBack('home');
  expect(netdevExists(ifname)).toBe(true);
  await remakeNetns(a);
  await isBack('path');
  expect(await netdevsIn(a)).toEqual(['eth0', 'lo']);
});

describe('a pid', () => {
  test('that is alive gets its port again; after its end the port stays lost, and the reason is told once', async () => {
    const a = await lab.netns('a');
    const child = await startSleep(a);
    await lan.addPort({ name: 'p', kind: 'veth', netns: `${child.pid}` });
    await a.run('ip', 'link', 'del', 'eth0');
    await isLost('p');
    await isBack('p');
    expect(await netdevsIn(a)).toEqual(['eth0', 'lo']);
    await stop(child);
    await a.run('ip', 'link', 'del', 'eth0');
    await isLost('p');
    const told = (): number => log.filter((line) => line.includes('cannot come back yet')).length;
    await until('why it stays lost', () => told() > 0);
    await sleep(SEVERAL_ATTEMPTS_MS);
    expect(state('p')).toBe('lost');
    expect(told()).toBe(1);
    expect(await netdevsIn(a)).toEqual(['lo']);
  });

  test('of a process that went to another namespace leads nowhere', async () => {
    const [a, b] = [await lab.netns('a'), await lab.netns('b')];
    const child = a.start('sh', '-c', `echo ready; read go; exec nsenter --net=${b.path} sleep 1000`);
    await once(child.stdout!, 'data');
    await lan.addPort({ name: 'p', kind: 'tap', netns: `/proc/${child.pid}/ns/net` });
    child.stdin!.write('go\n');
    await runsSleep(child);
    await a.run('ip', 'link', 'del', 'eth0');
    await isLost('p');
    await until('why it stays lost', () => log.some((line) => /in another network namespace now/.test(line)));
    await sleep(SEVERAL_ATTEMPTS_MS);
    expect(state('p')).toBe('lost');
    expect(await netdevsIn(b)).toEqual(['lo']);
  });

  test('that a stranger got leads nowhere', async (context) => {
    if (!existsSync(LAST_PID)) context.skip('this kernel does not let a test choose a pid (CONFIG_CHECKPOINT_RESTORE)');
    const [a, b] = [await lab.netns('a'), await lab.netns('b')];
    const child = await startSleep(a);
    const pid = child.pid!;
    await lan.addPort({ name: 'p', kind: 'veth', netns: `${pid}` });
    await stop(child);
    // Others start processes too, so it may take some attempts to get this number.
    for (let [attempt, stranger] = [0, 0]; stranger !== pid; attempt++) {
      if (attempt === 100) throw new Error(`no process of the test got pid ${pid}`);
      writeFileSync(LAST_PID, String(pid - 1));
      stranger = (await startSleep(b)).pid!;
    }
    await a.run('ip', 'link', 'del', 'eth0');
    await isLost('p');
    await until('why it stays lost', () =>
      log.some((line) => line.includes(`the process ${pid} that ${pid} stood for`)),
    );
    await sleep(SEVERAL_ATTEMPTS_MS);
    expect(state('p')).toBe('lost');
    expect(await netdevsIn(b)).toEqual(['lo']);
  });
});

describe('a lost port', () => {
  let a: Host;
  const request = (): PortRequest => ({ name: 'p', kind: 'veth', netns: a.name, createNetns: true });
  beforeEach(async () => {
    a = await lab.netns('a');
    await lan.addPort(request());
    await deleteNetns(a);
    await isLost('p');
  });

  test('does not make its namespace again, and is removed like any other', async () => {
    await sleep(SEVERAL_ATTEMPTS_MS);
    expect(existsSync(a.path)).toBe(false);
    await lan.removePort('p');
    expect(lan.ports()).toEqual([]);
    expect(eventsOf('p')).toEqual(['port.added', 'port.lost', 'port.removed']);
    await lan.addPort(request());
    expect(state('p')).toBe('up');
  });

  test('waits until what is in its way is gone', async () => {
    await ip('netns', 'add', a.name);
    await a.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth1');
    await until('the obstacle to be told', () => log.some((line) => line.includes('cannot come back yet')));
    await sleep(SEVERAL_ATTEMPTS_MS);
    expect(state('p')).toBe('lost');
    expect(await netdevsIn(a)).toEqual(['eth0', 'eth1', 'lo']);
    await a.run('ip', 'link', 'del', 'eth0');
    await isBack('p');
  });

  test('that comes back while the switch is closed leaves nothing', async () => {
    await ip('netns', 'add', a.name);
    await sleep(250);
    await lan.close();
    expect(netdevExists('tsw-p')).toBe(false);
    expect(await netdevsIn(a)).toEqual(['lo']);
  });
});
