/**
 * A daemon that ends, in order or not, and its next life: ports that are still there are taken over as they are, what is left of
 * others is removed, what is foreign is not touched, and what was acknowledged is in force.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PortView, SwitchView } from '../../src/control/model.ts';
import { listNetdevs, readNetdev } from '../../src/control/plumbing/netdev.ts';
import { Owner, parseMark } from '../../src/control/plumbing/ownership.ts';
import type { Wish } from '../../src/control/wish/wish.ts';
import { refusal } from '../support/api-client.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { type Host, ip, Lab, sleep, until } from '../support/lab.ts';

const lab = new Lab();
let a: Host;
let b: Host;
let daemon: Daemon;
beforeEach(async () => {
  a = await lab.netns('a');
  b = await lab.netns('b');
  daemon = new Daemon(lab);
});
afterEach(() => lab.close());

const ports = async (): Promise<PortView[]> => (await daemon.api.get<{ ports: PortView[] }>('/v1/ports')).body.ports;
const port = async (name: string): Promise<PortView | undefined> => (await ports()).find((one) => one.name === name);
const config = async (): Promise<Wish> => (await daemon.api.get<Wish>('/v1/config')).body;
const netdevsOf = (id: string): string[] =>
  listNetdevs(null).flatMap(({ name, alias }) => (parseMark(alias)?.id === id ? [name] : []));

async function plugBoth(): Promise<void> {
  for (const [host, kind, address] of [
    [a, 'veth', '10.58.0.1/24'],
    [b, 'tap', '10.58.0.2/24'],
  ] as const) {
    const request = { name: host.name, kind, netns: host.name, addresses: [address] };
    expect((await daemon.api.post('/v1/ports', request)).status).toBe(201);
    host.solicitPatiently();
    await host.connected();
  }
}

/** All that a user of the namespace sees of its interface, and may have changed. */
async function farEnd(host: Host): Promise<unknown> {
  const [link] = JSON.parse(await host.run('ip', '-json', '-details', 'address', 'show', 'eth0')) as [
    { ifindex: number; address: string; mtu: number; addr_info: { local: string }[] },
  ];
  const routes: unknown = JSON.parse(await host.run('ip', '-json', 'route'));
  const { ifindex, address, mtu, addr_info } = link;
  const carrier = host === a ? await host.run('cat', '/sys/class/net/eth0/carrier_changes') : null;
  return { ifindex, address, mtu, addresses: addr_info.map(({ local }) => local), routes, carrier };
}

/** What only the namespace's own user has set. */
async function setByHand(host: Host): Promise<void> {
  await host.run('ip', 'address', 'add', `10.59.0.${host === a ? 1 : 2}/24`, 'dev', 'eth0');
  await host.run('ip', 'link', 'set', 'eth0', 'mtu', '1400');
}

describe.each([
  ['killed', () => daemon.kill()],
  ['stopped', () => daemon.stop()],
] as const)('a daemon that was %s', (how, end) => {
  test('takes its ports over as they are', async () => {
    await daemon.start();
    await plugBoth();
    const mac = (await port(b.name))!.mac!;
    await daemon.api.post('/v1/fdb', { mac, port: b.name, kind: 'static' });
    await daemon.api.patch('/v1/switch', { ageingSeconds: 77 });
    if (how === 'stopped') for (const host of [a, b]) await setByHand(host);
    else await a.run('ip', 'address', 'add', '10.59.0.1/24', 'dev', 'eth0');
    expect(await a.pings('10.58.0.2')).toBe(true);
    const [before, document, own] = [
      [await farEnd(a), await farEnd(b)],
      await config(),
      readNetdev(null, (await port(a.name))!.netdev!),
    ];
    const { generation } = (await daemon.api.get<SwitchView>('/v1/switch')).body.state;

    await end();
    expect(readNetdev(null, own!.name)?.index).toBe(own!.index);
    // Somebody else's daemon starts meanwhile: what has a next life is not its to remove.
    await (await lab.switch()).close();
    await daemon.start();
    expect(await a.pings('10.58.0.2')).toBe(true);
    expect([await farEnd(a), await farEnd(b)]).toEqual(before);
    expect(readNetdev(null, own!.name)?.index).toBe(own!.index);
    expect(await config()).toEqual(document);
    expect((await daemon.api.get<SwitchView>('/v1/switch')).body.state).toEqual({
      file: daemon.state,
      generation,
      problems: [],
    });
    expect((await ports()).map(({ state }) => state)).toEqual(['up', 'up']);

    // And removes what it has taken over.
    for (const host of [a, b]) expect((await daemon.api.send('DELETE', `/v1/ports/${host.name}`)).status).toBe(204);
    for (const host of [a, b]) expect(await host.run('ip', '-brief', 'link')).not.toContain('eth0');
    expect(netdevsOf(daemon.kept().instance)).toEqual([]);
  });
});

test('a TAP that was taken over is lost when its namespace has neither name nor process, and comes back with it', async () => {
  await daemon.start();
  await plugBoth();
  await daemon.kill();
  await daemon.start();
  const { mac } = (await port(b.name))!;
  b.release();
  await ip('netns', 'del', b.name);
  await until('the port to be lost', async () => (await port(b.name))?.state === 'lost');
  await ip('netns', 'add', b.name);
  await until('the port to be back', async () => (await port(b.name))?.state === 'up');
  expect((await port(b.name))?.mac).toBe(mac);
});

test('a namespace that went while no daemon ran: the port is lost, and comes back with it', async () => {
  await daemon.start();
  await plugBoth();
  const { mac } = (await port(a.name))!;
  await daemon.kill();
  a.release();
  await ip('netns', 'del', a.name);
  await daemon.start();
  expect(await port(a.name)).toMatchObject({ state: 'lost', mac });
  expect((await port(b.name))?.state).toBe('up');
  await ip('netns', 'add', a.name);
  await until('the port to be back', async () => (await port(a.name))?.state === 'up');
  expect((await port(a.name))?.mac).toBe(mac);
});

test('a pid whose process ended while no daemon ran is nobody any more', async () => {
  await daemon.start();
  const sleeper = a.start('sleep', '1000');
  await until('sleep to run', () => readFileSync(`/proc/${sleeper.pid}/comm`, 'utf8').startsWith('sleep'));
  const request = { name: 'p', kind: 'tap', netns: String(sleeper.pid), ifname: 'eth0' };
  expect((await daemon.api.post('/v1/ports', request)).status).toBe(201);
  await daemon.stop();
  sleeper.kill('SIGKILL');
  await until('sleep to end', () => sleeper.exitCode !== null || sleeper.signalCode !== null);
  await daemon.start();
  expect(await port('p')).toMatchObject({ state: 'lost', netns: String(sleeper.pid) });
});

test('what a TAP lost while no daemon ran does not count as lost by the next one', async () => {
  await daemon.start();
  await plugBoth();
  await daemon.kill();
  const lost = async (): Promise<number> => {
    const [link] = JSON.parse(await b.run('ip', '-json', '-statistics', 'link', 'show', 'eth0')) as [
      { stats64: { tx: { dropped: number } } },
    ];
    return link.stats64.tx.dropped;
  };
  const before = await lost();
  expect(await b.pingsInVain('10.58.0.1')).toBe(true);
  expect(await lost()).toBeGreaterThan(before);
  await daemon.start();
  expect(await b.pings('10.58.0.1')).toBe(true);
  expect((await port(b.name))!.stats.rx.drops).toBe(0);
});

test('what is left of ports that nobody wishes is removed; what is foreign is not touched, and in the way', async () => {
  await daemon.start();
  await plugBoth();
  const { instance } = daemon.kept();
  await daemon.kill();
  // As a daemon leaves it that is killed while it makes a port.
  const [half, stranger] = [lab.netdevName(), (await lab.netns('c')).name];
  const mark = new Owner({ id: instance }).mark('half').replace(/start=\d+/, 'start=1');
  await ip('link', 'add', half, 'type', 'veth', 'peer', 'name', lab.netdevName());
  await ip('link', 'set', half, 'alias', mark);
  lab.defer(() => ip('link', 'del', half).catch(() => undefined));
  // A stranger took the name of a port's own end.
  const own = listNetdevs(null).find(({ alias }) => parseMark(alias)?.port === a.name)!.name;
  await ip('link', 'del', own);
  await ip('link', 'add', own, 'type', 'veth', 'peer', 'name', 'x0', 'netns', stranger);
  lab.defer(() => ip('link', 'del', own).catch(() => undefined));
  const { index } = readNetdev(null, own)!;

  await daemon.start();
  expect(readNetdev(null, half)).toBe(null);
  expect(readNetdev(null, own)?.index).toBe(index);
  expect((await port(a.name))?.state).toBe('lost');
  expect(daemon.log).toContain(`there is a netdev ${own}`);
  await ip('link', 'del', own);
  await until('the port to be back', async () => (await port(a.name))?.state === 'up');
});

test('a daemon with other state leaves what a killed one may come back for, says so, and has no use for its names', async () => {
  await daemon.start();
  await plugBoth();
  const { netdev } = (await port(a.name))!;
  await daemon.kill();
  const other = new Daemon(lab);
  await other.start('--ephemeral');
  expect(other.log).toMatch(new RegExp(`left what a tswitch that has ended may come back for.*${netdev}`));
  const reply = other.api.post('/v1/ports', { name: a.name, kind: 'veth', netns: b.name, ifname: 'eth7' });
  const [status, code, message] = await refusal(reply);
  expect([status, code]).toEqual([409, 'NETDEV_EXISTS']);
  expect(message).toContain('start that one with its --state, or `ip link del');
  await other.kill();
  await daemon.start();
  expect(await a.pings('10.58.0.2')).toBe(true);

  // State that was moved away leaves nobody who could come back.
  await daemon.kill();
  for (const file of [daemon.state, `${daemon.state}.last-good`]) rmSync(file);
  await daemon.start();
  expect(readNetdev(null, netdev!)).toBe(null);
});

test('ephemeral: nothing is kept, and nothing is left', async () => {
  await daemon.start('--ephemeral');
  await plugBoth();
  expect((await daemon.api.get<SwitchView>('/v1/switch')).body.state.file).toBe(null);
  const { netdev } = (await port(a.name))!;
  await daemon.stop();
  expect(readNetdev(null, netdev!)).toBe(null);
  for (const host of [a, b]) expect(await host.run('ip', '-brief', 'link')).not.toContain('eth0');
  await daemon.start('--ephemeral');
  expect(await ports()).toEqual([]);
});

test('a configuration file wins over what was kept, as a whole; one that is wrong is told line by line', async () => {
  await daemon.start();
  await plugBoth();
  const [before, link] = [(await port(a.name))!, await farEnd(a)];
  await daemon.stop();
  const file = join(daemon.folder, 'lan.yaml');
  writeFileSync(
    file,
    `ports:\n  - {name: ${a.name}, kind: veth, netns: ${a.name}, addresses: [10.58.0.1/24], vlan: 5000}\n`,
  );
  await expect(daemon.start('--config', file)).rejects.toThrow(/1 problem.*\n.*lan\.yaml:2:\d+: \/ports\/0\/vlan/);
  writeFileSync(
    file,
    `ports:\n  - {name: ${a.name}, kind: veth, netns: ${a.name}, addresses: [10.58.0.1/24], vlan: 50}\n`,
  );
  await daemon.start('--config', file);
  expect((await ports()).map(({ name, vlan, mac }) => [name, vlan, mac])).toEqual([[a.name, 50, before.mac]]);
  expect(await farEnd(a)).toEqual(link);
  await daemon.stop();
  await daemon.start();
  expect((await ports()).map(({ name, vlan }) => [name, vlan])).toEqual([[a.name, 50]]);
});

describe('a configuration that waits to be confirmed', () => {
  const wanted = () => ({ ports: [{ name: 'c', kind: 'veth', netns: a.name, ifname: 'eth7' }] });
  const names = async (): Promise<string[]> => (await ports()).map(({ name }) => name).toSorted();

  test('is taken back by the next life of a daemon that was killed, in time or as soon as there is one', async () => {
    await daemon.start();
    await plugBoth();
    const before = await config();
    for (const seconds of [1, 6]) {
      const { status } = await daemon.api.send('PUT', `/v1/config?confirmWithin=${seconds}`, JSON.stringify(wanted()));
      expect(status).toBe(200);
      await daemon.kill();
      if (seconds === 1) await sleep(1100);
      await daemon.start();
      await until('it to be taken back', async () => (await names()).length === 2);
      expect(await config()).toEqual(before);
    }
  });

  test('can be confirmed in the next life', async () => {
    await daemon.start();
    await daemon.api.send('PUT', '/v1/config?confirmWithin=3600', JSON.stringify(wanted()));
    await daemon.kill();
    await daemon.start();
    expect((await daemon.api.post('/v1/ports', { name: 'd', kind: 'veth', netns: b.name })).status).toBe(409);
    expect((await daemon.api.post('/v1/config/confirm', {})).status).toBe(204);
    expect((await daemon.api.post('/v1/ports', { name: 'd', kind: 'veth', netns: b.name })).status).toBe(201);
    expect(await names()).toEqual(['c', 'd']);
  });
});

test('damaged state is set aside, said in the log and by the API, and the last good one used', async () => {
  await daemon.start();
  await plugBoth();
  const document = await config();
  await daemon.stop();
  writeFileSync(daemon.state, 'no longer a database');
  await daemon.start();
  expect(await config()).toEqual(document);
  const { problems } = (await daemon.api.get<SwitchView>('/v1/switch')).body.state;
  expect(problems).toEqual([expect.stringContaining(`the state file ${daemon.state} is damaged`)]);
  expect(daemon.log).toContain('kept state is damaged');
  await daemon.stop();
  writeFileSync(daemon.state, 'neither');
  writeFileSync(`${daemon.state}.last-good`, 'nor this');
  await expect(daemon.start()).rejects.toThrow('put a back-up in its place');
});
