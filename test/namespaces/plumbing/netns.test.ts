/** Namespaces: found by every name, pinned, entered and left. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IFF_UP } from '../../../native-bindings/abi/ioctl.ts';
import { ipBatch } from '../../../src/control/plumbing/ip.ts';
import { readNetdev } from '../../../src/control/plumbing/netdev.ts';
import { createNetns, homeInode, inNetns, isHome, resolveNetns } from '../../../src/control/plumbing/netns.ts';
import { until } from '../../support/lab.ts';
import { PREFIX, RED, plumbingUrl, run, runWithout, setStage } from './stage.ts';
import type { Stage } from './stage.ts';

const GONE = `${PREFIX}-gone`;
const directory = mkdtempSync(join(tmpdir(), `${PREFIX}-`));
const PLAIN_FILE = join(directory, 'plain');
const FIFO = join(directory, 'fifo');

let stage: Stage;

beforeAll(async () => {
  writeFileSync(PLAIN_FILE, '');
  await run('mkfifo', [FIFO]);
  stage = await setStage();
});

afterAll(async () => {
  rmSync(directory, { recursive: true });
  await run('ip', ['netns', 'del', GONE]).catch(() => undefined);
  await stage?.close();
});

/** Of a process, or of the calling thread. */
function netnsInode(process: string): number {
  return statSync(`/proc/${process}/ns/net`).ino;
}

test('one namespace by name, path, pid; the own one as host, by pid and by path', async () => {
  const sleeper = spawn('nsenter', [`--net=/run/netns/${RED}`, 'sleep', '60']);
  try {
    await new Promise((resolve) => sleeper.once('spawn', resolve));
    const pid = String(sleeper.pid);
    await until('the process is inside', () => netnsInode(pid) === stage.red.inode);
    for (const spec of [RED, `/run/netns/${RED}`, pid, stage.red.path]) {
      const netns = await resolveNetns(spec);
      expect([spec, netns.inode, netns.spec]).toEqual([spec, stage.red.inode, spec]);
      netns.close();
    }
  } finally {
    sleeper.kill('SIGKILL');
  }
  for (const spec of ['host', String(process.pid), '/proc/self/ns/net']) {
    const netns = await resolveNetns(spec);
    expect([spec, netns.inode, isHome(netns)]).toEqual([spec, homeInode, true]);
    netns.close();
  }
  expect(isHome(stage.red)).toBe(false);
});

test.each<[string, string, RegExp]>([
  [`${PREFIX}-none`, 'NETNS_NOT_FOUND', /ip netns add/],
  ['/nowhere/net', 'NETNS_NOT_FOUND', /check the path/],
  ['4194303999', 'NETNS_NOT_FOUND', /no process 4194303999/],
  ['', 'BAD_REQUEST', /cannot be the name/],
  ['.', 'BAD_REQUEST', /cannot be the name/],
  ['..', 'BAD_REQUEST', /cannot be the name/],
  ['x\0y', 'BAD_REQUEST', /zero byte/],
  ['n'.repeat(256), 'BAD_REQUEST', /1 to 255 bytes/],
  ['some/where', 'BAD_REQUEST', /whole path/],
  [`/${'n'.repeat(300)}`, 'BAD_REQUEST', /ENAMETOOLONG/],
  [PLAIN_FILE, 'BAD_REQUEST', /not a network namespace/],
  // Opening a FIFO would wait for a writer for ever.
  [FIFO, 'BAD_REQUEST', /not a network namespace/],
  ['/proc/self/ns/mnt', 'BAD_REQUEST', /not a network namespace/],
  ['/proc/self/ns/pid', 'BAD_REQUEST', /not a network namespace/],
])('%j is refused: %s, with what to do', async (spec, code, message) => {
  await expect(resolveNetns(spec)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as unknown,
  });
});

test("another process's namespace without the capability for it", async () => {
  const module = plumbingUrl('netns.ts');
  const source = `const { resolveNetns } = await import('${module}');
    await resolveNetns('${process.pid}').catch((error) => console.log(error.code + ' ' + error.message));`;
  expect(await runWithout('-sys_ptrace', source)).toMatch(/^NOT_PERMITTED .*CAP_SYS_PTRACE/);
});

test('a name without a namespace behind it', async () => {
  writeFileSync(`/run/netns/${GONE}`, '');
  try {
    const refusal = { code: 'NETNS_NOT_FOUND', message: expect.stringContaining(`ip netns del ${GONE}`) as unknown };
    await expect(resolveNetns(GONE)).rejects.toMatchObject(refusal);
  } finally {
    rmSync(`/run/netns/${GONE}`);
  }
});

test('stays the same one after its name is gone, and is then entered as before', async () => {
  expect(await createNetns(GONE)).toBe(true);
  expect(await createNetns(GONE)).toBe(false);
  const netns = await resolveNetns(GONE);
  await run('ip', ['netns', 'del', GONE]);
  await expect(resolveNetns(GONE)).rejects.toMatchObject({ code: 'NETNS_NOT_FOUND' });
  await ipBatch(netns, [['link', 'set', 'dev', 'lo', 'up']]);
  expect(readNetdev(netns, 'lo')!.flags & IFF_UP).toBe(IFF_UP);
  netns.close();
  netns.close();
});

test('only names can be created', async () => {
  for (const name of ['host', '123', '/run/netns/x', '', '..', '-all', 'a b', 'a\nb', 'x'.repeat(65)]) {
    await expect(createNetns(name)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  }
});

test('the main thread comes back, also from an error and when nested', () => {
  const where = () => netnsInode('thread-self');
  expect(inNetns(stage.red, () => [where(), inNetns(null, where), inNetns(stage.host, where), where()])).toEqual([
    stage.red.inode,
    homeInode,
    homeInode,
    stage.red.inode,
  ]);
  expect(() =>
    inNetns(stage.red, () => {
      throw new Error('mine');
    }),
  ).toThrow('mine');
  expect(where()).toBe(homeInode);
});
