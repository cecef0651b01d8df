/** `tswitch events`: what it prints, and how it ends. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { formatEvent } from '../../src/cli/event-line.ts';
import { EventBus } from '../../src/control/events.ts';
import type { EventListener } from '../../src/control/events.ts';
import { cliRunner, MAIN } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-cli-'));
const socket = join(folder, 'api.sock');
const time = '2026-01-31T12:00:00.000Z';

/** Tells when somebody listens. */
class AwaitedBus extends EventBus {
  readonly subscribed = Promise.withResolvers<void>();

  override subscribe(listener: EventListener): () => void {
    this.subscribed.resolve();
    return super.subscribe(listener);
  }
}

let api: { close(): Promise<void> };
let events: AwaitedBus;
const children: ChildProcess[] = [];

beforeEach(async () => {
  events = new AwaitedBus();
  api = await serveApi({ ...fakeControl(), events }, { socket });
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await api.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A running `tswitch events`, with what it printed so far. */
async function listen(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, 'events', '--socket', socket, ...args]);
  children.push(child);
  const printed = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => (printed[stream] += chunk.toString()));
  }
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  await events.subscribed.promise;
  return { child, printed, code };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1000) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a line for people', () => {
  test.each([
    [{ event: 'port.up' as const, time, port: 'red' }, `${time}  port.up             port=red`],
    [{ event: 'config.applied' as const, time }, `${time}  config.applied`],
    [
      { event: 'worker.restarted' as const, time, worker: 0, reason: 'threw', error: 'two "words"\n', none: null },
      `${time}  worker.restarted    worker=0 reason=threw error="two \\"words\\"\\n" none=null`,
    ],
    [
      { event: 'fdb.held' as const, time, vlan: 10, port: 'b', ports: ['a', 'b'], evidence: { moves: 11 }, text: '' },
      `${time}  fdb.held            port=b vlan=10 ports=a,b evidence={"moves":11} text=""`,
    ],
  ])('%j', (event, line) => expect(formatEvent(event)).toBe(line));
});

test('events are printed as they happen, until Ctrl-C', async () => {
  const { child, printed, code } = await listen();
  const { time: told } = events.emit('port.lost', { port: 'red', reason: 'namespace \u001b[31mgone' });
  await until(() => printed.stdout.endsWith('\n'));
  expect(printed.stdout).toBe(`${told}  port.lost           port=red reason="namespace \\u001b[31mgone"\n`);
  child.kill('SIGINT');
  child.kill('SIGINT');
  expect([await code, printed.stderr]).toEqual([0, '']);
});

test('--json prints one document per line, --name chooses', async () => {
  const { child, printed, code } = await listen('--json', '--name', 'port.up', 'port.down');
  events.emit('port.lost', { port: 'red' });
  const told = [events.emit('port.up', { port: 'red' }), events.emit('port.down', { port: 'red' })];
  await until(() => printed.stdout.split('\n').length === 3);
  expect(
    printed.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual(told);
  child.kill('SIGTERM');
  expect([await code, printed.stderr]).toEqual([0, '']);
});

test('a reader that ends early is no failure', async () => {
  const { child, printed, code } = await listen();
  child.stdout.destroy();
  const emitting = setInterval(() => events.emit('port.up', { port: 'red' }), 10);
  expect([await code, printed.stderr]).toEqual([0, '']);
  clearInterval(emitting);
});

test('where the daemon ends, one line says so, and it goes on with what was missed when there is one again', async () => {
  const { child, printed, code } = await listen('--json');
  const before = events.emit('port.up', { port: 'red' });
  await until(() => printed.stdout.includes('\n'));
  await api.close();
  await until(() => printed.stderr.includes('\n'));
  expect(printed.stderr).toBe('tswitch: the stream of events ended: the daemon ends; trying again\n');
  const missed = events.emit('port.down', { port: 'red' });
  api = await serveApi({ ...fakeControl(), events }, { socket });
  await until(() => printed.stdout.split('\n').length === 3);
  expect(printed.stdout).toBe(`${JSON.stringify(before)}\n${JSON.stringify(missed)}\n`);
  child.kill('SIGINT');
  expect(await code).toBe(0);
});

test('a daemon that was started anew is a gap', async () => {
  const { child, printed, code } = await listen('--json');
  await api.close();
  await until(() => printed.stderr.includes('\n'));
  api = await serveApi({ ...fakeControl(), events: new EventBus() }, { socket });
  await until(() => printed.stdout.includes('\n'));
  expect(JSON.parse(printed.stdout)).toMatchObject({ event: 'gap', reason: 'restarted', missed: null });
  child.kill('SIGINT');
  expect(await code).toBe(0);
});

test('where there was no daemon to begin with, exit code 1', async () => {
  await api.close();
  const { code, stderr } = await cliRunner(socket)(['events']);
  expect([code, stderr]).toEqual([1, `tswitch: no daemon answers on ${socket}; start one with \`tswitch serve\`\n`]);
  api = await serveApi(fakeControl(), { socket });
});
