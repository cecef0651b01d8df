/** Mirrors of real ports: to a port, with exact sums, and into files, which stay bounded. */
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { SwitchControl } from '../../src/control/model.ts';
import { makeFolder } from '../support/folder.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, expectTcp, type Host, ip, Lab, until } from '../support/lab.ts';
import { readPcapng } from '../support/pcapng.ts';

let lab = new Lab();
afterEach(async () => {
  await lab.close();
  lab = new Lab();
});

interface Stage {
  lan: SwitchControl;
  red: Host;
  blue: Host;
  monitor: Host;
}

/** The monitor is in a VLAN of its own. */
async function stage(): Promise<Stage> {
  const lan = await lab.switch();
  const hosts = await Promise.all(['red', 'blue', 'monitor'].map((label) => lab.netns(label, { ipv6: false })));
  const [red, blue, monitor] = hosts as [Host, Host, Host];
  await lab.plug(lan, red, 'veth', { addresses: ['10.0.0.1/24'] });
  await lab.plug(lan, blue, 'veth', { addresses: ['10.0.0.2/24'] });
  await lab.plug(lan, monitor, 'veth', { vlan: 4000 });
  return { lan, red, blue, monitor };
}

/** Frames that crossed the port, and copies that were made of them. */
function sums({ lan, red, monitor }: Stage): { crossed: number; copied: number } {
  const { rx, tx } = lan.port(red.name).stats;
  const { mirrored } = lan.port(monitor.name).stats;
  return { crossed: rx.frames + tx.frames, copied: mirrored.frames + mirrored.drops };
}

test('both directions to a port: every frame is copied once, and the sums of forwarding do not know', async () => {
  const all = await stage();
  const { lan, red, blue, monitor } = all;
  await expectBalance(lan);
  const before = sums(all);
  const patched = await lan.patchPort(red.name, { mirror: { port: monitor.name } });
  expect(patched.mirror).toEqual({ port: monitor.name, file: null, direction: 'both', vlans: [], maxBytes: null });
  await expectTcp(red, blue, '10.0.0.2', 500_000);
  expect(await red.pings('10.0.0.2')).toBe(true);
  await expectBalance(lan);
  const after = sums(all);
  expect(after.copied - before.copied).toBe(after.crossed - before.crossed);
  expect(lan.port(monitor.name).stats.mirrored.drops).toBe(0);
  expect(lan.port(monitor.name).stats.tx.frames).toBe(0);
  expect((await lan.fdb({ port: monitor.name }, { limit: 10 })).total).toBe(0);
});

test('the monitor gets the frames as they were', async () => {
  const { lan, red, monitor } = await stage();
  await lan.patchPort(red.name, { mirror: { port: monitor.name, direction: 'rx' } });
  const ear = monitor.wire();
  const sent = [frame({ src: mac(1) }), frame({ src: mac(2), payload: 300 }), frame({ src: mac(3), tags: [9] })];
  const mouth = red.wire();
  for (const each of sent) mouth.send(each);
  await until('the copies', () => ear.captured().length === sent.length);
  expect(ear.captured().map((each) => each.frame)).toEqual(sent);
});

test('its port vanishes: copies are counted as dropped, and go on when it is back; removed: the mirror is off', async () => {
  const all = await stage();
  const { lan, red, monitor } = all;
  await lan.patchPort(red.name, { mirror: { port: monitor.name } });
  const mouth = red.wire();
  await lan.patchPort(monitor.name, { admin: 'down' });
  mouth.send(frame());
  await expect.poll(() => lan.port(monitor.name).stats.mirrored.drops).toBe(1);
  await lan.patchPort(monitor.name, { admin: 'up' });
  mouth.send(frame());
  await expect.poll(() => lan.port(monitor.name).stats.mirrored.frames).toBe(1);
  await ip('-n', monitor.name, 'link', 'del', 'eth0');
  await until('the port to be lost', () => lan.port(monitor.name).state !== 'up');
  mouth.send(frame());
  await expect.poll(() => sums(all).copied).toBe(3);
  const told: unknown[] = [];
  lan.events.observe((event) => event.event === 'mirror.ended' && told.push(event));
  await lan.removePort(monitor.name);
  expect(lan.port(red.name).mirror).toBeNull();
  expect(told).toMatchObject([{ port: red.name, target: monitor.name }]);
  mouth.send(frame());
  await expectBalance(lan);
});

test('nonsense is refused, and nothing is changed by it', async () => {
  const { lan, red, monitor } = await stage();
  await lan.patchPort(red.name, { mirror: { port: monitor.name } });
  const refused = async (mirror: object, code: string, message: RegExp): Promise<void> => {
    await expect(lan.patchPort(red.name, { mirror })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  };
  const folder = makeFolder(lab);
  await refused({}, 'BAD_REQUEST', /give either the port .* or the file/);
  await refused({ port: monitor.name, file: '/tmp/x.pcapng' }, 'BAD_REQUEST', /give either/);
  await refused({ port: red.name }, 'BAD_REQUEST', /cannot be mirrored to itself/);
  await refused({ port: 'nobody' }, 'PORT_NOT_FOUND', /there is no port nobody: add it first/);
  await refused({ file: 'red.pcapng' }, 'BAD_REQUEST', /give a whole path that ends in .pcapng/);
  await refused({ file: `${folder}/passwd` }, 'BAD_REQUEST', /give a whole path that ends in .pcapng/);
  await refused({ file: `${folder}/a/../x.pcapng` }, 'BAD_REQUEST', /give a whole path/);
  await refused({ file: `${folder}/none/x.pcapng` }, 'BAD_REQUEST', /there is no such folder; make it first/);
  const precious = join(folder, 'precious.pcapng');
  writeFileSync(precious, 'no capture');
  await refused({ file: precious }, 'BAD_REQUEST', /is there already and is no pcapng file: move it away/);
  expect(readFileSync(precious, 'utf8')).toBe('no capture');
  const link = join(folder, 'link.pcapng');
  symlinkSync(precious, link);
  await refused({ file: link }, 'BAD_REQUEST', /is no pcapng file/);
  expect(lan.port(red.name).mirror).toMatchObject({ port: monitor.name });
});

const bytesIn = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

test('into a file, by two ports: bounded by rotation, whole at every moment, and none of it lost by the next start', async () => {
  const { lan, red, blue } = await stage();
  const file = join(makeFolder(lab), 'lan.pcapng');
  const maxBytes = 1024 * 1024;
  await lan.patchPort(red.name, { mirror: { file, maxBytes, direction: 'rx' } });
  await lan.patchPort(blue.name, { mirror: { file, maxBytes, direction: 'rx' } });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const [fromRed, fromBlue] = [red.wire(), blue.wire()];
  let sent = 0;
  while (!existsSync(`${file}.1`)) {
    for (let k = 0; k < 100; k++, sent += 2) {
      fromRed.send(frame({ src: mac(sent), payload: 1000 }));
      fromBlue.send(frame({ src: mac(sent + 1), payload: 1000 }));
    }
    // What comes at once is written at once, however full the file gets by it.
    await until('these to be forwarded', () => lan.stats().totals.rx >= sent);
    await until('these to be written', () => bytesIn(`${file}.1`) + bytesIn(file) >= sent * 1000);
  }
  await lan.patchPort(red.name, { mirror: null });
  await lan.patchPort(blue.name, { mirror: null });
  const [older, newer] = [`${file}.1`, file].map((path) => readPcapng(readFileSync(path)));
  expect(statSync(`${file}.1`).size).toBeLessThan(2 * maxBytes);
  const all = [...older!.packets, ...newer!.packets];
  expect(all.filter(({ port }) => port === red.name)).toHaveLength(sent / 2);
  expect(all.filter(({ port }) => port === blue.name)).toHaveLength(sent / 2);
  expect(older!.interfaces.map(({ name }) => name)).toEqual([red.name, blue.name]);
  // The same file for the next mirror, as after a restart of the daemon: what is there is kept.
  await lan.patchPort(red.name, { mirror: { file, direction: 'rx', vlans: [1] } });
  fromRed.send(frame({ src: mac(1) }));
  await lan.patchPort(red.name, { mirror: null });
  expect(readPcapng(readFileSync(`${file}.1`)).packets).toEqual(newer!.packets);
  expect(readPcapng(readFileSync(file)).packets.length).toBeLessThanOrEqual(1);
});

test('as part of the configuration: ports and their mirrors in one document, in whatever order', async () => {
  const { lan, red, blue, monitor } = await stage();
  await lan.patchPort(red.name, { mirror: { port: monitor.name } });
  const { wish } = lan.config();
  const file = join(makeFolder(lab), 'blue.pcapng');
  const ports = wish.ports.map((port) => ({
    ...port,
    // The monitor is made anew, and red's mirror with it.
    ...(port.name === monitor.name ? { mac: '02:00:00:00:00:77' } : {}),
    ...(port.name === blue.name ? { mirror: { file } } : {}),
  }));
  const { actions } = await lan.applyConfig({ ...wish, ports });
  expect(actions.map(({ text }) => text)).toContainEqual(expect.stringMatching(/mirror null -> .*blue\.pcapng/));
  expect(lan.port(red.name).mirror).toMatchObject({ port: monitor.name });
  expect(lan.port(blue.name).mirror).toMatchObject({ file, direction: 'both' });
  expect((await lan.applyConfig({ ...wish, ports })).actions).toEqual([]);
  const gone = ports.filter(({ name }) => name !== monitor.name);
  await expect(lan.applyConfig({ ...wish, ports: gone })).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    message: expect.stringContaining(`there is no port ${monitor.name} in the list of ports`),
  });
  const before = sums({ lan, red, blue, monitor });
  red.wire().send(frame());
  await expect.poll(() => sums({ lan, red, blue, monitor }).copied).toBeGreaterThan(before.copied);
});
