/** The unit under a real systemd: readiness, start after a crash with its ports taken over, watchdog, reload, end. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Lab, until } from '../support/lab.ts';
import { OBSTACLE, SystemdMachine } from '../support/systemd-machine.ts';

const ROOT = join(import.meta.dirname, '../..');
const TSWITCH = join(ROOT, 'src/cli/tswitch');
const UNIT = 'tswitch.service';
/** The unit as it is, but for the program's place; the watchdog bites sooner, so that the test need not wait as long. */
const UNITS = {
  [UNIT]: readFileSync(join(ROOT, 'docs/systemd', UNIT), 'utf8').replace('/usr/local/bin/tswitch', TSWITCH),
  [`${UNIT}.d/test.conf`]: '[Unit]\nDefaultDependencies=no\n[Service]\nWatchdogSec=2\n',
};

const lab = new Lab();
afterEach(() => lab.close());

test('it is ready when it answers, comes back by itself with its ports, reloads, and stops', async (context) => {
  if (OBSTACLE !== null) context.skip(OBSTACLE);
  const machine = await SystemdMachine.boot(lab, UNITS);
  const tswitch = (...args: string[]): Promise<string> => machine.run(TSWITCH, ...args);
  const isActive = async (restarts: number): Promise<boolean> =>
    (await machine.property(UNIT, 'ActiveState')) === 'active' &&
    (await machine.property(UNIT, 'NRestarts')) === String(restarts);
  const comesUp = (restarts: number) => until(`start ${restarts}`, () => isActive(restarts));
  const pings = (): Promise<string> =>
    machine.run('ip', 'netns', 'exec', 'red', 'ping', '-c', '1', '-W', '10', '10.0.0.2');
  const journal = (): Promise<string> => machine.run('journalctl', '--unit', UNIT, '--output', 'cat');
  const mainPid = (): Promise<string> => machine.property(UNIT, 'MainPID');
  const ifindexes = (): Promise<string> => machine.run('sh', '-c', 'cat /sys/class/net/tsw-*/ifindex');

  await comesUp(0);
  expect(await machine.property(UNIT, 'StatusText')).toBe('Listening on /run/tswitch/api.sock');
  for (const [k, netns] of ['red', 'blue'].entries()) {
    await machine.run('ip', 'netns', 'add', netns);
    await tswitch('plug', netns, '--ip', `10.0.0.${k + 1}/24`);
  }
  await pings();
  const before = await ifindexes();
  /** Packet sockets, by their inodes. */
  const sockets = async (): Promise<string[]> =>
    (await machine.run('cat', '/proc/net/packet'))
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/).at(-1)!)
      .toSorted();
  const open = await sockets();
  expect(open.length).toBeGreaterThan(0);

  await machine.run('kill', '-KILL', await mainPid());
  await comesUp(1);
  await pings();
  expect([await ifindexes(), await sockets()]).toEqual([before, open]);

  // It lives, and does nothing any more.
  await machine.run('kill', '-STOP', await mainPid());
  await comesUp(2);
  await pings();
  expect([await ifindexes(), await sockets()]).toEqual([before, open]);
  expect(await journal()).toContain('Watchdog timeout');

  await machine.run('systemctl', 'reload', UNIT);
  await until('the reload', async () => (await journal()).includes('reloaded nothing'));
  await machine.run('systemctl', 'stop', UNIT);
  expect(await machine.property(UNIT, 'Result')).toBe('success');
  expect(await sockets()).toEqual([]);
  expect(await ifindexes()).toBe(before);
});
