/** Networks over the real kernel: members that reach each other, what is refused, and that nothing is left over. */
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { EndpointView, NetworkView } from '../../src/networks/model.ts';
import { refusal } from '../support/api-client.ts';
import type { Daemon } from '../support/daemon.ts';
import { type Host, ip, Lab, sleep, until } from '../support/lab.ts';
import { daemonIn } from '../support/network-lab.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
/** Networks with a member each that are there at once: as many as ports allow, with their gateways. */
const AT_ONCE = 100;
const ROUNDS = IS_LONG ? 10 : 1;
/** Containers that these members are. */
const CONTAINERS = 10;
/** Moments at which a namespace dies while it is connected. */
const DEATHS = IS_LONG ? 100 : 12;

const lab = new Lab();
let host: Host;
let daemon: Daemon;
let a: Host;
let b: Host;
let c: Host;

beforeAll(async () => {
  host = await lab.netns('host');
  daemon = await daemonIn(lab, host);
});
afterAll(() => lab.close());
beforeEach(async () => {
  [a, b, c] = await Promise.all([lab.netns('a'), lab.netns('b'), lab.netns('c')]);
});
afterEach(async () => {
  for (const { name, containers } of await networks()) {
    for (const member of containers) await disconnect(name, member.name);
  }
  await daemon.api.post('/v1/networks/prune', undefined);
  for (const each of [a, b, c]) await remove(each);
});

async function networks(): Promise<NetworkView[]> {
  return (await daemon.api.get<{ networks: NetworkView[] }>('/v1/networks')).body.networks;
}

const inspect = async (name: string): Promise<NetworkView> =>
  (await daemon.api.get<NetworkView>(`/v1/networks/${name}`)).body;
const create = (request: object) => daemon.api.post<NetworkView>('/v1/networks', request);
const connect = (network: string, request: object) =>
  daemon.api.post<EndpointView>(`/v1/networks/${network}/connect`, request);
const disconnect = (network: string, container: string) =>
  daemon.api.post(`/v1/networks/${network}/disconnect`, { container });

/** A member, whose kernel asks for neighbours patiently. */
async function join(network: string, member: Host, request: object = {}): Promise<EndpointView> {
  const { status, body } = await connect(network, { container: member.name, ...request });
  expect([status, body]).toMatchObject([200, { netns: member.name, state: 'up' }]);
  member.solicitPatiently();
  await member.connected();
  return body;
}

async function remove(member: Host): Promise<void> {
  member.release();
  if (existsSync(member.path)) await ip('netns', 'del', member.name);
}

const links = async (of: Host): Promise<string[]> =>
  (JSON.parse(await of.run('ip', '-json', 'link')) as { ifname: string }[]).map(({ ifname }) => ifname);
const bare = (address: string | undefined): string => (address ?? '').split('/')[0]!;

test('bridge, host and none exist always; the gateway of bridge comes up with its first member', async () => {
  expect((await networks()).map(({ name, driver, gateway }) => [name, driver, gateway])).toEqual([
    ['bridge', 'bridge', null],
    ['host', 'host', null],
    ['none', 'none', null],
  ]);
  const [{ subnets, vlan }] = (await networks()) as [NetworkView];
  expect([subnets, vlan]).toEqual([
    [{ subnet: '172.17.0.0/16', gateway: '172.17.0.1', ipRange: null, auxAddresses: {} }],
    4094,
  ]);
  const [first, second] = [await join('bridge', a), await join('bridge', b)];
  expect([first.addresses, second.addresses]).toEqual([['172.17.0.2/16'], ['172.17.0.3/16']]);
  expect(await a.pings('172.17.0.3')).toBe(true);
  expect(await a.pings('172.17.0.1')).toBe(true);
  const { gateway } = await inspect('bridge');
  expect(await links(host)).toContain(gateway?.ifname);
  expect(await a.run('ip', 'route', 'show', 'default')).toMatch(/^default via 172\.17\.0\.1 dev eth0/);
});

test('two networks are apart, of both families; an isolated one keeps its members apart', async () => {
  await create({ name: 'red', subnets: [{ subnet: '10.71.0.0/24' }, { subnet: 'fd00:71::/64' }] });
  await create({ name: 'blue', subnets: [{ subnet: '10.72.0.0/24' }], isolated: true });
  const [inRed, alsoRed] = [await join('red', a), await join('red', b)];
  expect(inRed.addresses).toEqual(['10.71.0.2/24', 'fd00:71::2/64']);
  for (const address of alsoRed.addresses) expect(await a.pings(bare(address))).toBe(true);

  const inBlue = await join('blue', c);
  const alsoBlue = await join('blue', b);
  expect([alsoBlue.ifname, alsoBlue.isDefaultRoute]).toEqual(['eth1', false]);
  expect(await c.pingsInVain(bare(alsoBlue.addresses[0]))).toBe(true);
  expect(await c.pings('10.72.0.1')).toBe(true);
  expect(await a.pingsInVain(bare(inBlue.addresses[0]))).toBe(true);
  const { containers } = await inspect('red');
  expect(containers.map(({ name, port }) => [name, port])).toEqual([
    [a.name, `red:${a.name}`],
    [b.name, `red:${b.name}`],
  ]);
});

test('a namespace that has an eth0 of another port, or of its own, gets the next one', async () => {
  await create({ name: 'red', subnets: [{ subnet: '10.71.0.0/24' }] });
  const plugged = { name: 'plugged', kind: 'veth', netns: a.name, vlan: 7 };
  expect((await daemon.api.post('/v1/ports', plugged)).status).toBe(201);
  await b.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth2');
  expect((await join('red', a)).ifname).toBe('eth1');
  expect((await connect('red', { container: b.name })).body.ifname).toBe('eth1');
  expect((await connect('bridge', { container: b.name })).body.ifname).toBe('eth3');
  expect(await a.pings('10.71.0.3')).toBe(true);
  expect((await connect('bridge', { container: a.name, ifname: 'eth0' })).status).toBe(409);
  expect((await daemon.api.send('DELETE', '/v1/ports/plugged')).status).toBe(204);
});

test('another network takes over the default route of a container that leaves one', async () => {
  await create({ name: 'one', subnets: [{ subnet: '10.71.0.0/24' }] });
  await create({ name: 'two', subnets: [{ subnet: '10.72.0.0/24' }] });
  await create({ name: 'shut', subnets: [{ subnet: '10.73.0.0/24' }], internal: true });
  await join('shut', a);
  expect(await a.run('ip', 'route', 'show', 'default')).toBe('');
  await join('one', a);
  await join('two', a);
  expect(await a.run('ip', 'route', 'show', 'default')).toMatch(/via 10\.71\.0\.1 dev eth1/);
  await disconnect('one', a.name);
  expect(await a.run('ip', 'route', 'show', 'default')).toMatch(/via 10\.72\.0\.1 dev eth2/);
  expect(await links(a)).toEqual(['lo', 'eth0', 'eth2']);
});

test('a member whose namespace comes back has its address, route, limits and MAC again', async () => {
  await create({ name: 'red', subnets: [{ subnet: '10.71.0.0/24' }] });
  const limits = { ingressRate: '10Mbit', egressRate: '20mbit', egressBurst: '128kb' };
  await join('red', a, { addresses: ['10.71.0.77'], name: 'kept', ...limits });
  const { mac } = (await inspect('red')).containers[0]!;
  const { name } = a;
  await remove(a);
  await until('the member to be lost', async () => (await inspect('red')).containers[0]?.state === 'lost');
  a = await lab.netns(name.replace(/^tswt-[0-9]+-/, ''));
  await until('its route to be back', async () => (await a.run('ip', 'route', 'show', 'default')) !== '');
  a.solicitPatiently();
  await a.connected();
  const member = { name: 'kept', mac, addresses: ['10.71.0.77/24'], ...limits, ingressRate: '10mbit' };
  expect(await inspect('red')).toMatchObject({ containers: [member] });
  expect(await a.run('tc', 'qdisc', 'show', 'dev', 'eth0')).toMatch(/^qdisc tbf .* rate 10Mbit /);
  expect(await host.run('tc', 'qdisc', 'show')).toMatch(/^qdisc tbf .* rate 20Mbit burst 128Kb /m);
  expect(await a.pings('10.71.0.1')).toBe(true);
});

test('whoever removes the port takes the member out of the network', async () => {
  await create({ name: 'red', subnets: [{ subnet: '10.71.0.0/24' }] });
  const { port } = await join('red', a);
  await daemon.api.send('DELETE', `/v1/ports/${encodeURIComponent(port)}`);
  await until('the member to be gone', async () => (await inspect('red')).containers.length === 0);
  expect((await join('red', a)).addresses).toEqual(['10.71.0.3/24']);
});

test('what is refused says why, and leaves nothing', async () => {
  await create({ name: 'red', subnets: [{ subnet: '10.71.0.0/29' }], vlan: 100 });
  const taken = await join('red', a, { name: 'first' });
  const { gateway } = await inspect('red');
  await create({ name: 'small', subnets: [{ subnet: '10.74.0.0/30' }] });
  await join('small', a, { name: 'first' });
  await host.run('ip', 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'lan1');
  await host.run('ip', 'address', 'add', '10.99.0.1/16', 'dev', 'lan0');
  await host.run('ip', 'link', 'set', 'lan0', 'up');
  await b.run('ip', 'link', 'add', 'eth9', 'type', 'veth', 'peer', 'name', 'eth8');
  const before = [await networks(), await links(host), await links(b)];
  const refused: [Promise<{ status: number }>, number, string, string][] = [
    [create({ name: 'red' }), 409, 'NETWORK_EXISTS', 'a network red already'],
    [create({ name: 'x', subnets: [{ subnet: '10.71.0.0/16' }] }), 409, 'SUBNET_OVERLAPS', 'network red'],
    [create({ name: 'x', subnets: [{ subnet: '10.99.7.0/24' }] }), 409, 'SUBNET_OVERLAPS', 'route of the host by lan0'],
    [create({ name: 'x', vlan: 100 }), 409, 'VLAN_IN_USE', 'network red'],
    [create({ name: 'x', driver: 'host' }), 400, 'BAD_REQUEST', 'exists always'],
    [create({ name: 'x', drivr: 'bridge' }), 400, 'BAD_REQUEST', 'unknown field "drivr"'],
    [connect('rad', { container: b.name }), 404, 'NETWORK_NOT_FOUND', 'network ls'],
    [connect('host', { container: b.name }), 400, 'BAD_REQUEST', 'nothing can be connected'],
    [connect('red', { container: 'tswt-none' }), 404, 'NETNS_NOT_FOUND', 'ip netns add'],
    [connect('red', { container: a.name }), 409, 'CONTAINER_EXISTS', 'is in network red already'],
    [connect('red', { container: b.name, name: 'FIRST' }), 409, 'CONTAINER_EXISTS', a.name],
    [connect('red', { container: b.path.replace('/run', '/run/.') }), 400, 'BAD_REQUEST', '--name'],
    [connect('red', { container: b.name, name: 'a_b' }), 400, 'BAD_REQUEST', 'must be a host name'],
    [connect('red', { container: b.name, aliases: ['a.b'] }), 400, 'BAD_REQUEST', 'must be a host name'],
    [connect('red', { container: b.name, aliases: ['-a'] }), 400, 'BAD_REQUEST', 'must be a host name'],
    [connect('red', { container: b.name, mac: taken.mac }), 409, 'ADDRESS_IN_USE', 'member first has it'],
    [connect('red', { container: b.name, mac: gateway!.mac }), 409, 'ADDRESS_IN_USE', 'the gateway has it'],
    [connect('red', { container: b.name, addresses: ['10.71.0.1'] }), 409, 'ADDRESS_IN_USE', 'the gateway has it'],
    [connect('small', { container: b.name }), 507, 'POOL_EXHAUSTED', 'disconnect a member'],
    [connect('red', { container: b.name, addresses: ['10.71.0.2'] }), 409, 'ADDRESS_IN_USE', 'member first'],
    [connect('red', { container: b.name, addresses: ['10.72.0.2'] }), 400, 'BAD_REQUEST', 'in no subnet'],
    [
      connect('red', { container: b.name, links: [{ container: 'x', alias: 'y' }] }),
      404,
      'CONTAINER_NOT_FOUND',
      'first',
    ],
    [connect('red', { container: b.name, ifname: 'eth9' }), 409, 'NETDEV_EXISTS', 'eth9'],
    [disconnect('red', b.name), 404, 'CONTAINER_NOT_FOUND', 'its members: first'],
    [daemon.api.send('DELETE', '/v1/networks/red'), 409, 'NETWORK_IN_USE', 'disconnect first'],
    [daemon.api.send('DELETE', '/v1/networks/bridge'), 409, 'NETWORK_IN_USE', 'exists always'],
  ];
  for (const [reply, status, code, says] of refused) {
    expect(await refusal(reply as never)).toEqual([status, code, expect.stringContaining(says)]);
  }
  expect([await networks(), await links(host), await links(b)]).toEqual(before);
  await host.run('ip', 'link', 'del', 'lan0');
});

test('a namespace that cannot take the address: the gateway that came up for it goes again', async () => {
  await create({ name: 'six', subnets: [{ subnet: 'fd00:71::/64' }] });
  const deaf = await lab.netns('deaf', { ipv6: false });
  const before = await links(host);
  const [status, code] = await refusal(connect('six', { container: deaf.name }));
  expect([status, code]).toEqual([422, 'ADDRESS_REFUSED']);
  expect(await links(host)).toEqual(before);
  expect(await inspect('six')).toMatchObject({ gateway: null, containers: [] });
  await remove(deaf);
});

test('as people use it: the words, columns and shapes of docker network', async () => {
  const { tswitch } = daemon;
  const created = await tswitch([
    'network',
    'create',
    'web',
    '--subnet',
    '10.71.0.0/24',
    '--ip-range',
    '10.71.0.128/25',
    '--label',
    'team=a,b',
    '--aux-address',
    'nas=10.71.0.128',
  ]);
  expect(created).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
  const id = created.stdout.trim();
  const place = ['--alias', 'www', '--alias', 'shop', '--egress-rate', '1.5mbit'];
  const joined = await tswitch(['network', 'connect', 'web', a.name, ...place]);
  expect(joined).toMatchObject({ code: 0, stdout: expect.stringContaining('10.71.0.129/24') });
  const [heads, ...rows] = (await tswitch(['network', 'ls'])).stdout.trim().split('\n');
  expect(heads).toMatch(/^NETWORK ID +NAME +DRIVER +SCOPE +VLAN +SUBNETS +MEMBERS$/);
  expect(rows.at(-1)).toMatch(new RegExp(`^${id.slice(0, 12)} +web +bridge +local +4093 +10\\.71\\.0\\.0/24 +1$`));
  const [shown] = JSON.parse((await tswitch(['network', 'inspect', id.slice(0, 6)])).stdout);
  expect(shown).toMatchObject({
    Name: 'web',
    Id: id,
    Driver: 'bridge',
    IPAM: {
      Config: [
        {
          Subnet: '10.71.0.0/24',
          IPRange: '10.71.0.128/25',
          Gateway: '10.71.0.1',
          AuxiliaryAddresses: { nas: '10.71.0.128' },
        },
      ],
    },
    Labels: { team: 'a,b' },
  });
  expect(Object.values(shown.Containers)).toMatchObject([
    { Name: a.name, IPv4Address: '10.71.0.129/24', Aliases: ['www', 'shop'], EgressRate: '1500kbit' },
  ]);
  expect(JSON.parse((await tswitch(['network', 'inspect', 'web', '--json'])).stdout)).toEqual(await inspect('web'));
  expect(await tswitch(['network', 'rm', 'web'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^tswitch: .*disconnect/),
  });
  expect(await tswitch(['network', 'disconnect', 'web', a.name])).toMatchObject({ code: 0 });
  expect(await tswitch(['network', 'prune'])).toMatchObject({ code: 0, stdout: 'web\n' });
  expect(await tswitch(['network', 'create', 'x', '--gateway', '10.1.1.1'])).toMatchObject({ code: 2 });
});

test('a namespace that dies half-way: refused, or a member that is lost, and nothing of it stays', async () => {
  await create({ name: 'red', subnets: [{ subnet: '10.71.0.0/24' }] });
  await join('red', a);
  const before = [await links(host), (await inspect('red')).containers.length];
  const name = `tswt-${process.pid}-doomed`;
  const refusals = new Set<string>();
  for (let death = 0; death < DEATHS; death++) {
    await ip('netns', 'add', name);
    const reply = connect('red', { container: name });
    await sleep(death * (120 / DEATHS));
    await ip('netns', 'del', name);
    if ((await reply).status === 200) expect((await disconnect('red', name)).status).toBe(204);
    else refusals.add((await refusal(reply)).join(' '));
    expect((await inspect('red')).containers.length).toBe(before[1]);
    await until('the pair to be gone', async () => String(await links(host)) === String(before[0]));
  }
  for (const each of refusals) expect(each).not.toMatch(/INTERNAL/);
  expect(await a.pings('10.71.0.1')).toBe(true);
});

test(
  `${AT_ONCE * ROUNDS} networks with a member each, made and removed, leave nothing over`,
  { timeout: 1_800_000 },
  async () => {
    await join('bridge', b);
    const members = await Promise.all(Array.from({ length: CONTAINERS }, (_, index) => lab.netns(`many${index}`)));
    const all = Array.from({ length: AT_ONCE }, (_, index) => ({
      name: `many${index}`,
      member: members[index % CONTAINERS]!,
      subnets: [{ subnet: `10.80.${index}.0/24` }],
    }));
    const state = async (): Promise<unknown[]> => [
      (await links(host)).toSorted(),
      await Promise.all(members.map(links)),
      (await host.run('nft', 'list', 'tables')).trim(),
      await host.run('ip', 'route'),
      (await daemon.api.get<{ ports: { name: string }[] }>('/v1/ports')).body.ports.map(({ name }) => name),
      members.map(({ name }) => existsSync(`/etc/netns/${name}`)),
      (await networks()).map(({ name }) => name),
    ];
    const before = await state();
    for (let round = 0; round < ROUNDS; round++) {
      for (const { name, member, subnets } of all) {
        await create({ name, subnets });
        expect((await connect(name, { container: member.name })).status).toBe(200);
      }
      expect(await links(members[0]!)).toHaveLength(1 + AT_ONCE / CONTAINERS);
      for (const index of [0, AT_ONCE - 1]) expect(await all[index]!.member.pings(`10.80.${index}.1`)).toBe(true);
      for (const { name, member } of all) {
        expect((await disconnect(name, member.name)).status).toBe(204);
        expect((await daemon.api.send('DELETE', `/v1/networks/${name}`)).status).toBe(204);
      }
      expect(await state()).toEqual(before);
    }
    for (const member of members) await remove(member);
  },
);
