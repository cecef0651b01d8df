/** Loaded logics that write outside of their frames, in a daemon of its own: it goes on, and they are unloaded. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogicView } from '../../src/control/logic/model.ts';
import type { PortView } from '../../src/control/model.ts';
import { Daemon } from '../support/daemon.ts';
import { makeFolder } from '../support/folder.ts';
import { type Host, Lab, until } from '../support/lab.ts';

let lab: Lab;
let daemon: Daemon;
let red: Host;
let blue: Host;
let green: Host;

beforeEach(async () => {
  lab = new Lab();
  daemon = await Daemon.start(lab, { args: ['--workers', '1'] });
  [red, blue, green] = [await lab.netns('red'), await lab.netns('blue'), await lab.netns('green')];
  for (const [host, address, kind] of [
    [red, '10.59.0.1/24', 'veth'],
    [blue, '10.59.0.2/24', 'tap'],
    [green, '10.59.0.3/24', 'xdp'],
  ] as const) {
    const body = { name: host.name, kind, netns: host.name, addresses: [address] };
    expect((await daemon.api.post('/v1/ports', body)).status).toBe(201);
    host.solicitPatiently();
    await host.connected();
  }
});
afterEach(() => lab.close());

/** It does so with ICMP frames between hosts, which the contract's frames are not. */
function logicFile(body: string): string {
  const file = join(makeFolder(lab), 'wild.ts');
  writeFileSync(
    file,
    `import { DEFER, defineLogic } from 'tswitch/logic';
let state = 1;
const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0);
export default defineLogic({
  name: 'wild',
  description: 'writes where it must not',
  create: ({ ports }) => ({
    frame: (frame) => {
      if (ports.handleOf('a') < 0 && frame.protocol === 1) { const { bytes } = frame; ${body} }
      return DEFER;
    },
  }),
});
`,
  );
  return file;
}

const logics = async (): Promise<LogicView[]> =>
  (await daemon.api.get<{ logics: LogicView[] }>('/v1/logic')).body.logics;

test.each([
  ['anywhere, often', 'for (let k = 0; k < 2000; k++) bytes[random() % bytes.length] = random();'],
  ['over everything', 'bytes.fill(0xa6);'],
  [
    'behind the end of the memory',
    'for (let k = 0; k < 9; k++) bytes[bytes.length + k * 4096] = 1; bytes[2 ** 31 - 2 ** 16 - 9] = 1; bytes[bytes.length - 2 ** 24] = 7;',
  ],
])('one that writes %s', async (_, code) => {
  expect((await daemon.api.post('/v1/logic', { file: logicFile(code) })).status).toBe(201);
  void red.pingsInVain('10.59.0.2');
  await until('it to be unloaded', async () => (await logics()).length === 0);
  await until('red to reach blue', async () => !(await red.pingsInVain('10.59.0.2')));
  await until('blue to reach red', async () => !(await blue.pingsInVain('10.59.0.1')));
  await until('red to reach green', async () => !(await red.pingsInVain('10.59.0.3')));
  await until('green to reach blue', async () => !(await green.pingsInVain('10.59.0.2')));
  const { body } = await daemon.api.get<{ ports: PortView[] }>('/v1/ports');
  expect(body.ports.map(({ state }) => state)).toEqual(['up', 'up', 'up']);
});
