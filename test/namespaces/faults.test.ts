/** Workers throw and hang under traffic: what was on its way still arrives, once and in order, and no port notices. */
import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { SwitchEvent } from '../../src/control/events.ts';
import type { PortKind, SwitchControl } from '../../src/control/model.ts';
import { createSwitch } from '../../src/control/switch.ts';
import type { Fault } from '../../src/shared/commands.ts';
import { frame, mac } from '../support/frames.ts';
import { expectBalance, type Host, ip, Lab, sleep, until } from '../support/lab.ts';
import { NumberedFlows } from '../support/numbered-flows.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
const ROUNDS = IS_LONG ? 50 : 3;
const LIMITS = { timeout: 180_000 + ROUNDS * 2000 };
/** Far fewer frames than a ring holds come while a worker is replaced. */
const PER_SECOND = 3000;
const FLOWS = 16;

const lab = new Lab();
afterEach(() => lab.close());

interface Stage {
  lan: SwitchControl;
  a: Host;
  b: Host;
  fault: (worker: number, fault: Fault) => Promise<void>;
  restarts: SwitchEvent[];
}

async function stage(workers: number, kind: PortKind): Promise<Stage> {
  let fault: Stage['fault'] | undefined;
  const lan = await createSwitch({ workers, giveFault: (given) => (fault = given) });
  lab.defer(() => lan.close());
  const [a, b] = [await lab.netns('a', { ipv6: false }), await lab.netns('b', { ipv6: false })];
  for (const host of [a, b]) await lab.plug(lan, host, kind);
  const restarts: SwitchEvent[] = [];
  lan.events.subscribe((event) => event.event === 'worker.restarted' && restarts.push(event));
  return { lan, a, b, fault: fault!, restarts };
}

/** What the ports are made of: netdevs, and the descriptors of sockets and TAPs. */
async function substance(lan: SwitchControl): Promise<unknown> {
  const links = JSON.parse(await ip('-json', 'link')) as { ifname: string; ifindex: number }[];
  const own = lan.ports().map(({ netdev }) => netdev);
  const descriptors = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [`${fd} ${readlinkSync(`/proc/self/fd/${fd}`)}`];
    } catch {
      // The one that listed the folder.
      return [];
    }
  });
  return {
    netdevs: links.filter(({ ifname }) => own.includes(ifname)).map(({ ifindex }) => ifindex),
    descriptors: descriptors.filter((target) => /socket:|\/dev\/net\/tun/.test(target)),
  };
}

async function startFlows({ a, b, lan }: Stage, perSecond: number): Promise<NumberedFlows> {
  const [from, to] = [a.wire(), b.wire()];
  to.send(frame({ src: mac(2) }));
  await until('the receiver to be known', async () => (await lan.fdb({ port: b.name }, { limit: 10 })).total === 1);
  const flows = new NumberedFlows(from, to, { flows: FLOWS, perSecond, ends: [1, 2] });
  lab.defer(() => flows.abandon());
  return flows;
}

test.each<[number, PortKind]>([
  [1, 'veth'],
  [2, 'veth'],
  [1, 'tap'],
  [2, 'tap'],
  [1, 'xdp'],
  [2, 'xdp'],
])(
  '%i workers, %s: each throws some times: no frame is lost, none comes twice, order holds',
  LIMITS,
  async (workers, kind) => {
    const set = await stage(workers, kind);
    const { lan, fault, restarts } = set;
    const flows = await startFlows(set, PER_SECOND);
    await sleep(200);
    const before = await substance(lan);
    for (let round = 0; round < ROUNDS; round++) {
      for (let worker = 0; worker < workers; worker++) await fault(worker, 'throw');
      // A worker that fails again and again within a second is given a pause, in which a ring would overflow.
      await sleep(IS_LONG ? 1100 : 200);
    }
    const { longestGapMs, ...outcome } = await flows.stop();
    console.log(`${workers} ${kind}, throws: longest gap ${Math.max(...longestGapMs)} ms`);
    expect(outcome).toEqual({ sent: outcome.sent, lost: 0, twice: 0, outOfOrder: 0 });
    expect(restarts).toHaveLength(ROUNDS * workers);
    expect(restarts[0]).toMatchObject({ worker: 0, reason: 'threw', error: 'a fault that was asked for' });
    expect(lan.stats().workers.map((worker) => worker.restarts)).toEqual(Array(workers).fill(ROUNDS));
    expect(await substance(lan)).toEqual(before);
    await expectBalance(lan);
  },
);

test.each([1, 2])(
  '%i workers: one hangs: it is replaced, its flows go on, those of the others never stopped',
  async (workers) => {
    const set = await stage(workers, 'veth');
    const { lan, fault, restarts } = set;
    const flows = await startFlows(set, 800);
    await sleep(300);
    const before = await substance(lan);
    await fault(0, 'hang');
    await sleep(300);
    const { longestGapMs, ...outcome } = await flows.stop();
    const longest = Math.max(...longestGapMs);
    const others = longestGapMs.filter((gap) => gap < longest / 2);
    console.log(
      `${workers} workers, one hangs: its flows stood still for ${longest} ms, others for ${Math.max(0, ...others)} ms`,
    );
    expect(outcome).toEqual({ sent: outcome.sent, lost: 0, twice: 0, outOfOrder: 0 });
    expect(longest).toBeLessThan(3000);
    if (workers > 1) expect(others.length).toBeGreaterThan(0);
    expect(others.length).toBeLessThan(FLOWS);
    expect(restarts).toMatchObject([{ worker: 0, reason: 'hung', error: null }]);
    expect(await substance(lan)).toEqual(before);
    await expectBalance(lan);
  },
);
