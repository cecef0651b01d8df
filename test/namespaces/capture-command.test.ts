/** `tswitch capture` and its HTTP routes, against a real switch: files, pipes, Ctrl-C, tokens, and a daemon that ends. */
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type Api, serveApi } from '../../src/api/server.ts';
import { TokenStore } from '../../src/api/tokens.ts';
import type { CaptureView, SwitchControl } from '../../src/control/model.ts';
import { apiClient } from '../support/api-client.ts';
import { cliRunner, type Ended, MAIN } from '../support/cli-runner.ts';
import { expectFrames } from '../support/capturing.ts';
import { makeFolder } from '../support/folder.ts';
import { frame } from '../support/frames.ts';
import { type Host, Lab, until } from '../support/lab.ts';
import { readPcapng } from '../support/pcapng.ts';

let lab = new Lab();
afterEach(async () => {
  await lab.close();
  lab = new Lab();
});

async function serve(): Promise<{ lan: SwitchControl; red: Host; folder: string; socket: string; api: Api }> {
  const lan = await lab.switch();
  const folder = makeFolder(lab);
  const socket = join(folder, 'api.sock');
  const api = await serveApi(lan, { socket });
  lab.defer(() => api.close());
  const red = await lab.netns('red', { ipv6: false });
  await lab.plug(lan, red, 'veth');
  return { lan, red, folder, socket, api };
}

/** The command, which runs on beside the test. */
function start(
  socket: string,
  ...args: string[]
): { signal: (name: NodeJS.Signals) => void; ended: Promise<Ended & { raw: Buffer }> } {
  const child = spawn(process.execPath, [MAIN, 'capture', ...args], {
    env: { ...process.env, TSWITCH_SOCKET: socket },
  });
  lab.defer(() => child.kill('SIGKILL'));
  const stdout: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<Ended & { raw: Buffer }>((resolve) =>
    child.once('close', (code) => {
      const raw = Buffer.concat(stdout);
      resolve({ code: code ?? -1, stdout: raw.toString(), stderr, raw });
    }),
  );
  return { signal: (name) => child.kill(name), ended };
}

async function running(lan: SwitchControl): Promise<CaptureView> {
  await until('a capture to run', () => lan.captures.list().some(({ state }) => state === 'running'));
  return lan.captures.list().find(({ state }) => state === 'running')!;
}

test('into a file, until Ctrl-C: a whole capture, and a line that says what is in it', async () => {
  const { lan, red, folder, socket } = await serve();
  const file = join(folder, 'red.pcapng');
  const { signal, ended } = start(socket, '--port', red.name, '--direction', 'rx', '-w', file);
  const { id } = await running(lan);
  const wire = red.wire();
  for (let k = 0; k < 12; k++) wire.send(frame());
  await expectFrames(lan, id, 12);
  signal('SIGINT');
  const { code, stdout, stderr } = await ended;
  expect([code, stdout]).toEqual([0, '']);
  expect(stderr).toBe(`tswitch: 12 frames captured into ${file}, none missed\n`);
  expect(readPcapng(readFileSync(file)).packets).toHaveLength(12);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const listed = await cliRunner(socket)(['captures', 'ls']);
  expect(listed.stdout).toMatch(new RegExp(`${id}\\s+ended: stopped\\s+${red.name}\\s+-\\s+12\\s+0`));
});

test('to standard output until its count is reached, and --json for programs', async () => {
  const { lan, red, folder, socket } = await serve();
  const { ended } = start(socket, '--count', '3', '-w', '-');
  await running(lan);
  const wire = red.wire();
  for (let k = 0; k < 5; k++) wire.send(frame());
  const { code, raw, stderr } = await ended;
  expect(code).toBe(0);
  expect(readPcapng(raw).packets).toHaveLength(3);
  expect(stderr).toBe('tswitch: 3 frames captured, none missed (the count is reached)\n');
  const json = start(socket, '--json', '--seconds', '1', '-w', join(folder, 'x.pcapng'));
  const view: CaptureView = JSON.parse((await json.ended).stdout);
  expect(view).toMatchObject({ state: 'ended', reason: 'seconds', frames: 0, missed: 0 });
});

test('the daemon ends in the middle: what was captured is whole, and that it ended is told', async () => {
  const { lan, red, folder, socket, api } = await serve();
  const file = join(folder, 'cut.pcapng');
  const { ended } = start(socket, '-w', file);
  const { id } = await running(lan);
  red.wire().send(frame());
  await expectFrames(lan, id, 1);
  await api.close();
  const { code, stderr } = await ended;
  expect(code).toBe(1);
  expect(stderr).toBe(
    `tswitch: the daemon ended, and the capture with it; what was captured until then is in ${file}\n`,
  );
  expect(readPcapng(readFileSync(file)).packets.length).toBeGreaterThanOrEqual(1);
});

test('the command is killed: the capture ends, and the daemon says why', async () => {
  const { lan, folder, socket } = await serve();
  const { signal, ended } = start(socket, '-w', join(folder, 'x.pcapng'));
  const { id } = await running(lan);
  signal('SIGKILL');
  await ended;
  await until('the end', () => lan.captures.show(id).state === 'ended');
  expect(lan.captures.show(id).reason).toBe('reader');
});

test('wrong words: what is wrong is said, and no capture is left', async () => {
  const { lan, folder, socket } = await serve();
  const run = cliRunner(socket);
  const refused = async (args: string[], code: number, message: RegExp): Promise<void> => {
    const ended = await run(['capture', ...args]);
    expect([ended.code, ended.stdout]).toEqual([code, '']);
    expect(ended.stderr).toMatch(message);
  };
  const file = join(folder, 'x.pcapng');
  await refused([], 2, /say where to: -w FILE, or -w - for standard output/);
  await refused(['-w', file, '--filter', 'tcp port http'], 1, /^tswitch: filter: "http" is not a port or a range/);
  await refused(['-w', file, '--port', 'nobody'], 1, /there is no port nobody/);
  await refused(['-w', file, '--snaplen', '1'], 2, /Give a whole number from 64 to/);
  await refused(['-w', file, '--max-size', '1X'], 2, /Give a size from 4K to 1T, like 100M/);
  await refused(['-w', join(folder, 'none', 'x.pcapng')], 1, /cannot write .*ENOENT/);
  expect(lan.captures.list().filter(({ state }) => state === 'running')).toEqual([]);
});

test('over TCP a token that may only read gets no frames', async () => {
  const { lan, folder, api } = await serve();
  await api.close();
  const tokens = new TokenStore(join(folder, 'tokens'));
  const [full, readOnly] = [tokens.add('full').token, tokens.add('reader', { readOnly: true }).token];
  const socket = join(folder, 'tcp.sock');
  const tcp = await serveApi(lan, { socket, tokens, tcp: { listen: '127.0.0.1:0', tokens, allowHosts: [] } });
  lab.defer(() => tcp.close());
  const { post } = apiClient(socket);
  const { id } = (await post<CaptureView>('/v1/captures', {})).body;
  const ask = (token: string) =>
    fetch(`${tcp.url}/v1/captures/${id}/stream`, { headers: { Authorization: `Bearer ${token}` } });
  const forbidden = await ask(readOnly);
  expect(forbidden.status).toBe(403);
  expect(await forbidden.json()).toMatchObject({ error: { code: 'READ_ONLY_TOKEN' } });
  const allowed = await ask(full);
  expect([allowed.status, allowed.headers.get('content-type')]).toEqual([200, 'application/x-pcapng']);
  lan.captures.stop(id);
  expect(readPcapng(await allowed.bytes()).sections).toBe(1);
});
