/** A daemon with loaded logics that ends, in order or not, and its next life: they are in force again, or it is said why not. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Finding } from '../../src/control/doctor/finding.ts';
import type { LogicView } from '../../src/control/logic/model.ts';
import type { Wish } from '../../src/control/wish/wish.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { type Host, Lab, until } from '../support/lab.ts';

let lab: Lab;
let red: Host;
let blue: Host;
let daemon: Daemon;
let file: string;

beforeEach(async () => {
  lab = new Lab();
  [red, blue] = [await lab.netns('red'), await lab.netns('blue')];
  daemon = new Daemon(lab);
  const folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-kept-`));
  lab.defer(() => rmSync(folder, { recursive: true }));
  file = join(folder, 'no-icmp.ts');
  writeFileSync(file, source('1'));
  await daemon.start();
  for (const [host, address] of [
    [red, '10.58.0.1/24'],
    [blue, '10.58.0.2/24'],
  ] as const) {
    await daemon.api.post('/v1/ports', { name: host.name, kind: 'veth', netns: host.name, addresses: [address] });
    host.solicitPatiently();
    await host.connected();
  }
});
afterEach(() => lab.close());

/** Drops an IP protocol. */
function source(protocol: string): string {
  return `import { DEFER, defineLogic } from 'tswitch/logic';
export default defineLogic({
  name: 'no-icmp',
  description: 'drops ICMP',
  drops: { ICMP: 'it is ICMP' },
  create: ({ drop }) => ({ frame: (frame) => (frame.protocol === ${protocol} ? drop.ICMP : DEFER) }),
});
`;
}

const logic = async (): Promise<LogicView> => (await daemon.api.get<LogicView>('/v1/logic/no-icmp')).body;

test('a logic is in force again after a kill; without its file it is said, and the ports go on', async () => {
  expect((await daemon.api.post('/v1/logic', { file })).status).toBe(201);
  expect(await red.pingsInVain('10.58.0.2')).toBe(true);
  const { body: document } = await daemon.api.get<Wish>('/v1/config');
  expect(document.logics).toMatchObject([{ name: 'no-icmp', file, shadow: false }]);
  await daemon.kill();
  await daemon.start();
  await until('the logic to be in force', async () => (await logic()).live !== null);
  expect(await red.pingsInVain('10.58.0.2')).toBe(true);
  expect((await daemon.api.get<Wish>('/v1/config')).body).toEqual(document);

  writeFileSync(file, source('17'));
  await daemon.stop();
  await daemon.start();
  await until('it to be missed', async () => (await logic()).missing[0]?.reason != null);
  expect(daemon.log).toMatch(/error kept logic is not loaded.*logic=no-icmp.*has been changed since it was loaded/);
  expect(await red.pings('10.58.0.2')).toBe(true);
  const { body } = await daemon.api.post<{ findings: Finding[] }>('/v1/doctor', { port: red.name });
  expect(body.findings).toContainEqual(expect.objectContaining({ check: 'logic no-icmp', verdict: 'broken' }));
  // As it was before, it is in force again with the next start.
  writeFileSync(file, source('1'));
  await daemon.stop();
  await daemon.start();
  await until('the logic to be in force', async () => (await logic()).live !== null);
  expect(await red.pingsInVain('10.58.0.2')).toBe(true);
});

test('a logic that the daemon died in is kept and not loaded, until somebody asks for it', async () => {
  // As a write through a bad pointer of a native module would. What the contract would find is hidden from it.
  writeFileSync(
    file,
    `import { DEFER, defineLogic } from 'tswitch/logic';
export default defineLogic({
  name: 'no-icmp',
  description: 'ends the daemon',
  create: ({ ports }) => ({
    frame: (frame) => {
      if (ports.handleOf('a') < 0 && frame.protocol === 1) {
        process.kill(process.pid, 'SIGSEGV');
        // Another thread may be the one that the signal ends.
        for (;;);
      }
      return DEFER;
    },
  }),
});
`,
  );
  expect((await daemon.api.post('/v1/logic', { file })).status).toBe(201);
  const ended = once(daemon.child, 'close');
  void red.pingsInVain('10.58.0.2');
  expect((await ended)[1]).toBe('SIGSEGV');
  for (let life = 0; life < 2; life++) {
    await daemon.start();
    await until('it to be missed', async () => (await logic()).missing[0]?.reason != null);
    expect((await logic()).missing[0]!.reason).toMatch(/died while this logic ran.*load it with `tswitch logic load /);
    expect(daemon.log).toMatch(/error kept logic is not loaded.*died while this logic ran/);
    expect(await red.pings('10.58.0.2')).toBe(true);
    await daemon.stop();
  }
  await daemon.start();
  expect((await daemon.api.post('/v1/logic', { file })).status).toBe(201);
  expect((await logic()).live).not.toBeNull();
  await daemon.stop();
  await daemon.start();
  await until('it to be in force', async () => (await logic()).live !== null);
});
