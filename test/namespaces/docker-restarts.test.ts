/** Docker and its driver, one of which ends, in order or killed: whoever is there again goes on, and nothing is stuck or left over. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DockerLab, DRIVERS } from '../support/docker-lab.ts';
import { Lab } from '../support/lab.ts';
import { HOST_ADDRESSES, WORLD_ADDRESSES } from '../support/network-lab.ts';

const LIVE_RESTORE = '--live-restore';
/** All of them in the long run: what the kept state does after either is tested without Docker too. */
const SIGNALS = process.env['TSWITCH_LONG'] === '1' ? (['SIGTERM', 'SIGKILL'] as const) : (['SIGKILL'] as const);
const lab = new Lab();
let net: DockerLab;

beforeEach(async () => {
  net = await DockerLab.open(lab);
  await net.docker.out('network', 'create', ...DRIVERS, '-o', 'vlan=10', 'web');
  await net.docker.box('box-a', ['--network', 'web']);
  const serve = 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp';
  await net.docker.box('box-b', ['--network', 'web', '--publish', '8081:80'], 'sh', '-c', serve);
});
afterEach(() => lab.close());

async function expectTraffic(): Promise<void> {
  expect(await net.pings('box-a', 'box-b')).toBe(true);
  expect(await net.pings('box-a', WORLD_ADDRESSES[0])).toBe(true);
  expect(await net.fetched(net.world, `http://${HOST_ADDRESSES[0]}:8081/`)).toBe('hello');
}

/** What a container sees of its interface, and how often the link went. */
async function look(container: string): Promise<string> {
  const script = 'ip address show eth0; ip route; cat /sys/class/net/eth0/carrier_changes';
  return (await net.inside(container, 'sh', '-c', script)).stdout;
}

async function expectChangesWork(): Promise<void> {
  await net.docker.out('network', 'disconnect', 'web', 'box-a');
  await net.docker.out('network', 'connect', 'web', 'box-a');
  expect(await net.pings('box-a', 'box-b')).toBe(true);
  await net.docker.out('restart', '--time', '5', 'box-b');
  await expectTraffic();
  await net.expectNothingLeft();
}

test.each(SIGNALS)('the driver ends by %s: containers keep their interfaces', async (signal) => {
  await expectTraffic();
  const before = [await look('box-a'), await look('box-b')];
  await (signal === 'SIGTERM' ? net.tswitch.stop() : net.tswitch.kill());
  await net.startTswitch();
  await expectTraffic();
  expect([await look('box-a'), await look('box-b')]).toEqual(before);
  await expectChangesWork();
});

test.each(SIGNALS)('dockerd ends by %s, and its containers with it', async (signal) => {
  await net.docker.end(signal);
  await net.docker.start();
  await net.docker.out('start', 'box-a', 'box-b');
  await expectTraffic();
  expect((await net.dockers()).map(({ containers }) => containers.length)).toEqual([2]);
  await expectChangesWork();
});

test('dockerd is killed, and its containers live on', async () => {
  await net.docker.end('SIGTERM');
  await net.docker.start(LIVE_RESTORE);
  await net.docker.out('start', 'box-a', 'box-b');
  await expectTraffic();
  const before = await look('box-a');
  await net.docker.end('SIGKILL');
  await net.tswitch.kill();
  await net.startTswitch();
  await net.docker.start(LIVE_RESTORE);
  await expectTraffic();
  expect(await look('box-a')).toEqual(before);
  await expectChangesWork();
});

test('what Docker asks while the driver is away waits for it', async () => {
  await net.tswitch.kill();
  const [removed, created] = [
    net.docker.run('rm', '--force', 'box-a'),
    net.docker.run('network', 'create', ...DRIVERS, 'later'),
  ];
  await net.startTswitch();
  expect([(await removed).code, (await created).code]).toEqual([0, 0]);
  await net.docker.box('box-c', ['--network', 'later']);
  expect(await net.pings('box-c', WORLD_ADDRESSES[0])).toBe(true);
  await net.expectNothingLeft();
});
