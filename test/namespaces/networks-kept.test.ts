/** Networks of a daemon that ends, in order or not, and of its next life: nobody in them notices more than a pause. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SwitchView } from '../../src/control/model.ts';
import { Owner } from '../../src/control/plumbing/ownership.ts';
import type { ContainerView, EndpointView, NetworkView } from '../../src/networks/model.ts';
import { cliRunner } from '../support/cli-runner.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { type Host, ip, Lab, until } from '../support/lab.ts';
import { expectTcpVia, expectUdpVia, HOST_ADDRESSES, hostAndWorld } from '../support/network-lab.ts';

const GATEWAY = '10.71.0.1';
const lab = new Lab();
let host: Host;
let world: Host;
let a: Host;
let b: Host;
let c: Host;
let daemon: Daemon;

beforeEach(async () => {
  [host, world] = await hostAndWorld(lab);
  [a, b, c] = [await lab.netns('a'), await lab.netns('b'), await lab.netns('c')];
  daemon = new Daemon(lab);
  daemon.prefix = ['nsenter', `--net=${host.path}`];
  await daemon.start();
});
afterEach(() => lab.close());

const create = async (request: object): Promise<void> => {
  expect((await daemon.api.post('/v1/networks', request)).status).toBe(201);
};
const inspect = async (network: string): Promise<NetworkView> =>
  (await daemon.api.get<NetworkView>(`/v1/networks/${network}`)).body;
const disconnect = async (network: string, container: string): Promise<void> => {
  expect((await daemon.api.post(`/v1/networks/${network}/disconnect`, { container })).status).toBe(204);
};
const remove = async (path: string): Promise<void> => {
  expect((await daemon.api.send('DELETE', path)).status).toBe(204);
};
const problems = async (): Promise<string[]> => (await daemon.api.get<SwitchView>('/v1/switch')).body.state.problems;

async function join(network: string, member: Host, request: object = {}): Promise<EndpointView> {
  const path = `/v1/networks/${network}/connect`;
  const { status, body } = await daemon.api.post<EndpointView>(path, { container: member.name, ...request });
  expect([status, body]).toMatchObject([200, { state: 'up' }]);
  member.solicitPatiently();
  await member.connected();
  return body;
}

/** All that is seen of an interface, and how often it lost its link. */
async function look(at: Host, ifname: string): Promise<unknown> {
  const [link] = JSON.parse(await at.run('ip', '-json', 'address', 'show', ifname)) as [
    { ifindex: number; address: string; addr_info: { local: string }[] },
  ];
  // Only `ip netns exec` shows the namespace's own /sys.
  const carrier = await ip('netns', 'exec', at.name, 'cat', `/sys/class/net/${ifname}/carrier_changes`);
  return [link.ifindex, link.address, link.addr_info.map(({ local }) => local), carrier];
}

const found = async (of: Host): Promise<[string, string, string]> => [
  await of.run('ip', '-brief', 'link'),
  await host.run('nft', 'list', 'tables'),
  await host.run('sysctl', '-n', 'net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'),
];

describe.each([
  ['killed', () => daemon.kill()],
  ['stopped', () => daemon.stop()],
] as const)('a daemon that was %s', (_how, end) => {
  test('takes members, gateways, names and published ports over as they are; containers go on', async () => {
    const before = await found(host);
    await create({ name: 'web', subnets: [{ subnet: '10.71.0.0/24' }, { subnet: 'fd00:71::/64' }] });
    const publish = [
      { protocol: 'tcp', hostIp: null, hostPort: 8080, containerPort: 80, count: 1 },
      { protocol: 'udp', hostIp: null, hostPort: 5353, containerPort: 53, count: 1 },
    ];
    await join('web', a, { name: 'front', aliases: ['www'], publish });
    await join('web', b, { links: [{ container: 'front', alias: 'site' }] });
    const tswitch = cliRunner(daemon.socket);
    const box = `tswt-${process.pid}-box`;
    lab.defer(() => tswitch(['rm', '--force', box]));
    const started = await tswitch(['run', '--detach', '--network', 'web', '--name', box, '--', 'sleep', '600']);
    expect(started).toMatchObject({ code: 0, stderr: '' });
    await (await a.agent()).call('udpEcho', { address: '10.71.0.2', port: 53 });
    const { gateway } = await inspect('web');
    const picture = async (): Promise<unknown[]> => [
      await look(a, 'eth0'),
      await look(b, 'eth0'),
      await look(host, gateway!.ifname),
      await a.run('ip', 'route'),
      await host.run('nft', 'list', 'ruleset'),
      await inspect('web'),
      (await daemon.api.get<{ containers: ContainerView[] }>('/v1/containers')).body,
      readFileSync(`/etc/netns/${b.name}/resolv.conf`, 'utf8'),
    ];
    const works = async (): Promise<void> => {
      expect(await b.pings('10.71.0.2')).toBe(true);
      for (const name of ['front', 'www', 'site']) {
        const question = { server: GATEWAY, name, type: 'A' } as const;
        expect(await (await b.agent()).call('resolve', question)).toEqual(['10.71.0.2']);
      }
      const ping = ['ping', '-c', '1', '-W', '20', 'www'];
      expect(await tswitch(['exec', box, '--', ...ping])).toMatchObject({ code: 0 });
      const inside = { address: '10.71.0.2', port: 80 };
      for (const [from, address] of [
        [world, HOST_ADDRESSES[0]],
        [host, '127.0.0.1'],
      ] as const) {
        await expectTcpVia(from, a, inside, { address, port: 8080 });
        await expectUdpVia(from, { address, port: 5353 });
      }
    };
    await works();
    const whole = await picture();

    await end();
    await daemon.start();
    expect(await picture()).toEqual(whole);
    await works();

    // What was taken over is removed as what was made is.
    expect(await tswitch(['rm', '--force', box])).toMatchObject({ code: 0 });
    for (const name of ['front', b.name]) await disconnect('web', name);
    await remove('/v1/networks/web');
    expect(await found(host)).toEqual(before);
    for (const member of [a, b]) expect(await member.run('ip', '-brief', 'link')).not.toContain('eth0');
  });

  test('gives no address again that was released lately', async () => {
    await create({ name: 'web', subnets: [{ subnet: '10.71.0.0/29' }] });
    await join('web', a);
    expect((await join('web', b)).addresses).toEqual(['10.71.0.3/29']);
    await disconnect('web', b.name);
    await end();
    await daemon.start();
    expect((await join('web', b)).addresses).toEqual(['10.71.0.4/29']);
    await disconnect('web', b.name);
    await end();
    await daemon.start();
    expect((await join('web', b)).addresses).toEqual(['10.71.0.5/29']);
    expect((await join('web', c)).addresses).toEqual(['10.71.0.6/29']);
  });

  test('with a network whose last member has left: its gateway is gone, and the host’s settings are as before', async () => {
    const before = await found(host);
    await create({ name: 'web', subnets: [{ subnet: '10.71.0.0/24' }] });
    await join('web', a);
    await disconnect('web', a.name);
    await end();
    await daemon.start();
    expect(await inspect('web')).toMatchObject({ gateway: null, containers: [] });
    await until('nothing to be left', async () => String(await found(host)) === String(before));
  });
});

test('a member that is a process is none any more when that has ended, whoever has its pid', async () => {
  await create({ name: 'web', subnets: [{ subnet: '10.71.0.0/24' }] });
  const sleeper = a.start('unshare', '--net', 'sleep', '1000');
  await until('sleep to run', () => readFileSync(`/proc/${sleeper.pid}/comm`, 'utf8').startsWith('sleep'));
  const path = '/v1/networks/web/connect';
  expect((await daemon.api.post(path, { container: String(sleeper.pid), name: 'p' })).status).toBe(200);
  await daemon.stop();
  await daemon.start();
  expect((await inspect('web')).containers).toMatchObject([{ name: 'p', state: 'up' }]);
  await daemon.stop();
  sleeper.kill('SIGKILL');
  await until('sleep to end', () => sleeper.exitCode !== null || sleeper.signalCode !== null);
  await daemon.start();
  expect((await inspect('web')).containers).toMatchObject([{ name: 'p', state: 'lost' }]);
  expect(daemon.log).toContain(`there is no process ${sleeper.pid}`);
});

test('what a daemon that was killed had half made of a member is gone', async () => {
  await create({ name: 'web', subnets: [{ subnet: '10.71.0.0/24' }] });
  const { instance } = daemon.kept();
  await daemon.kill();
  const mark = new Owner({ id: instance }).mark('web:ghost').replace(/start=\d+/, 'start=1');
  await host.run('ip', 'link', 'add', 'tsw-half', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', a.path);
  await host.run('ip', 'link', 'set', 'tsw-half', 'alias', mark);
  await daemon.start();
  expect(await host.run('ip', '-brief', 'link')).not.toContain('tsw-half');
});

test('a damaged file of networks is set aside, said in the log and by the API, and the other one used', async () => {
  await create({ name: 'web', subnets: [{ subnet: '10.71.0.0/24' }] });
  await join('web', a);
  await join('web', b);
  const before = await inspect('web');
  const file = `${daemon.state}.networks`;
  for (const damaged of [file, `${file}.last-good`]) {
    await daemon.stop();
    truncateSync(damaged, 100);
    await daemon.start();
    expect(await inspect('web')).toEqual(before);
    expect(await a.pings('10.71.0.3')).toBe(true);
    expect(await problems()).toEqual([expect.stringContaining(`the file of networks ${damaged} is damaged`)]);
    expect(daemon.log).toContain('kept networks are damaged');
  }
  await daemon.stop();
  const links = await host.run('ip', '-brief', 'link');
  const good = readFileSync(file);
  for (const damaged of [file, `${file}.last-good`]) writeFileSync(damaged, 'neither');
  await expect(daemon.start()).rejects.toThrow('put a back-up in its place');
  expect(await host.run('ip', '-brief', 'link')).toBe(links);
  writeFileSync(file, good);
  await daemon.start();
  expect(await inspect('web')).toEqual(before);
});

test('a configuration file with networks wins over what was kept, but takes none from its members', async () => {
  await create({ name: 'web', subnets: [{ subnet: '10.71.0.0/24' }] });
  await create({ name: 'old' });
  await join('web', a);
  await daemon.stop();
  const file = joinPath(daemon.folder, 'lan.yaml');
  const web = '{name: web, subnets: [{subnet: 10.71.0.0/24}]}';
  writeFileSync(file, `ports: []\nnetworks:\n  - ${web}\n  - {name: db, internal: true}\n`);
  await daemon.start('--config', file);
  const { networks } = (await daemon.api.get<{ networks: NetworkView[] }>('/v1/networks')).body;
  expect(networks.map(({ name }) => name)).toEqual(['bridge', 'host', 'none', 'web', 'db']);
  expect(await a.pings(GATEWAY)).toBe(true);
  await daemon.stop();
  writeFileSync(file, 'ports: []\nnetworks:\n  - {name: db, internal: true}\n');
  await expect(daemon.start('--config', file)).rejects.toThrow(
    /1 problem.*\n.*lan\.yaml:3:\d+: \/networks .*has members/,
  );
});
