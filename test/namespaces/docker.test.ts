/** Behind a real Docker: networks, containers, published ports, options and compose files, and that nothing is left over. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PortView } from '../../src/control/model.ts';
import { DockerLab, DRIVER, DRIVERS } from '../support/docker-lab.ts';
import { IMAGE } from '../support/dockerd.ts';
import { Lab, runProgram } from '../support/lab.ts';
import { HOST_ADDRESSES, WORLD_ADDRESSES } from '../support/network-lab.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
const NETWORKS = IS_LONG ? 1000 : 100;
const CONTAINERS = IS_LONG ? 100 : 6;
const COUNT_MS_MAX = IS_LONG ? 1_800_000 : 180_000;
const SERVE = 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp';

const TRANSFER_BYTES = 2 * 1024 * 1024;

const lab = new Lab();
let net: DockerLab;
beforeAll(async () => {
  net = await DockerLab.open(lab);
});
afterEach(() => net.expectNothingLeft());
afterAll(() => lab.close());

const docker = (...args: string[]): Promise<string> => net.docker.out(...args);
const refused = async (...args: string[]): Promise<string> => {
  const { code, stderr } = await net.docker.run(...args);
  expect(code).not.toBe(0);
  return stderr;
};
const ports = async (): Promise<PortView[]> =>
  (await net.tswitch.api.get<{ ports: PortView[] }>('/v1/ports')).body.ports;

/** As `tc -json` shows it. */
interface Discipline {
  kind: string;
  options: { rate?: number };
}

/** In bits per second; null: it is no limit. */
function rateOf({ kind, options }: Discipline): number | null {
  return kind === 'tbf' ? 8 * (options.rate ?? 0) : null;
}

/** The limit of what a container sends. */
async function rateInside(container: string): Promise<number | null> {
  const pid = await docker('inspect', '-f', '{{.State.Pid}}', container);
  const shown = await runProgram('nsenter', ['--target', pid, '--net', 'tc', '-json', 'qdisc', 'show']);
  const [rate = null] = (JSON.parse(shown) as Discipline[]).flatMap((each) => rateOf(each) ?? []);
  return rate;
}

/** A transfer is no faster than the limit allows, by far: without one it takes some milliseconds. */
async function expectSlow(to: string, from: string, bitsPerSecond: number): Promise<void> {
  const url = `http://${from}/zeros`;
  // Until it serves.
  await expect.poll(async () => (await net.inside(to, 'wget', '-q', '--spider', url)).code).toBe(0);
  const start = performance.now();
  expect(await net.inside(to, 'wget', '-q', '-O', '/tmp/got', url)).toMatchObject({ code: 0 });
  const seconds = (performance.now() - start) / 1000;
  expect(seconds).toBeGreaterThan((0.5 * 8 * TRANSFER_BYTES) / bitsPerSecond);
}

test('containers of a network reach each other by name and alias, the world, and are reached by published ports', async () => {
  await docker(
    'network',
    'create',
    ...DRIVERS,
    '--subnet',
    '10.81.0.0/24',
    '--ipv6',
    '--subnet',
    'fd00:81::/64',
    'web',
  );
  const place = ['--ip', '10.81.0.77', '--mac-address', '02:00:00:00:00:77', '--network-alias', 'db'];
  await net.docker.box('box-b', ['--network', 'web', ...place, '--publish', '8081:80'], 'sh', '-c', SERVE);
  await net.docker.box('box-a', ['--network', 'web', '--link', 'box-b:linked']);
  for (const name of ['box-b', 'db', 'linked', '10.81.0.77', '10.81.0.1', WORLD_ADDRESSES[0]]) {
    expect([name, await net.pings('box-a', name)]).toEqual([name, true]);
  }
  const { stdout } = await net.inside('box-b', 'ip', 'address', 'show', 'eth0');
  expect(stdout).toMatch(/link\/ether 02:00:00:00:00:77/);
  expect(stdout).toMatch(/inet 10\.81\.0\.77\/24/);
  const [, v6] = /inet6 (fd00:81::[0-9a-f]+)\/64/.exec(stdout) ?? [];
  expect((await net.inside('box-a', 'ping', '-6', '-c', '1', '-W', '20', v6!)).code).toBe(0);

  expect(await net.fetched(net.world, `http://${HOST_ADDRESSES[0]}:8081/`)).toBe('hello');
  expect(await net.fetched(net.host, 'http://127.0.0.1:8081/')).toBe('hello');
  const hairpin = await net.inside('box-a', 'wget', '-q', '-O', '-', `http://${HOST_ADDRESSES[0]}:8081/`);
  expect(hairpin.stdout).toBe('hello\n');

  const [network] = await net.dockers();
  expect(network).toMatchObject({ owner: 'docker', subnets: [{ gateway: '10.81.0.1' }, { gateway: 'fd00:81::1' }] });
  expect(network!.containers).toHaveLength(2);
  expect(
    (await net.tswitch.api.post(`/v1/networks/${network!.name}/connect`, { container: net.world.name })).status,
  ).toBe(409);
});

test('connect, disconnect, stop and start; networks are apart; an internal one has no way out', async () => {
  await docker('network', 'create', ...DRIVERS, 'one');
  await docker('network', 'create', ...DRIVERS, '--internal', 'shut');
  await docker('network', 'create', '--driver', DRIVER, 'plain');
  await net.docker.box('box-a', ['--network', 'one']);
  await net.docker.box('box-b', ['--network', 'shut']);
  await net.docker.box('box-c', ['--network', 'plain']);
  const address = await docker('inspect', '-f', '{{.NetworkSettings.Networks.one.IPAddress}}', 'box-a');
  expect(await net.pingsInVain('box-b', address)).toBe(true);
  expect(await net.pingsInVain('box-b', WORLD_ADDRESSES[0])).toBe(true);
  expect(await net.pings('box-c', WORLD_ADDRESSES[0])).toBe(true);
  await docker('network', 'connect', 'shut', 'box-a');
  expect(await net.pings('box-b', 'box-a')).toBe(true);
  await docker('network', 'disconnect', 'shut', 'box-a');
  expect(await net.pingsInVain('box-b', 'box-a')).toBe(true);
  await docker('network', 'connect', 'shut', 'box-a');
  await docker('stop', '--time', '5', 'box-a');
  expect((await net.dockers()).map(({ containers }) => containers.length)).toEqual([0, 1, 1]);
  await docker('start', 'box-a');
  expect(await net.pings('box-b', 'box-a')).toBe(true);
  expect(await net.pings('box-a', WORLD_ADDRESSES[0])).toBe(true);
});

test('a published port moves with the gateway, and any port will do where none is given', async () => {
  await docker('network', 'create', ...DRIVERS, 'one');
  await docker('network', 'create', ...DRIVERS, 'two');
  await net.docker.box('box-a', ['--network', 'one', '--publish', '80'], 'sh', '-c', SERVE);
  await docker('network', 'connect', 'two', 'box-a');
  const published = async (): Promise<number[][]> =>
    (await net.dockers()).map(({ containers }) =>
      containers.flatMap((each) => each.published.map(({ hostPort }) => hostPort)),
    );
  const [[port]] = (await published()) as [[number]];
  expect(await net.fetched(net.world, `http://${HOST_ADDRESSES[0]}:${port}/`)).toBe('hello');
  await docker('network', 'disconnect', 'one', 'box-a');
  const [none, [other]] = (await published()) as [[], [number]];
  expect(none).toEqual([]);
  expect(await net.fetched(net.world, `http://${HOST_ADDRESSES[0]}:${other}/`)).toBe('hello');
});

test('a VLAN per network, another one or a trunk per container, isolation and MTU', async () => {
  await docker('network', 'create', ...DRIVERS, '-o', 'vlan=10', '-o', 'mtu=1400', '-o', 'name=site', 'lan');
  await docker('network', 'create', ...DRIVERS, '-o', 'isolated=true', 'apart');
  await net.docker.box('box-a', ['--network', 'lan']);
  await net.docker.box('box-b', ['--network', 'name=lan,driver-opt=vlan=20']);
  await net.docker.box('box-c', ['--network', 'name=lan,"driver-opt=trunk=20,30-31"']);
  const modes = (await ports())
    .filter(({ name }) => name.startsWith('site:'))
    .map(({ mode, vlan, trunks, mtu }) => {
      return { mode, vlan, trunks, mtu };
    });
  expect(modes).toEqual([
    { mode: 'access', vlan: 10, trunks: [], mtu: 1400 },
    { mode: 'access', vlan: 20, trunks: [], mtu: 1400 },
    { mode: 'native-untagged', vlan: 10, trunks: [20, 30, 31], mtu: 1400 },
  ]);
  expect(await net.pings('box-a', 'box-c')).toBe(true);
  expect(await net.pingsInVain('box-a', 'box-b')).toBe(true);
  expect((await net.inside('box-a', 'ip', 'link', 'show', 'eth0')).stdout).toContain('mtu 1400');

  await net.docker.box('box-d', ['--network', 'apart']);
  await net.docker.box('box-e', ['--network', 'apart']);
  expect(await net.pingsInVain('box-d', 'box-e')).toBe(true);
  expect(await net.pings('box-d', WORLD_ADDRESSES[0])).toBe(true);
});

test('limits of bandwidth: those of the network, and of a container in their place, also through a restart', async () => {
  const limits = ['-o', 'rate=8mbit', '-o', 'egress-burst=128kb'];
  await docker('network', 'create', ...DRIVERS, '--subnet', '10.81.0.0/24', ...limits, 'web');
  const place = 'name=web,driver-opt=ingress-rate=4mbit,driver-opt=egress-rate=none';
  const serve = `dd if=/dev/zero of=/tmp/zeros bs=1024 count=${TRANSFER_BYTES / 1024}; exec httpd -f -p 80 -h /tmp`;
  await net.docker.box('box-a', ['--network', place], 'sh', '-c', serve);
  await net.docker.box('box-b', ['--network', 'web'], 'sh', '-c', serve);
  const views = async () =>
    (await ports())
      .filter(({ name }) => name.startsWith('docker-') && !name.endsWith('.gateway'))
      .map(({ ingressRate, egressRate, egressBurst }) => ({ ingressRate, egressRate, egressBurst }));
  const wanted = [
    { ingressRate: '4mbit', egressRate: null, egressBurst: null },
    { ingressRate: '8mbit', egressRate: '8mbit', egressBurst: '128kb' },
  ];
  expect(await views()).toEqual(wanted);
  const [{ containers } = { containers: [] }] = await net.dockers();
  expect(containers).toMatchObject(wanted);
  const inForce = async (): Promise<(number | null)[]> => {
    const outside = await net.host.run('tc', '-json', 'qdisc', 'show');
    const far = [await rateInside('box-a'), await rateInside('box-b')];
    return [...far, ...(JSON.parse(outside) as Discipline[]).flatMap((each) => rateOf(each) ?? [])];
  };
  const megabits = [4e6, 8e6, 8e6];
  // The far end's limit comes when the container has its interface.
  await expect.poll(inForce).toEqual(megabits);
  await expectSlow('box-b', 'box-a', 4e6);
  await expectSlow('box-a', 'box-b', 8e6);
  const sender = (await ports()).find(({ ingressRate }) => ingressRate === '4mbit')?.name ?? '';
  const limitPort = (ingressRate: string) =>
    net.tswitch.api.patch(`/v1/ports/${encodeURIComponent(sender)}`, { ingressRate });
  expect(await limitPort('2mbit')).toMatchObject({ status: 200 });
  expect(await rateInside('box-a')).toBe(2e6);
  expect(await limitPort('4mbit')).toMatchObject({ status: 200 });

  await net.tswitch.kill();
  await net.startTswitch();
  expect(await views()).toEqual(wanted);
  expect(await inForce()).toEqual(megabits);
  await docker('restart', '--time', '1', 'box-a');
  await expect.poll(inForce).toEqual(megabits);
  await docker('network', 'disconnect', 'web', 'box-b');
  await docker('network', 'connect', '--driver-opt', 'rate=none', 'web', 'box-b');
  await expect.poll(inForce).toEqual([4e6, null]);
});

test('what is wrong is refused with what to do, and leaves nothing', async () => {
  const create = (...args: string[]): Promise<string> => refused('network', 'create', ...DRIVERS, ...args, 'bad');
  expect(await create('-o', 'vlna=10')).toMatch(/vlna: tswitch has no such network option, did you mean vlan\?/);
  expect(await create('-o', 'vlan=5000')).toMatch(/"5000" is no VLAN ID; take 1 to 4094/);
  expect(await create('-o', 'isolated=perhaps')).toMatch(/neither true nor false/);
  expect(await create('-o', 'rate=fast')).toMatch(/rate: "fast" is no rate .*as tc writes it: 100mbit/);
  expect(await create('-o', 'egres-rate=1mbit')).toMatch(/did you mean egress-rate\?/);
  expect(await create('-o', 'ingress-burst=64kb')).toMatch(/a burst needs a rate/);
  expect(await create('--subnet', '10.9.0.0/16')).toMatch(/overlaps 10\.9\.0\.0\/24, a route of the host/);
  expect(await create('--ipam-opt', 'x=1')).toMatch(/has no options/);
  await docker('network', 'create', ...DRIVERS, '-o', 'vlan=10', '--subnet', '10.81.0.0/30', 'web');
  expect(await create('-o', 'vlan=10')).toMatch(/VLAN 10 is that of network docker-/);
  expect(await create('--subnet', '10.81.0.0/16')).toMatch(/overlaps/);
  await net.docker.box('box-a', ['--network', 'web']);
  const run = (...args: string[]): Promise<string> =>
    refused('run', '--rm', '--network', 'web', ...args, IMAGE, 'true');
  expect(await run()).toMatch(/no address is left in 10\.81\.0\.0\/30/);
  expect(await run('--ip', '10.81.0.2')).toMatch(/10\.81\.0\.2 of 10\.81\.0\.0\/30 is taken/);
  await docker('network', 'create', ...DRIVERS, 'roomy');
  const options = 'name=roomy,driver-opt=trnk=10';
  expect(await refused('run', '--rm', '--network', options, IMAGE, 'true')).toMatch(/did you mean trunk\?/);
  await net.docker.box('box-s', ['--network', 'roomy', '--publish', '8081:80']);
  const twice = ['--network', 'roomy', '--publish', '8081:81'];
  expect(await refused('run', '--rm', ...twice, IMAGE, 'true')).toMatch(/8081->81\/tcp is published by/);
  expect(await refused('run', '--rm', '--network', 'roomy', '-p', '53:53/sctp', IMAGE, 'true')).toMatch(
    /only tcp and udp/,
  );
});

test('no addresses at all, and a gateway that is another machine', async () => {
  await docker('network', 'create', '--driver', DRIVER, '--ipam-driver', 'null', '-o', 'vlan=30', 'wire');
  await docker('network', 'create', ...DRIVERS, '--subnet', '10.81.0.0/24', '-o', 'host-gateway=false', 'site');
  await net.docker.box('box-a', ['--network', 'wire']);
  await net.docker.box('box-b', ['--network', 'site']);
  expect((await net.inside('box-a', 'ip', 'address', 'show')).stdout).not.toMatch(/eth1|inet .*eth0/);
  expect((await net.inside('box-b', 'ip', 'route')).stdout).toMatch(/default via 10\.81\.0\.1 dev eth0/);
  expect((await net.dockers()).map(({ gateway }) => gateway)).toEqual([null, null]);
  expect(await net.pingsInVain('box-b', '10.81.0.1')).toBe(true);
});

test('a compose file', async () => {
  const file = join(net.docker.folder, 'compose.yaml');
  writeFileSync(
    file,
    `version: '2.4'
services:
  web:
    image: ${IMAGE}
    init: true
    command: ['sh', '-c', '${SERVE}']
    mac_address: '02:00:00:00:00:88'
    ports: ['8082:80']
    networks:
      lan: { ipv4_address: 10.81.0.88, aliases: [shop] }
  client:
    image: ${IMAGE}
    init: true
    command: ['sleep', '3600']
    networks: [lan]
networks:
  lan:
    driver: ${DRIVER}
    driver_opts: { vlan: '10' }
    ipam: { driver: ${DRIVER}, config: [{ subnet: 10.81.0.0/24 }] }
`,
  );
  expect(await net.docker.compose(file, 'up', '--detach')).toMatchObject({ code: 0 });
  expect(await net.docker.compose(file, 'exec', '-T', 'client', 'ping', '-c', '1', '-W', '20', 'shop')).toMatchObject({
    code: 0,
  });
  expect(await net.fetched(net.world, `http://${HOST_ADDRESSES[0]}:8082/`)).toBe('hello');
  expect(await net.dockers()).toMatchObject([{ vlan: 10 }]);
  expect(await net.docker.compose(file, 'down')).toMatchObject({ code: 0 });
});

test(`${NETWORKS} networks and ${CONTAINERS} containers come and go`, { timeout: COUNT_MS_MAX }, async () => {
  const start = performance.now();
  const { api } = net.docker;
  const driver = { Driver: DRIVER, IPAM: { Driver: DRIVER }, CheckDuplicate: true };
  for (let count = 0; count < NETWORKS; count++) {
    const created = await api.post<{ Id: string }>('/networks/create', { Name: `n${count}`, ...driver });
    expect([created.status, created.text]).toMatchObject([201, expect.anything()]);
    expect((await api.send('DELETE', `/networks/${created.body.Id}`)).status).toBe(204);
  }
  await docker('network', 'create', ...DRIVERS, '--subnet', '10.81.0.0/28', 'web');
  for (let count = 0; count < CONTAINERS; count++) {
    await docker('run', '--rm', '--network', 'web', IMAGE, 'true');
  }
  console.log(`${NETWORKS} networks, ${CONTAINERS} containers: ${((performance.now() - start) / 1000).toFixed(0)} s`);
  expect((await net.dockers()).map(({ containers }) => containers)).toEqual([[]]);
});
