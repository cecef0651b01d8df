/** A host sprays source addresses at full speed: the table keeps its limits, and who is there already stays known and served. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SwitchControl } from '../../src/control/model.ts';
import { Blaster, type BlastTask } from '../support/blaster.ts';
import { Bystander, told } from '../support/bystander.ts';
import { mac } from '../support/frames.ts';
import { expectBalance, type Host, Lab, sleep, until } from '../support/lab.ts';
import { expectServed } from '../support/served.ts';

const FRAMES = process.env['TSWITCH_LONG'] === '1' ? 10_000_000 : 1_000_000;
const MORE_FRAMES = 20_000;
const BLAST_SECONDS = 60;
const PER_SECOND = 5000;
const POLL_MS = 20;
/** A listing is made while the table moves on: an address that is given up meanwhile may be counted beside its successor. */
const READ_SLACK = 1.02;

const lab = new Lab();
afterEach(() => lab.close());

let lan: SwitchControl;
let a: Host;
let b: Host;
let sprayer: Host;
let bystander: Bystander;

beforeEach(async () => {
  lan = await lab.switch();
  a = await lab.netns('a', { ipv6: false });
  b = await lab.netns('b', { ipv6: false });
  sprayer = await lab.netns('c', { ipv6: false });
  for (const host of [a, b, sprayer]) await lab.plug(lan, host, 'veth');
  const task = { from: a.path, to: b.path, src: mac(1), dst: mac(2), perSecond: PER_SECOND };
  bystander = await Bystander.start(task);
  lab.defer(() => bystander.abandon());
  await until('both ends to be known', async () => (await entries(a)) === 1 && (await entries(b)) === 1);
});

async function entries(host?: Host): Promise<number> {
  return (await lan.fdb(host ? { port: host.name } : {}, { limit: 1 })).total;
}

function blast(task: Pick<BlastTask, 'frames' | 'destination' | 'firstSource'>): Blaster {
  const blaster = new Blaster({ ...task, netns: sprayer.path, seconds: BLAST_SECONDS });
  lab.defer(() => blaster.abandon());
  return blaster;
}

/** Sprays, and expects of every moment what is true of the end. @param limit addresses that the sprayer may have learned */
async function spray(destination: string | null, limit: number): Promise<void> {
  const blaster = blast({ frames: FRAMES, destination, firstSource: 0 });
  let isDone = false;
  const done = blaster.done.finally(() => (isDone = true));
  done.catch(() => {});
  const startMs = performance.now();
  const { rss } = process.memoryUsage();
  let most = 0;
  let polls = 0;
  while (!isDone) {
    const [all, sprayed] = [await entries(), await entries(sprayer)];
    most = Math.max(most, sprayed);
    expect(all).toBeLessThanOrEqual(lan.settings().fdbLimit * READ_SLACK);
    expect(sprayed).toBeLessThanOrEqual(limit * READ_SLACK);
    expect([await entries(a), await entries(b)]).toEqual([1, 1]);
    polls++;
    await sleep(POLL_MS);
  }
  const sent = await done;
  const seconds = (performance.now() - startMs) / 1000;
  const outcome = await bystander.stop();
  const { rx } = lan.port(sprayer.name).stats;
  const growth = (process.memoryUsage().rss - rss) / 2 ** 20;
  const takenPercent = ((rx.frames / sent) * 100).toFixed(0);
  console.log(
    `${sent} sources in ${seconds.toFixed(1)} s, ${takenPercent} % taken, at most ${most} known (${polls} polls), ` +
      `resident memory +${growth.toFixed(0)} MiB; ${told(outcome)}`,
  );
  expect(sent).toBe(FRAMES);
  expectServed(outcome);
  expect(outcome.outOfOrder).toBe(0);
  expect(await entries()).toBeLessThanOrEqual(lan.settings().fdbLimit);
  expect(await entries(sprayer)).toBeLessThanOrEqual(limit);
  expect((await lan.fdb({ port: a.name }, { limit: 10 })).entries).toMatchObject([{ mac: mac(1) }]);
  expect((await lan.fdb({ port: b.name }, { limit: 10 })).entries).toMatchObject([{ mac: mac(2) }]);
  expect(lan.stats().workers.map(({ restarts }) => restarts)).toEqual([0]);
  await expectBalance(lan);
}

test(`${FRAMES} sources to a host that is known`, { timeout: 240_000 }, async () => {
  const { fdbLimit } = lan.settings();
  await spray(mac(2), fdbLimit - 2);
  // Of what comes faster than the switch takes it, a ring keeps only some: more, until the table is full.
  for (let firstSource = FRAMES; (await entries()) < fdbLimit; firstSource += MORE_FRAMES) {
    await blast({ frames: MORE_FRAMES, destination: mac(2), firstSource }).done;
    await expectBalance(lan);
  }
  expect(await entries()).toBe(fdbLimit);
});

test(`${FRAMES} sources to as many unknown hosts: unknownLimit bounds the floods`, { timeout: 240_000 }, async () => {
  const startMs = performance.now();
  const { unknownLimit } = await lan.patchPort(sprayer.name, { unknownLimit: 10_000 });
  await spray(null, lan.settings().fdbLimit - 2);
  const seconds = (performance.now() - startMs) / 1000;
  const { flooded } = lan.stats().totals;
  const { drops } = lan.port(sprayer.name).stats;
  console.log(`flooded ${flooded}, dropped ${JSON.stringify(drops)}`);
  // Two floods announced the bystander, and what arrives in one second may be flooded at once.
  expect(flooded).toBeLessThanOrEqual(unknownLimit! * (seconds + 1) + 2);
  expect(drops['STORM_UNKNOWN']).toBeGreaterThan(0);
});

test('a fdbLimit of the port: of its sources, so many are known and no more', { timeout: 240_000 }, async () => {
  await lan.patchPort(sprayer.name, { fdbLimit: 100 });
  await spray(mac(2), 100);
  expect(await entries(sprayer)).toBe(100);
});
