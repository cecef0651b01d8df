/** Commands in namespaces of their own: what they see, how they end, and that nothing of them stays. */
import { existsSync, rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ContainerView } from '../../src/networks/model.ts';
import { refusal } from '../support/api-client.ts';
import { Lab, until } from '../support/lab.ts';
import { NetworkLab } from '../support/network-lab.ts';

const lab = new Lab();
const name = (label: string): string => `tswt-${process.pid}-${label}`;
const [web, db] = [name('web'), name('db')];
let net: NetworkLab;

beforeAll(async () => {
  net = await NetworkLab.open(lab);
  await net.create({ name: 'shop', subnets: [{ subnet: '10.71.0.0/24' }] });
});
afterEach(async () => {
  if (net.daemon.child.exitCode !== null) return;
  for (const container of await list()) await run('rm', '--force', container.name);
});
afterAll(() => lab.close());

const run = (...args: string[]) => net.daemon.tswitch(args);
const list = async (): Promise<ContainerView[]> =>
  (await net.daemon.api.get<{ containers: ContainerView[] }>('/v1/containers')).body.containers;
const leftOver = (of: string): boolean[] => [existsSync(`/run/netns/${of}`), existsSync(`/etc/netns/${of}`)];

test('a command sees its own host name, address, hosts and the names of others, and its exit code is that of run', async () => {
  await run('run', '--detach', '--network', 'shop', '--name', db, '--alias', 'db', 'sleep', '600');
  const script = 'hostname; ip -brief -4 address show eth0; getent hosts db; getent hosts front; exit 7';
  const ended = await run(
    'run',
    '--rm',
    '--network',
    'shop',
    '--name',
    web,
    '--hostname',
    'front',
    '--ip',
    '10.71.0.77',
    '--',
    'sh',
    '-c',
    script,
  );
  expect(ended).toMatchObject({ code: 7, stderr: '' });
  expect(ended.stdout.split('\n').map((line) => line.trim().split(/\s+/))).toEqual([
    ['front'],
    [expect.stringMatching(/^eth0/), 'UP', '10.71.0.77/24'],
    ['10.71.0.2', 'db'],
    ['10.71.0.77', 'front', web],
    [''],
  ]);
  expect((await list()).map((container) => container.name)).toEqual([db]);
  expect(leftOver(web)).toEqual([false, false]);
});

test('one that is left running: ps, exec, stop and rm', async () => {
  const publish = ['--publish', '8080:80'];
  const started = await run('run', '--detach', '--network', 'shop', '--name', web, ...publish, '--', 'sleep', '600');
  expect(started).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
  const [heads, row] = (await run('ps')).stdout.split('\n');
  expect(heads).toMatch(/^CONTAINER ID +NAME +COMMAND +CREATED +STATE +NETWORK +ADDRESSES +PORTS$/);
  expect(row).toMatch(
    new RegExp(
      `^${started.stdout.slice(0, 12)} +${web} +sleep 600 +\\S+ +running +shop +10\\.71\\.0\\.\\d+/24 +8080->80/tcp$`,
    ),
  );
  const beside = await run('exec', web, '--', 'sh', '-c', 'hostname; cat /proc/net/dev | grep -c :; exit 3');
  expect(beside).toMatchObject({ code: 3, stdout: `${web}\n2\n` });

  expect(await run('rm', web)).toMatchObject({ code: 1, stderr: expect.stringContaining(`tswitch stop ${web}`) });
  expect(await run('stop', web)).toMatchObject({ code: 0, stdout: `${web}\n` });
  expect(await list()).toMatchObject([{ state: 'exited', pid: null }]);
  expect((await run('ps', '--quiet')).stdout).toBe('\n');
  expect(await run('exec', web, 'true')).toMatchObject({ code: 1, stderr: expect.stringContaining('does not run') });
  expect(await run('rm', web)).toMatchObject({ code: 0 });
  expect(leftOver(web)).toEqual([false, false]);
  expect((await net.inspect('shop')).containers).toEqual([]);
});

test('one that does not listen to SIGTERM, and what it left in its namespace, are killed', async () => {
  const script = 'trap "" TERM; sleep 600 & while :; do sleep 1; done';
  await run('run', '--detach', '--network', 'none', '--name', web, '--', 'sh', '-c', script);
  await run('stop', '--time', '1', web);
  expect((await net.host.run('ip', 'netns', 'pids', web)).trim()).toBe('');
});

test('one that is to be removed goes when its command ends', async () => {
  await run('run', '--detach', '--rm', '--network', 'shop', '--name', web, 'true').catch(() => undefined);
  const started = await run('run', '--detach', '--rm', '--network', 'shop', '--name', db, '--', 'sleep', '0.5');
  expect(started.code).toBe(0);
  await until('the container to go', async () => (await list()).every((container) => container.name !== db));
  expect(leftOver(db)).toEqual([false, false]);
});

test('networks none and host', async () => {
  const alone = await run('run', '--rm', '--network', 'none', '--name', web, '--', 'ip', '-brief', 'link');
  expect(alone.stdout).toMatch(/^lo [^\n]*\n$/);
  const hosts = await run(
    'run',
    '--rm',
    '--network',
    'host',
    '--hostname',
    'other',
    '--name',
    web,
    '--',
    'sh',
    '-c',
    'hostname; ls -d /sys/class/net/lo',
  );
  expect(hosts).toMatchObject({ code: 0, stdout: 'other\n/sys/class/net/lo\n' });
  expect(await run('run', '--network', 'host', '--ip', '10.71.0.9', 'true')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('not for network host'),
  });
});

test('what is refused leaves nothing', async () => {
  const post = (request: object) => net.daemon.api.post('/v1/containers', { command: ['true'], ...request });
  const refused: [object, number, string][] = [
    [{ name: web, network: 'shup' }, 404, 'NETWORK_NOT_FOUND'],
    [{ name: web, network: 'shop', addresses: ['10.72.0.2'] }, 400, 'BAD_REQUEST'],
    [{ name: net.world.name, network: 'shop' }, 409, 'CONTAINER_EXISTS'],
    [{ name: 'a_b' }, 400, 'BAD_REQUEST'],
  ];
  for (const [request, status, code] of refused) {
    expect((await refusal(post(request))).slice(0, 2)).toEqual([status, code]);
  }
  expect(leftOver(web)).toEqual([false, false]);
  const { id } = (await post({ name: web, network: 'none' })).body as ContainerView;
  const stranger = net.daemon.api.post(`/v1/containers/${id}/started`, { pid: process.pid });
  expect(await refusal(stranger)).toEqual([400, 'BAD_REQUEST', expect.stringContaining('TSWITCH_CONTAINER')]);
  expect((await refusal(post({ name: web }))).slice(0, 2)).toEqual([409, 'CONTAINER_EXISTS']);
});

test('a container outlives the daemon', async () => {
  const started = await run('run', '--detach', '--network', 'shop', '--name', web, '--', 'sleep', '600');
  const [{ pid }] = (await list()) as [ContainerView];
  expect(started.code).toBe(0);
  net.daemon.child.kill('SIGTERM');
  await net.daemon.ended;
  expect(() => process.kill(pid!, 0)).not.toThrow();
  process.kill(pid!, 'SIGKILL');
  await net.host.run('ip', 'netns', 'del', web);
  // Nobody is there any more to do it.
  rmSync(`/etc/netns/${web}`, { recursive: true });
});
