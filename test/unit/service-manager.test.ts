/** What a service manager is told, on real sockets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { ServiceManager } from '../../src/control/service-manager.ts';
import { until } from '../support/lab.ts';
import { linesLog } from '../support/lines-log.ts';
import { NotifySocket } from '../support/notify-socket.ts';

const PATIENTLY = '3600000000';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-notify-'));
const undo: (() => void)[] = [];
afterEach(() => {
  for (const each of undo.splice(0)) each();
});

afterAll(() => rmSync(folder, { recursive: true }));

let names = 0;
function listen(kind: 'path' | 'abstract'): NotifySocket {
  const name = `${kind === 'path' ? `${folder}/` : '@tswitch-test-'}${process.pid}-${names++}`;
  const socket = new NotifySocket(name);
  undo.push(() => socket.close());
  if (kind === 'path') undo.push(() => rmSync(name));
  return socket;
}

function managerOf(env: NodeJS.ProcessEnv): { manager: ServiceManager; lines: string[] } {
  const lines: string[] = [];
  const manager = ServiceManager.fromEnvironment(env, linesLog(lines));
  undo.push(() => manager.close());
  return { manager, lines };
}

test.each(['path', 'abstract'] as const)('on a socket by %s: readiness, reload, end', (kind) => {
  const socket = listen(kind);
  const { manager, lines } = managerOf({ NOTIFY_SOCKET: socket.name });
  const before = process.hrtime.bigint() / 1000n;
  manager.ready('Listening on here');
  manager.reloading();
  manager.ready('Listening on here');
  manager.stopping();
  const said = socket.datagrams();
  expect(said.map((text) => text.replace(/\d{4,}/, 'N'))).toEqual([
    'READY=1\nSTATUS=Listening on here',
    'RELOADING=1\nMONOTONIC_USEC=N',
    'READY=1\nSTATUS=Listening on here',
    'STOPPING=1\nSTATUS=Stopping',
  ]);
  const micros = BigInt(/\d{4,}/.exec(said[1] ?? '')?.[0] ?? '0');
  expect(micros >= before && micros <= process.hrtime.bigint() / 1000n).toBe(true);
  expect(lines).toEqual([]);
});

test('life signs come while all is well, stop while something is wrong, and come again', async () => {
  const socket = listen('abstract');
  const { manager, lines } = managerOf({
    NOTIFY_SOCKET: socket.name,
    WATCHDOG_USEC: '40000',
    WATCHDOG_PID: `${process.pid}`,
  });
  let problems: string[] = [];
  let looks = 0;
  manager.keepAlive(() => {
    looks++;
    return problems;
  });
  await until('some life signs', () => socket.lifeSigns() >= 3);
  problems = ['worker 0 hangs'];
  const looksThen = looks;
  const signsThen = socket.lifeSigns();
  await until('several looks', () => looks >= looksThen + 5);
  expect(socket.lifeSigns()).toBe(signsThen);
  expect(lines).toEqual([expect.stringMatching(/no life sign for the service manager reason="worker 0 hangs"$/)]);
  problems = [];
  await until('a life sign', () => socket.lifeSigns() > signsThen);
});

test.each<[string, NodeJS.ProcessEnv]>([
  ['none are asked for', {}],
  ['another process is meant', { WATCHDOG_USEC: PATIENTLY, WATCHDOG_PID: '1' }],
  ['the period is no number', { WATCHDOG_USEC: 'soon' }],
])('no life sign where %s', (_, env) => {
  const socket = listen('abstract');
  const { manager } = managerOf({ ...env, NOTIFY_SOCKET: socket.name });
  manager.keepAlive(() => []);
  expect(socket.datagrams()).toEqual([]);
});

test('programs that are started later are not told of it', () => {
  const socket = listen('abstract');
  const env = { NOTIFY_SOCKET: socket.name, WATCHDOG_USEC: PATIENTLY, WATCHDOG_PID: '1', PATH: '/bin' };
  managerOf(env);
  expect(env).toEqual({ PATH: '/bin' });
});

test.each([
  ['nobody listens', '/no/such/socket', /connect: ENOENT/],
  ['the name is none', 'vsock:2:1234', /neither a path nor an abstract name/],
  ['the name is too long', `/${'x'.repeat(108)}`, /too long/],
])('where %s it is logged, and the daemon goes on', (_, name, reason) => {
  const { manager, lines } = managerOf({ NOTIFY_SOCKET: name });
  expect(lines).toEqual([expect.stringMatching(reason)]);
  manager.ready('here');
  expect(lines).toHaveLength(1);
});

test('a manager that is gone is logged', () => {
  const socket = new NotifySocket('@tswitch-test-gone');
  const { manager, lines } = managerOf({ NOTIFY_SOCKET: socket.name });
  socket.close();
  manager.ready('here');
  expect(lines).toEqual([expect.stringMatching(/was not reached notification="READY=1" reason=".*ECONNREFUSED/)]);
});

test('it holds a descriptor in place of the one before, and lets go of it', () => {
  const socket = listen('path');
  const { manager } = managerOf({ NOTIFY_SOCKET: socket.name });
  manager.hold('sockets', 0);
  manager.letGo('sockets');
  expect(socket.datagrams()).toEqual([
    'FDSTOREREMOVE=1\nFDNAME=sockets',
    'FDSTORE=1\nFDNAME=sockets\nFDPOLL=0',
    'FDSTOREREMOVE=1\nFDNAME=sockets',
  ]);
});

test('what it held until this life is known by its name, if it is meant for this process', () => {
  const passed = { LISTEN_FDS: '2', LISTEN_FDNAMES: 'other:sockets:more' };
  const env: NodeJS.ProcessEnv = { ...passed, LISTEN_PID: String(process.pid) };
  const { manager } = managerOf(env);
  expect([manager.held('other'), manager.held('sockets'), manager.held('more')]).toEqual([3, 4, null]);
  expect(env).toEqual({});
  for (const stranger of [{ ...passed, LISTEN_PID: '1' }, passed, { LISTEN_PID: String(process.pid) }]) {
    expect(managerOf(stranger).manager.held('sockets')).toBe(null);
  }
});
