/** `tswitch record` of real traffic through real workers, and `tswitch replay` of it: the same becomes of every frame. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import type { RecordingView, SwitchControl } from '../../src/control/model.ts';
import { cliRunner, type Ended, MAIN } from '../support/cli-runner.ts';
import { makeFolder } from '../support/folder.ts';
import { frame, mac } from '../support/frames.ts';
import { expectTcp, type Host, Lab, runProgram, until } from '../support/lab.ts';

const ALLOW_LIST = join(import.meta.dirname, '../../examples/logics/mac-allow-list.ts');
const POLICER = join(import.meta.dirname, '../../examples/logics/policer.ts');

let lab = new Lab();
afterEach(async () => {
  await lab.close();
  lab = new Lab();
});

interface Stage {
  lan: SwitchControl;
  red: Host;
  blue: Host;
  folder: string;
  socket: string;
  /** A command that runs to its end. */
  run: (...args: string[]) => Promise<Ended>;
}

async function stage(workers = 1): Promise<Stage> {
  const lan = await lab.switch({ workers });
  const folder = makeFolder(lab);
  const socket = join(folder, 'api.sock');
  const api = await serveApi(lan, { socket });
  lab.defer(() => api.close());
  const [red, blue] = [await lab.netns('red'), await lab.netns('blue')];
  await lab.plug(lan, red, 'veth', { addresses: ['10.0.0.1/24'] });
  await lab.plug(lan, blue, 'veth', { addresses: ['10.0.0.2/24'] });
  const run = cliRunner(socket);
  return { lan, red, blue, folder, socket, run: (...args) => run(args) };
}

/** Begins to record into the file. @returns what stops it, and gives how it ended */
async function record({ lan, socket }: Stage, ...args: string[]): Promise<() => Promise<Ended & RecordingView>> {
  const child = spawn(process.execPath, [MAIN, 'record', '--json', ...args], {
    env: { ...process.env, TSWITCH_SOCKET: socket },
  });
  lab.defer(() => child.kill('SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  const known = new Set(lan.recordings.list().map(({ id }) => id));
  const state = () => lan.recordings.list().find(({ id }) => !known.has(id))?.state ?? 'waiting';
  await until('the recording to run', () => state() !== 'waiting');
  return async () => {
    // One that has ended by itself says so, unless it is kept from it.
    if (state() === 'running') child.kill('SIGINT');
    const code = await ended;
    return { code, stdout, stderr, ...(JSON.parse(stdout) as RecordingView) };
  };
}

/** TCP of iperf3 for a second, at a rate that any machine keeps up with. */
async function iperf(red: Host, blue: Host, ...args: string[]): Promise<void> {
  const server = blue.start('iperf3', '--server', '--one-off', '--bind', '10.0.0.2', '--forceflush');
  let said = '';
  server.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await until('iperf3 to listen', () => said.includes('listening'));
  await red.run('iperf3', '--client', '10.0.0.2', '--time', '1', ...args);
}

test('real TCP, in super-frames and both directions, replays to the last bit', async () => {
  const on = await stage();
  const { lan, red, blue, folder, run } = on;
  const file = join(folder, 'tcp.pcapng');
  const end = await record(on, file);
  await iperf(red, blue, '--bitrate', '40M');
  await iperf(red, blue, '--bitrate', '40M', '--reverse', '--parallel', '2');
  await expectTcp(red, blue, '10.0.0.2', 300_000);
  const { code, state, reason, frames, bytes, stderr } = await end();
  expect([code, state, reason]).toEqual([0, 'ended', 'stopped']);
  expect(stderr).toBe(`tswitch: ${frames} frames recorded into ${file}, ${bytes} bytes\n`);
  expect([statSync(file).size, statSync(file).mode & 0o777]).toEqual([bytes, 0o600]);
  expect(frames).toBeGreaterThan(100);
  expect(lan.stats().totals.rx).toBeGreaterThanOrEqual(frames);
  const replayed = await run('replay', file);
  expect(replayed, replayed.stdout).toMatchObject({ code: 0, stderr: '' });
  expect(replayed.stdout).toMatch(/\nidentical: every verdict and every byte that left, as recorded\n$/);
  const json = JSON.parse((await run('replay', '--json', file)).stdout);
  expect(json).toMatchObject({ frames, isSame: true, different: 0, workers: 1, reason: 'stopped' });
  // To others it is a capture of what entered.
  const lines = (await runProgram('tcpdump', ['-n', '-r', file, 'tcp'])).trim().split('\n');
  expect(lines.length).toBeGreaterThan(100);
  expect(lines.some((line) => / length \d{5}$/.test(line))).toBe(true);
});

test('with logics and while everything changes; another logic is told apart', async () => {
  const on = await stage();
  const { lan, red, blue, folder, run } = on;
  await lan.logic.load({ file: POLICER, params: { kilobytesPerSecond: 100_000 } });
  const file = join(folder, 'all.pcapng');
  const end = await record(on, file);
  const traffic = iperf(red, blue, '--bitrate', '40M');
  await lan.addFdb({ mac: mac(7), vlan: 1, port: red.name, kind: 'static' });
  const green = await lab.netns('green');
  await lab.plug(lan, green, 'veth', { addresses: ['10.0.0.3/24'] });
  await lan.logic.change('policer', { params: { kilobytesPerSecond: 20_000 } });
  expect(await green.pings('10.0.0.1')).toBe(true);
  await lan.flushFdb({});
  await lan.patchPort(green.name, { vlan: 9 });
  green.wire().send(frame({ src: mac(7) }));
  await lan.logic.load({ file: POLICER, params: { kilobytesPerSecond: 30_000 } });
  await lan.patchSettings({ ageingSeconds: 50 });
  await lan.removeFdb(1, mac(7));
  await lan.removePort(green.name);
  await traffic;
  const { code, frames } = await end();
  expect([code, frames > 100]).toEqual([0, true]);
  const same = await run('replay', file);
  expect(same, same.stdout).toMatchObject({ code: 0, stderr: '' });
  // It takes the policer's place no more than anybody's, and lets nobody pass.
  const other = await run('replay', file, '--logic', ALLOW_LIST, '--param', 'allow=["02:00:00:00:00:99"]');
  expect(other, other.stderr).toMatchObject({ code: 1, stderr: '' });
  // The first of all, unless the table was changed meanwhile: that is not compared.
  expect(other.stdout).toMatch(/\ndifferent: \d+ of \d+ frames; the first is frame \d+, \d\.\d+ s from the beginning/);
  expect(other.stdout).toMatch(/mac-allow-list +drop NOT_ALLOWED \(VLAN 1, by mac-allow-list\) +none/);
  const twice = await run('replay', file, '--logic', POLICER, '--against', POLICER);
  expect(twice, twice.stdout).toMatchObject({ code: 0, stderr: '' });
});

test('it is bounded: full speed fills it, it ends, and what is in it replays', async () => {
  const on = await stage();
  const { lan, red, blue, folder, run } = on;
  const file = join(folder, 'full.pcapng');
  const end = await record(on, file, '--max-size', '2M');
  await iperf(red, blue);
  await until('the recording to be full', () => lan.recordings.list()[0]!.state === 'ended');
  const { reason, bytes, stderr } = await end();
  expect([reason, stderr.endsWith('(the size is reached)\n')]).toEqual(['size', true]);
  expect(bytes).toBeLessThanOrEqual(2 * 1024 * 1024);
  expect(statSync(file).size).toBe(bytes);
  const replayed = await run('replay', file);
  expect(replayed, replayed.stdout).toMatchObject({ code: 0, stderr: '' });
  expect(replayed.stdout).toContain('it ended as the size was reached');
  expect(await red.pings('10.0.0.2')).toBe(true);
});

test('several workers record each what it got; a second recording has to wait', async () => {
  const on = await stage(2);
  const { lan, red, blue, folder, run } = on;
  // The table is known before, so that the workers do not learn from one another.
  expect(await red.pings('10.0.0.2')).toBe(true);
  const file = join(folder, 'two.pcapng');
  const end = await record(on, file, '--count', '200');
  const second = await run('record', join(folder, 'second.pcapng'));
  expect(second).toMatchObject({ code: 1, stderr: expect.stringMatching(/there is one recording at a time/) });
  await iperf(red, blue, '--bitrate', '20M', '--parallel', '8');
  await until('the count to be reached', () => lan.recordings.list()[0]!.state === 'ended');
  const { reason, workers, stderr } = await end();
  expect([reason, workers]).toEqual(['count', 2]);
  expect(stderr).toContain('each of 2 workers by itself (the count is reached)');
  const replayed = await run('replay', file);
  expect(replayed, replayed.stdout).toMatchObject({ code: 0, stderr: '' });
  expect(replayed.stdout).toContain('2 workers, each by itself');
});

test('the reader goes: the recording ends, and what it has got is replayed as far as it goes', async () => {
  const on = await stage();
  const { lan, red, folder, socket, run } = on;
  const file = join(folder, 'cut.pcapng');
  const child = spawn(process.execPath, [MAIN, 'record', file], { env: { ...process.env, TSWITCH_SOCKET: socket } });
  lab.defer(() => child.kill('SIGKILL'));
  await until('the recording to run', () => lan.recordings.list().some(({ state }) => state === 'running'));
  const wire = red.wire();
  for (let k = 0; k < 20; k++) wire.send(frame({ src: mac(k) }));
  await until('frames', () => lan.recordings.list()[0]!.frames >= 20);
  // All of it, or it is cut off in the middle of something.
  await until('the file', () => statSync(file).size === lan.recordings.list()[0]!.bytes);
  child.kill('SIGKILL');
  await until('the end', () => lan.recordings.list()[0]!.state === 'ended');
  expect(lan.recordings.list()[0]!.reason).toBe('reader');
  const whole = await run('replay', file);
  expect(whole.stdout).toContain('it breaks off: who read it went away');
  writeFileSync(file, readFileSync(file).subarray(0, -6));
  const cut = await run('replay', file);
  expect(cut).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/cut.pcapng is cut off: it ends/) });
});
