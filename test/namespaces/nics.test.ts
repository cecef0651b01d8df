/** NICs that namespaces have for themselves: moved whole, and back in the host as they were. Pairs stand for hardware. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ContainerView, NicView } from '../../src/networks/model.ts';
import { refusal } from '../support/api-client.ts';
import { Daemon as KeptDaemon } from '../support/kept-daemon.ts';
import { type Host, ip, Lab, until } from '../support/lab.ts';
import { NetworkLab } from '../support/network-lab.ts';

const lab = new Lab();
let net: NetworkLab;
let a: Host;
beforeEach(async () => {
  net = await NetworkLab.open(lab);
  a = await lab.netns('a');
  await net.host.run('ip', 'link', 'add', 'nic0', 'type', 'veth', 'peer', 'name', 'line0', 'netns', net.world.path);
  await net.host.run('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'nic0');
  await net.host.run('ip', 'link', 'set', 'nic0', 'mtu', '1400', 'up');
  await net.world.run('ip', 'address', 'add', '192.0.2.9/24', 'dev', 'line0');
  await net.world.run('ip', 'link', 'set', 'line0', 'up');
});
afterEach(() => lab.close());

const connect = (nic: string, container: string, request: object = {}) =>
  net.daemon.api.post<NicView>(`/v1/nics/${nic}/connect`, { container, ...request });
const disconnect = (nic: string) => net.daemon.api.send('POST', `/v1/nics/${nic}/disconnect`);
const list = async (): Promise<NicView[]> => (await net.daemon.api.get<{ nics: NicView[] }>('/v1/nics')).body.nics;

/** What there is to see of a NIC in the host; null: it is not there. */
async function inHost(host = net.host, name = 'nic0'): Promise<unknown> {
  const text = await host.run('ip', '-json', 'address', 'show', name).catch(() => null);
  if (text === null) return null;
  const [{ flags, mtu, address, addr_info }] = JSON.parse(text) as [
    { flags: string[]; mtu: number; address: string; addr_info: { local: string; scope: string }[] },
  ];
  const addresses = addr_info.filter(({ scope }) => scope === 'global').map(({ local }) => local);
  return { isUp: flags.includes('UP'), mtu, address, addresses };
}

test('into a namespace under another name, with addresses and a default route, and back as it was', async () => {
  const before = await inHost();
  const wanted = { ifname: 'wan0', addresses: ['192.0.2.5/24'], gateway: '192.0.2.9' };
  const { status, body } = await connect('nic0', a.name, wanted);
  expect([status, body]).toMatchObject([200, { name: 'nic0', netns: a.name, ...wanted, state: 'given' }]);
  expect(await inHost()).toBe(null);
  expect(await a.pings('192.0.2.9')).toBe(true);
  expect(await a.run('ip', 'route', 'show', 'default')).toMatch(/^default via 192\.0\.2\.9 dev wan0/);
  expect(await list()).toEqual([body]);
  expect((await disconnect('nic0')).status).toBe(204);
  expect(await inHost()).toEqual(before);
  expect(await net.host.pings('192.0.2.9')).toBe(true);
  expect(await list()).toEqual([]);
  // One that was down is down again.
  await net.host.run('ip', 'link', 'set', 'nic0', 'down');
  const down = await inHost();
  await connect('nic0', a.name);
  await disconnect('nic0');
  expect(await inHost()).toEqual(down);
});

test('what the kernel brings back by itself gets its name, state and addresses again', async () => {
  const before = await inHost();
  await connect('nic0', a.name, { ifname: 'eth0' });
  // As the kernel does with hardware whose namespace ends; pairs it deletes.
  await ip('-n', a.name, 'link', 'set', 'eth0', 'netns', net.host.name, 'name', 'dev7');
  a.release();
  await ip('netns', 'del', a.name);
  await until('the NIC to be as it was', async () => JSON.stringify(await inHost()) === JSON.stringify(before));
  expect([await list(), await inHost(net.host, 'dev7')]).toEqual([[], null]);
});

test('one whose namespace ended with it is lost, and can be forgotten', async () => {
  await connect('nic0', a.name);
  a.release();
  await ip('netns', 'del', a.name);
  await until('it to be lost', async () => (await list())[0]?.state === 'lost');
  expect((await disconnect('nic0')).status).toBe(204);
  expect(await list()).toEqual([]);
});

describe('a container of its own', () => {
  const name = `tswt-${process.pid}-box`;
  const run = (...args: string[]) => net.daemon.tswitch(args);
  const containers = async (): Promise<ContainerView[]> =>
    (await net.daemon.api.get<{ containers: ContainerView[] }>('/v1/containers')).body.containers;

  test('has it as long as its command runs', async () => {
    const before = await inHost();
    const given = ['--network', 'none', '--name', name, '--nic', 'nic0=192.0.2.5/24'];
    const ended = await run('run', '--rm', ...given, '--', 'ping', '-c', '1', '-W', '20', '192.0.2.9');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect([await inHost(), await containers()]).toEqual([before, []]);

    await run('run', '--detach', ...given, '--', 'sleep', '600');
    expect(await containers()).toMatchObject([{ nics: ['nic0'] }]);
    expect((await run('nic', 'ls')).stdout).toMatch(
      /^NIC +CONTAINER.*\nnic0 +\S+box +nic0 +\S+ +192\.0\.2\.5\/24 +given\n/,
    );
    await run('stop', name);
    await until('it to be back', async () => (await inHost()) !== null);
    await until('it to be as it was', async () => JSON.stringify(await inHost()) === JSON.stringify(before));
    expect(await containers()).toMatchObject([{ state: 'exited', nics: [] }]);
    await run('rm', name);
  });

  test('that cannot be made leaves it in the host', async () => {
    const before = await inHost();
    const request = { command: ['true'], name, network: 'none', nics: [{ nic: 'nic0' }, { nic: 'nic9' }] };
    const refused = await refusal(net.daemon.api.post('/v1/containers', request));
    expect(refused.slice(0, 2)).toEqual([404, 'NETDEV_NOT_FOUND']);
    expect([await inHost(), await list()]).toEqual([before, []]);
  });
});

test('what is refused says why, and leaves it where it is', async () => {
  const { host } = net;
  await host.run('ip', 'link', 'add', 'bridge0', 'type', 'bridge');
  await host.run('ip', 'link', 'add', 'slave0', 'type', 'veth', 'peer', 'name', 'slave1');
  await host.run('ip', 'link', 'set', 'slave0', 'master', 'bridge0');
  await host.run('ip', 'link', 'add', 'link', 'slave1', 'name', 'upper0', 'type', 'macvlan');
  await host.run('ip', 'route', 'add', 'default', 'via', '10.9.0.2');
  await a.run('ip', 'link', 'add', 'nic0', 'type', 'veth', 'peer', 'name', 'x0');
  await net.daemon.api.post('/v1/ports', { name: 'p', kind: 'packet', netdev: 'nic0' });
  const refused: [Promise<{ status: number }>, number, string, string][] = [
    [connect('nic9', a.name), 404, 'NETDEV_NOT_FOUND', 'no netdev nic9'],
    [connect('lo', a.name), 400, 'BAD_REQUEST', 'loopback'],
    [connect('nic0', a.name), 409, 'NETDEV_BUSY', 'in use by port p'],
    [connect('slave0', a.name), 409, 'NETDEV_BUSY', 'ip link set slave0 nomaster'],
    [connect('slave1', a.name), 409, 'NETDEV_BUSY', 'upper0 is built upon it'],
    [connect('wan0', a.name), 409, 'NETDEV_BUSY', '--force'],
    [connect('nic0', 'host'), 400, 'BAD_REQUEST', 'in the host already'],
    [connect('nic0', 'tswt-none'), 404, 'NETNS_NOT_FOUND', 'tswt-none'],
    [connect('nic0', a.name, { addresses: ['192.0.2.5'] }), 400, 'BAD_REQUEST', 'prefix length'],
    [disconnect('nic0'), 404, 'NETDEV_NOT_FOUND', 'nic ls'],
  ];
  for (const [reply, status, code, says] of refused) {
    expect(await refusal(reply as never)).toEqual([status, code, expect.stringContaining(says)]);
  }
  await net.daemon.api.send('DELETE', '/v1/ports/p');
  const before = await inHost();
  for (const [request, code] of [
    [{}, 'NETDEV_EXISTS'],
    [{ ifname: 'wan9', gateway: '203.0.113.1' }, 'ADDRESS_REFUSED'],
  ] as const) {
    expect((await refusal(connect('nic0', a.name, request)))[1]).toBe(code);
    expect(await inHost()).toEqual(before);
  }
  expect((await connect('nic0', a.name, { ifname: 'wan9' })).status).toBe(200);
  expect((await refusal(connect('nic0', a.name)))[1]).toBe('NETDEV_BUSY');
});

test('a daemon that keeps nothing brings it back at its end; one that does, finds it again', async () => {
  const before = await inHost();
  await connect('nic0', a.name);
  net.daemon.child.kill('SIGTERM');
  await net.daemon.ended;
  expect(await inHost()).toEqual(before);

  const daemon = new KeptDaemon(lab);
  daemon.prefix = ['nsenter', `--net=${net.host.path}`];
  await daemon.start();
  const path = '/v1/nics/nic0';
  expect((await daemon.api.post(`${path}/connect`, { container: a.name })).status).toBe(200);
  for (const end of [() => daemon.stop(), () => daemon.kill()]) {
    await end();
    expect(await inHost()).toBe(null);
    await daemon.start();
    expect((await daemon.api.get<{ nics: NicView[] }>('/v1/nics')).body.nics).toMatchObject([{ state: 'given' }]);
  }
  expect((await daemon.api.send('POST', `${path}/disconnect`)).status).toBe(204);
  expect(await inHost()).toEqual(before);
});

test('a NIC as a port of the switch is an uplink: what is behind it reaches the members of a network', async () => {
  await net.create({ name: 'lan', subnets: [{ subnet: '198.51.100.0/24' }], vlan: 20 });
  await net.join('lan', a, { addresses: ['198.51.100.5'] });
  const uplink = { name: 'uplink', kind: 'packet', netdev: 'nic0', vlan: 20 };
  expect((await net.daemon.api.post('/v1/ports', uplink)).status).toBe(201);
  await net.world.run('ip', 'address', 'add', '198.51.100.9/24', 'dev', 'line0');
  expect(await a.pings('198.51.100.9')).toBe(true);
  expect(await net.world.pings('198.51.100.5')).toBe(true);
});
