/** Netdevs and namespaces vanish and come back many times: nothing is left over, and how long it takes is measured. */
import { readdirSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { listNetdevs } from '../../src/control/plumbing/netdev.ts';
import { expectBalance, type Host, ip, Lab, until } from '../support/lab.ts';

/** Each is the loss of several ports. */
const ROUNDS = process.env['TSWITCH_LONG'] === '1' ? 200 : 8;
/** Of half of them, far more than it takes, which is tenths of a second: a machine that stands still delays only some. */
const MEDIAN_MS_MAX = 1000;

const lab = new Lab();
afterEach(() => lab.close());

interface Victim {
  host: Host;
  take(): Promise<unknown>;
  giveBack(): Promise<unknown>;
}

const openFiles = (): number => readdirSync('/proc/self/fd').length;
const nothing = (): Promise<void> => Promise.resolve();

function median(values: number[]): number {
  return Math.round(values.toSorted((a, b) => a - b)[values.length >> 1]!);
}

test(`${5 * ROUNDS} losses and returns`, { timeout: 180_000 + ROUNDS * 10_000 }, async () => {
  const lan = await lab.switch();
  const hosts: Host[] = [];
  for (const label of ['a', 'b', 'c', 'd', 'e']) hosts.push(await lab.netns(label));
  const witness = await lab.netns('w');
  const [a, b, c, d, e] = hosts as [Host, Host, Host, Host, Host];
  await lab.plug(lan, a, 'veth', { addresses: ['10.55.0.1/24'] });
  await lab.plug(lan, b, 'tap', { addresses: ['10.55.0.2/24'] });
  await lab.plug(lan, c, 'veth', { addresses: ['10.55.0.3/24'] });
  await lab.plug(lan, d, 'tap', { addresses: ['10.55.0.4/24'] });
  const { netdev } = await lab.plug(lan, e, 'packet');
  await lab.plug(lan, witness, 'veth', { addresses: ['10.55.0.9/24'] });
  for (const host of [a, b]) host.release();

  const deleteNetns = (host: Host) => ip('netns', 'del', host.name);
  const addNetns = (host: Host) => ip('netns', 'add', host.name);
  const deleteFarEnd = (host: Host) => host.run('ip', 'link', 'del', 'eth0');
  const victims: Victim[] = [
    { host: a, take: () => deleteNetns(a), giveBack: () => addNetns(a) },
    { host: b, take: () => deleteNetns(b), giveBack: () => addNetns(b) },
    { host: c, take: () => deleteFarEnd(c), giveBack: nothing },
    { host: d, take: () => deleteFarEnd(d), giveBack: nothing },
    {
      host: e,
      take: () => ip('link', 'del', netdev!),
      giveBack: async () => {
        await ip('link', 'add', netdev!, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', e.name);
        await e.run('ip', 'link', 'set', 'eth0', 'up');
        await ip('link', 'set', netdev!, 'up');
      },
    },
  ];
  /** How often each event came, by event and port. */
  const events = new Map<string, number>();
  lab.defer(
    lan.events.subscribe(({ event, port }) => {
      for (const key of [event, `${event} ${port}`]) events.set(key, (events.get(key) ?? 0) + 1);
    }),
  );
  const times: Record<'lost' | 'back', number[]> = { lost: [], back: [] };
  const netdevs = (): string[] =>
    listNetdevs(null)
      .map(({ name }) => name)
      .toSorted();
  const before = { netdevs: netdevs(), files: 0 };

  for (let round = 0; round < ROUNDS; round++) {
    // One that has been through it once has opened what is opened only once.
    if (round === 1) before.files = openFiles();
    await Promise.all(
      victims.map(async (victim) => {
        const { name } = victim.host;
        const told = (event: string) =>
          until(`${event} of ${name}`, () => events.get(`${event} ${name}`) === round + 1);
        let start = performance.now();
        // While `ip` still runs: the kernel has told by the time it ends.
        const taken = victim.take();
        await until(`${name} to be lost`, () => lan.port(name).state === 'lost');
        times.lost.push(performance.now() - start);
        await told('port.lost');
        await taken;
        await victim.giveBack();
        start = performance.now();
        await told('port.up');
        times.back.push(performance.now() - start);
      }),
    );
  }
  await until('descriptors and netdevs to be as many as before', () => {
    return openFiles() === before.files && isDeepStrictEqual(netdevs(), before.netdevs);
  });
  for (const n of [1, 2, 3, 4]) expect(await witness.pings(`10.55.0.${n}`), `10.55.0.${n}`).toBe(true);
  for (const [what, values] of Object.entries(times)) {
    console.log(`${what} after: median ${median(values)} ms, at most ${Math.round(Math.max(...values))} ms`);
    expect(median(values)).toBeLessThan(MEDIAN_MS_MAX);
  }
  expect(events.get('port.lost')).toBe(victims.length * ROUNDS);
  await expectBalance(lan);
});
