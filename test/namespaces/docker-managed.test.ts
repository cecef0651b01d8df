/** tswitch as a managed plugin of Docker, in a root folder that is made here: the same driver, started and stopped by Docker. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { NetworkView } from '../../src/networks/model.ts';
import { apiClient } from '../support/api-client.ts';
import { Dockerd, IMAGE } from '../support/dockerd.ts';
import { type Host, Lab, runProgram } from '../support/lab.ts';
import { HOST_ADDRESSES, hostAndWorld, WORLD_ADDRESSES } from '../support/network-lab.ts';

const MAKER = join(import.meta.dirname, '../../src/docker/managed/main.ts');
/** With its tag, which drivers are called with too. */
const PLUGIN = 'tswt-plugin:latest';
const SERVE = 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp';
const lab = new Lab();
afterEach(() => lab.close());

test('created, enabled, used, disabled by force, enabled again, removed', async () => {
  const [host, world] = await hostAndWorld(lab);
  const docker = await Dockerd.start(lab, host);
  await docker.passMountsOn();
  const links = await linksOf(host);
  lab.defer(() => docker.run('plugin', 'rm', '--force', PLUGIN).then(() => undefined));

  const folder = join(docker.folder, 'plugin');
  await runProgram(process.execPath, [MAKER, '--exec-root', docker.execRoot, folder]);
  await docker.out('plugin', 'create', PLUGIN, folder);
  rmSync(folder, { recursive: true });
  await docker.out('plugin', 'set', PLUGIN, 'args=--workers 1');
  await docker.out('plugin', 'enable', PLUGIN);
  const id = await docker.out('plugin', 'inspect', '--format', '{{.Id}}', PLUGIN);
  const sockets = `/run/docker/plugins/${id}`;
  const api = apiClient(join(sockets, 'api.sock'));
  const dockers = async (): Promise<NetworkView[]> => {
    const { networks } = (await api.get<{ networks: NetworkView[] }>('/v1/networks')).body;
    return networks.filter(({ owner }) => owner === 'docker');
  };
  const pings = async (from: string, to: string): Promise<boolean> => {
    return (await docker.run('exec', from, 'ping', '-c', '1', '-W', '20', to)).code === 0;
  };
  const expectTraffic = async (): Promise<void> => {
    expect(await pings('box-a', 'box-b')).toBe(true);
    expect(await pings('box-a', '10.81.0.7')).toBe(true);
    expect(await pings('box-a', WORLD_ADDRESSES[0])).toBe(true);
    const get = ['timeout', '10', '/bin/busybox', 'wget', '-q', '-O', '-'];
    expect(await world.run(...(get as ['timeout']), `http://${HOST_ADDRESSES[0]}:8081/`)).toBe('hello\n');
  };

  const drivers = ['--driver', PLUGIN, '--ipam-driver', PLUGIN];
  const typo = await docker.run('network', 'create', ...drivers, '-o', 'vlna=10', 'web');
  expect(typo.stderr).toContain('did you mean vlan?');
  await docker.out('network', 'create', ...drivers, '--subnet', '10.81.0.0/24', '-o', 'vlan=10', 'web');
  await docker.box('box-a', ['--network', 'web']);
  // The MAC address too: what box-a remembers of it holds after its restart.
  const addresses = ['--ip', '10.81.0.7', '--mac-address', '02:00:00:00:00:07'];
  const published = ['--network', 'web', ...addresses, '--publish', '8081:80'];
  await docker.box('box-b', published, 'sh', '-c', SERVE);
  await expectTraffic();
  expect(await dockers()).toMatchObject([{ vlan: 10, containers: [{}, {}] }]);

  expect((await docker.run('plugin', 'disable', PLUGIN)).stderr).toContain('in use');
  await docker.out('plugin', 'disable', '--force', PLUGIN);
  await docker.out('plugin', 'enable', PLUGIN);
  await expectTraffic();
  await docker.out('restart', '--time', '5', 'box-b');
  await expectTraffic();
  await docker.out('run', '--rm', '--network', 'web', IMAGE, 'ping', '-c', '1', '-W', '20', 'box-a');

  await docker.clear();
  await expect.poll(dockers).toEqual([]);
  await docker.out('plugin', 'disable', PLUGIN);
  await docker.out('plugin', 'rm', PLUGIN);
  expect(existsSync(sockets)).toBe(false);
  expect(await linksOf(host)).toEqual(links);
  expect(await host.run('nft', 'list', 'tables')).not.toContain('tswitch_');
  expect(await host.run('iptables', '-S')).not.toContain('tsg-');
});

async function linksOf(host: Host): Promise<string[]> {
  const found = JSON.parse(await host.run('ip', '-json', 'link')) as { ifname: string }[];
  return found.map(({ ifname }) => ifname).sort();
}
