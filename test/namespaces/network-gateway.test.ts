/** The host's place in a network: the way out, published ports, and that all of it goes again. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { refusal } from '../support/api-client.ts';
import { type Host, Lab, until } from '../support/lab.ts';
import {
  daemonIn,
  expectTcpVia,
  expectUdpVia,
  HOST_ADDRESSES,
  NetworkLab,
  WORLD_ADDRESSES,
} from '../support/network-lab.ts';

const DUAL = [{ subnet: '10.71.0.0/24' }, { subnet: 'fd00:71::/64' }];
const lab = new Lab();
let net: NetworkLab;
let a: Host;
let b: Host;

beforeEach(async () => {
  [net, a, b] = [await NetworkLab.open(lab), await lab.netns('a'), await lab.netns('b')];
});
afterEach(() => lab.close());

const ruleset = (): Promise<string> => net.host.run('nft', 'list', 'ruleset');
const forwarding = (): Promise<string> =>
  net.host.run('sysctl', '-n', 'net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding', 'net.ipv6.conf.wan0.accept_ra');
const tcp = (fields: object) => ({ protocol: 'tcp', hostIp: null, containerPort: 80, count: 1, ...fields });

test('members reach the outside with the host’s address, and the outside reaches none of them', async () => {
  const before = [await ruleset(), await forwarding()];
  await net.create({ name: 'out', subnets: DUAL });
  await net.join('out', a);
  for (const address of WORLD_ADDRESSES) expect(await a.pings(address)).toBe(true);
  // Even if the world knew the way.
  await net.world.run('ip', 'route', 'add', '10.71.0.0/24', 'via', HOST_ADDRESSES[0]);
  expect(await net.world.pingsInVain('10.71.0.2')).toBe(true);
  expect(await net.host.pings('10.71.0.2')).toBe(true);
  const { gateway, sysctls } = await net.inspect('out');
  expect(sysctls.map(({ name, before: was, now }) => `${name} ${was} -> ${now}`)).toEqual(
    expect.arrayContaining([
      'net.ipv4.ip_forward 0 -> 1',
      'net.ipv6.conf.wan0.accept_ra 1 -> 2',
      'net.ipv6.conf.all.forwarding 0 -> 1',
    ]),
  );
  expect(await net.host.run('nft', 'list', 'tables')).toBe(`table inet ${gateway?.nftTable}\n`);
  await net.disconnect('out', a);
  await net.remove('out');
  expect([await ruleset(), await forwarding()]).toEqual(before);
});

test('an internal network has no way out, and two networks none to each other', async () => {
  await net.create({ name: 'out', subnets: DUAL });
  await net.create({ name: 'shut', subnets: [{ subnet: '10.72.0.0/24' }], internal: true });
  await net.join('out', a);
  await net.join('shut', b);
  await b.run('ip', 'route', 'add', 'default', 'via', '10.72.0.1');
  expect(await b.pings('10.72.0.1')).toBe(true);
  for (const address of [WORLD_ADDRESSES[0], '10.71.0.2']) expect(await b.pingsInVain(address)).toBe(true);
  expect(await a.pingsInVain('10.72.0.2')).toBe(true);
  const [status, code] = await refusal(net.connect('shut', a, { publish: [tcp({ hostPort: 8080 })] }));
  expect([status, code]).toEqual([400, 'BAD_REQUEST']);
});

test('published ports: from outside, from the host by every address, and from members themselves', async () => {
  await net.create({ name: 'web', subnets: DUAL });
  await net.join('web', a, {
    publish: [tcp({ hostPort: 8080 }), { ...tcp({ hostPort: 5353, containerPort: 53 }), protocol: 'udp' }],
  });
  await net.join('web', b);
  const [inside4, inside6] = [
    { address: '10.71.0.2', port: 80 },
    { address: 'fd00:71::2', port: 80 },
  ];
  const at = (address: string) => ({ address, port: 8080 });
  await expectTcpVia(net.world, a, inside4, at(HOST_ADDRESSES[0]));
  await expectTcpVia(net.world, a, inside6, at(HOST_ADDRESSES[1]));
  await expectTcpVia(net.host, a, inside4, at('127.0.0.1'));
  await expectTcpVia(net.host, a, inside4, at('::1'));
  await expectTcpVia(net.host, a, inside4, at(HOST_ADDRESSES[0]));
  await expectTcpVia(b, a, inside4, at(HOST_ADDRESSES[0]));
  // The member itself, by the host's address: it comes back to where it went out.
  await expectTcpVia(a, a, inside4, at(HOST_ADDRESSES[0]));

  const echo = await a.agent();
  await echo.call('udpEcho', { address: '10.71.0.2', port: 53 });
  await echo.call('udpEcho', { address: 'fd00:71::2', port: 53 });
  for (const [from, address] of [
    [net.world, HOST_ADDRESSES[0]],
    [net.world, HOST_ADDRESSES[1]],
    [net.host, '127.0.0.1'],
    [net.host, '::1'],
    [b, HOST_ADDRESSES[0]],
  ] as const) {
    await expectUdpVia(from, { address, port: 5353 });
  }
});

test('a given address and ranges; a port is published once, and free again afterwards', async () => {
  await net.create({ name: 'web', subnets: DUAL });
  const [hostIp] = HOST_ADDRESSES;
  await net.join('web', a, { publish: [tcp({ hostIp, hostPort: 8000, containerPort: 90, count: 3 })] });
  await expectTcpVia(net.world, a, { address: '10.71.0.2', port: 92 }, { address: hostIp, port: 8002 });
  await expect(
    (await net.host.agent()).call('tcpConnect', { address: '127.0.0.1', port: 8002, bytes: 1, seed: '' }),
  ).rejects.toThrow('ECONNREFUSED');

  const again = net.connect('web', b, { publish: [tcp({ hostPort: 8002 })] });
  expect(await refusal(again)).toEqual([
    409,
    'ADDRESS_IN_USE',
    expect.stringContaining(`published by ${a.name} in network web`),
  ]);
  await (await net.host.agent()).call('tcpListen', { address: '0.0.0.0', port: 9000, bytes: 1, seed: '' });
  const rules = await ruleset();
  const foreign = net.connect('web', b, { publish: [tcp({ hostPort: 8999 }), tcp({ hostPort: 9000 })] });
  expect(await refusal(foreign)).toEqual([409, 'ADDRESS_IN_USE', expect.stringContaining('port 9000/tcp')]);
  expect([await ruleset(), (await net.inspect('web')).containers.length]).toEqual([rules, 1]);

  await net.disconnect('web', a);
  await net.join('web', b, { publish: [tcp({ hostPort: 8002 })] });
  await expectTcpVia(net.world, b, { address: '10.71.0.3', port: 80 }, { address: hostIp, port: 8002 });
});

test('what a killed daemon left is gone after the next start; what others made stays', async () => {
  await net.host.run('nft', 'add', 'table', 'inet', 'theirs');
  await net.create({ name: 'web', subnets: DUAL });
  await net.join('web', a, { publish: [tcp({ hostPort: 8080 })] });
  net.daemon.child.kill('SIGKILL');
  await net.daemon.ended;
  expect(await net.host.run('nft', 'list', 'tables')).toMatch(/tswitch_/);
  await daemonIn(lab, net.host);
  await until('the rules to go', async () => (await net.host.run('nft', 'list', 'tables')) === 'table inet theirs\n');
  expect(await net.host.run('ip', '-brief', 'link')).not.toMatch(/ts[wg]-/);
});
