/** Loaded logics that take memory, of every kind, under traffic: each is unloaded, and frames pass; the daemon goes on. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { heapMibMax } from '../../src/control/heap-limit.ts';
import type { LogicView } from '../../src/control/logic/model.ts';
import { Daemon } from '../support/daemon.ts';
import { makeFolder } from '../support/folder.ts';
import { frame, mac } from '../support/frames.ts';
import { type Host, Lab, until } from '../support/lab.ts';
import type { Wire } from '../support/wire.ts';

const ROUNDS = process.env['TSWITCH_LONG'] ? 5 : 1;
const ETHERTYPE = 0x9999;
/** Those that take more than a GiB by one call. */
const HUGE = ['one huge array', 'a call that cannot be broken off'];
const HUGE_MIB = 3000;

const lab = new Lab();
let daemon: Daemon;
let red: Host;
let blue: Host;
let wire: Wire;
let heard: Wire;

beforeAll(async () => {
  daemon = await Daemon.start(lab, { args: ['--workers', '1'] });
  [red, blue] = [await lab.netns('red', { ipv6: false }), await lab.netns('blue', { ipv6: false })];
  for (const host of [red, blue]) {
    const body = { name: host.name, kind: 'veth', netns: host.name };
    expect((await daemon.api.post('/v1/ports', body)).status).toBe(201);
    await host.connected();
  }
  [wire, heard] = [red.wire(), blue.wire()];
});
afterAll(() => lab.close());

/** What it does with every frame of the test's kind, of which there are ten per second or more; in the contract it does nothing. */
function logicFile(body: string, tick = ''): string {
  const file = join(makeFolder(lab), 'leak.ts');
  writeFileSync(
    file,
    `import { DEFER, defineLogic } from 'tswitch/logic';
let n = 0;
const all: unknown[] = [];
export default defineLogic({
  name: 'leak',
  description: 'takes memory',
  ${tick === '' ? '' : 'tickMs: 100,'}
  create: ({ ports }) => ({
    frame: (frame) => {
      if (ports.handleOf('a') < 0 && frame.etherType === ${ETHERTYPE}) { ${body} }
      return DEFER;
    },
    ${tick === '' ? '' : `tick: () => { if (ports.handleOf('a') < 0) { ${tick} } },`}
  }),
});
`,
  );
  return file;
}

const logics = async (): Promise<LogicView[]> =>
  (await daemon.api.get<{ logics: LogicView[] }>('/v1/logic')).body.logics;

test.each([
  ['arrays, in a loop', 'for (;;) all.push(new Array(1_000_000).fill(n++));'],
  ['small objects, in a loop', 'for (;;) all.push({ a: n++, b: [n] });'],
  ['closures, in a loop', 'for (;;) { const m = n++; all.push(() => m + n); }'],
  ['strings, in a loop', 'for (;;) all.push(("x" + n++).repeat(1000) + n);'],
  ['a map that grows, in a loop', 'const map = new Map(); all.push(map); for (;;) map.set(n++, { n });'],
  ['buffers outside of the heap, in a loop', 'for (;;) all.push(new Uint8Array(1_000_000).fill(n++));'],
  ['shared buffers, in a loop', 'for (;;) all.push(new Uint8Array(new SharedArrayBuffer(1_000_000)).fill(n++));'],
  ['one huge array', 'all.push(new Array(100_000_000).fill(1.5));'],
  ['objects, some with each frame', 'for (let k = 0; k < 100_000; k++) all.push({ n: n++ });'],
  ['buffers, some with each frame', 'all.push(new Uint8Array(20_000_000).fill(1));'],
  ['closures, in a tick', '', 'for (let k = 0; k < 200_000; k++) { const m = n++; all.push(() => m + n); }'],
  ['a call that cannot be broken off', `all.push(JSON.parse('[' + '{},'.repeat(15_000_000) + '1]'));`],
])('%s', async (name, body, tick = '') => {
  // A call that takes more than there may be ends the process.
  if (HUGE.includes(name) && heapMibMax() < HUGE_MIB) return;
  for (let round = 0; round < (HUGE.includes(name) ? 1 : ROUNDS); round++) {
    const file = logicFile(body, tick);
    // Where threads of rounds before work on, a check may take longer than it may.
    await until('it to be loaded', async () => (await daemon.api.post('/v1/logic', { file })).status === 201);
    let isOver = false;
    let sent = 0;
    let lastMs = performance.now();
    let longestMs = 0;
    const traffic = (async () => {
      while (!isOver) {
        wire.send(frame({ src: mac(1), dst: mac(2), etherType: ETHERTYPE }));
        sent++;
        if (heard.captured().length > 0) {
          heard.clear();
          longestMs = Math.max(longestMs, performance.now() - lastMs);
          lastMs = performance.now();
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const beganMs = performance.now();
    await until('it to be unloaded', async () => (await logics()).length === 0);
    const unloadedMs = performance.now() - beganMs;
    const seenMs = lastMs;
    await until('frames to pass', () => lastMs > seenMs);
    isOver = true;
    await traffic;
    console.log(
      `unloaded after ${unloadedMs.toFixed(0)} ms, ${sent} frames; the longest silence ${longestMs.toFixed(0)} ms`,
    );
  }
  expect(daemon.child.exitCode).toBeNull();
});
