/** Ports that come and go for long, and netdevs that vanish and come back: a daemon is afterwards what it was before. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PortView } from '../../src/control/model.ts';
import { listNetdevs } from '../../src/control/plumbing/netdev.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { type Host, ip, Lab, until } from '../support/lab.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
const CYCLES = IS_LONG ? 2000 : 200;
/** Until everything that is made once is made. */
const WARM_UP = IS_LONG ? 200 : 20;
const VANISHINGS = IS_LONG ? 500 : 50;
const MIB = 1024 * 1024;
/** A fresh heap grows for a while yet; what a port takes is some MiB, and would show. */
const GROWTH_MIB_MAX = IS_LONG ? 5 : 64;

const lab = new Lab();
let host: Host;
let daemon: Daemon;
beforeEach(async () => {
  host = await lab.netns('a');
  daemon = new Daemon(lab);
  await daemon.start();
});
afterEach(() => lab.close());

const descriptors = (): number => readdirSync(`/proc/${daemon.pid}/fd`).length;
const residentMib = (): number =>
  (Number(readFileSync(`/proc/${daemon.pid}/statm`, 'utf8').split(' ')[1]) * 4096) / MIB;
const devices = (): string[] =>
  listNetdevs(null)
    .map(({ name }) => name)
    .toSorted();

const CHURN = { timeout: 180_000 + CYCLES * 1000 };
test(`${CYCLES} ports added and removed: descriptors, devices and memory are what they were`, CHURN, async () => {
  const cycle = async (k: number): Promise<void> => {
    const kind = k % 2 === 0 ? 'veth' : 'tap';
    expect((await daemon.api.post('/v1/ports', { name: 'p', kind, netns: host.name })).status).toBe(201);
    expect((await daemon.api.send('DELETE', '/v1/ports/p')).status).toBe(204);
  };
  for (let k = 0; k < WARM_UP; k++) await cycle(k);
  const before = { descriptors: descriptors(), devices: devices(), resident: residentMib() };
  for (let k = 0; k < CYCLES; k++) await cycle(k);
  // One may have been on its way out before.
  await expect.poll(descriptors).toBeLessThanOrEqual(before.descriptors);
  expect(devices()).toEqual(before.devices);
  expect(await host.run('ip', '-brief', 'link')).not.toContain('eth0');
  const growth = residentMib() - before.resident;
  console.log(
    `${CYCLES} ports added and removed: ${growth.toFixed(1)} MiB more resident than ${before.resident.toFixed(1)}`,
  );
  expect(growth).toBeLessThanOrEqual(GROWTH_MIB_MAX);
});

const VANISHING = { timeout: 180_000 + VANISHINGS * 3000 };
test(`${VANISHINGS} netdevs that vanish and come back: the daemon lives, and so do the ports`, VANISHING, async () => {
  const { pid } = daemon;
  for (const kind of ['veth', 'tap']) {
    const request = { name: kind, kind, netns: host.name, ifname: kind };
    expect((await daemon.api.post('/v1/ports', request)).status).toBe(201);
  }
  const port = async (name: string): Promise<PortView> => (await daemon.api.get<PortView>(`/v1/ports/${name}`)).body;
  const { netdev } = await port('veth');
  const index = async (kind: string): Promise<number> => {
    const text = await host.run('ip', '-json', 'link', 'show', kind).catch(() => '[]');
    return (JSON.parse(text) as { ifindex: number }[])[0]?.ifindex ?? 0;
  };
  for (let k = 0; k < VANISHINGS; k++) {
    const kind = k % 2 === 0 ? 'veth' : 'tap';
    const before = await index(kind);
    // From either side of the pair in turn.
    if (k % 4 === 0) await ip('link', 'del', netdev!);
    else await host.run('ip', 'link', 'del', kind);
    await until(`the far end ${k} to be another one`, async () => ![0, before].includes(await index(kind)));
    await until(`port ${k} to be up`, async () => (await port(kind)).state === 'up');
  }
  expect(daemon.pid).toBe(pid);
  expect((await daemon.api.get('/healthz')).status).toBe(200);
});
