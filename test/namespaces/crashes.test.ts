/** SIGKILL at any moment while the API changes things: what was acknowledged is in force afterwards, and nothing half made. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listNetdevs } from '../../src/control/plumbing/netdev.ts';
import { parseMark } from '../../src/control/plumbing/ownership.ts';
import type { Wish } from '../../src/control/wish/wish.ts';
import { Random } from '../model/random.ts';
import { Daemon } from '../support/kept-daemon.ts';
import { type Host, Lab, sleep } from '../support/lab.ts';

const IS_LONG = process.env['TSWITCH_LONG'] === '1';
const KILLS = IS_LONG ? 200 : 20;
const PORTS = 6;
/** A change takes some tens of ms, most of them waiting for other programs. */
const LIFE_MS_MAX = 600;
const SEED = Number(process.env['TSWITCH_SEED'] ?? Date.now() % 1_000_000);

/** What is wished, as far as this test changes it. */
interface Summary {
  ageing: number;
  ports: Record<string, { kind: string; vlan: number }>;
  /** Port by address and VLAN. */
  entries: Record<string, string>;
}

interface Change {
  method: string;
  path: string;
  body?: object;
  after: (before: Summary) => Summary;
}

const lab = new Lab();
let host: Host;
let daemon: Daemon;
beforeEach(async () => {
  host = await lab.netns('crowd');
  daemon = new Daemon(lab);
});
afterEach(() => lab.close());

test(`${KILLS} times: 0 changes lost, 0 half made`, { timeout: 180_000 + KILLS * 10_000 }, async () => {
  const random = new Random(SEED);
  let known: Summary = { ageing: 300, ports: {}, entries: {} };
  let acknowledged = 0;
  await daemon.start();
  for (let kill = 0; kill < KILLS; kill++) {
    const life = { isOver: false };
    const deadline = sleep(random.int(LIFE_MS_MAX)).then(() => {
      life.isOver = true;
      return daemon.kill();
    });
    let underWay: Summary | null = null;
    while (!life.isOver) {
      const change = makeChange(random, known);
      underWay = change.after(known);
      const reply = await daemon.api
        .send(change.method, change.path, change.body && JSON.stringify(change.body))
        .catch(() => null);
      if (!reply) break;
      // What the life before had under way may be in the way still. A change that is refused is not made.
      if (reply.status === 409 || reply.status === 422) {
        underWay = null;
        continue;
      }
      expect(reply.status, reply.text + daemon.log).toBeLessThan(300);
      known = underWay;
      underWay = null;
      acknowledged++;
    }
    await deadline;
    await daemon.start();
    const found = await summary();
    // Whoever was not answered does not know which of the two it is.
    expect(underWay ? [known, underWay] : [known], `TSWITCH_SEED=${SEED}, kill ${kill}`).toContainEqual(found);
    known = found;
    // What was in the way for a moment, such as a TAP of the life before that the kernel still takes down, makes a port late.
    await expect.poll(ownEnds, { message: daemon.log }).toEqual(veths(known));
  }
  console.log(`${KILLS} kills, ${acknowledged} changes acknowledged: none lost, none half made`);
  expect(acknowledged).toBeGreaterThan(0);
});

async function summary(): Promise<Summary> {
  const { body } = await daemon.api.get<Wish>('/v1/config');
  return {
    ageing: body.switch.ageingSeconds,
    ports: Object.fromEntries(body.ports.map(({ name, kind, vlan }) => [name, { kind, vlan: vlan ?? 0 }])),
    entries: Object.fromEntries(body.fdb.map(({ mac, vlan, port }) => [`${mac} ${vlan}`, port])),
  };
}

function veths({ ports }: Summary): string[] {
  return Object.entries(ports).flatMap(([name, { kind }]) => (kind === 'veth' ? [name] : []));
}

/** Ports whose own ends are there. */
function ownEnds(): string[] {
  const { instance } = daemon.kept();
  const marks = listNetdevs(null).map(({ alias }) => parseMark(alias));
  return marks.flatMap((mark) => (mark?.id === instance ? [mark.port] : [])).toSorted();
}

function makeChange(random: Random, { ports }: Summary): Change {
  const number = random.int(PORTS);
  const name = `p${number}`;
  const there = ports[name];
  if (!there) return addPort(number, random.int(2) === 0 ? 'veth' : 'tap');
  const vlan = 1 + random.int(50);
  switch (random.int(6)) {
    case 0:
      return {
        method: 'DELETE',
        path: `/v1/ports/${name}`,
        after: (before) => ({ ...before, ports: without(before.ports, name), entries: notOf(before.entries, name) }),
      };
    case 1:
      return {
        method: 'PATCH',
        path: '/v1/switch',
        body: { ageingSeconds: 10 + vlan },
        after: (before) => ({ ...before, ageing: 10 + vlan }),
      };
    case 2: {
      const mac = `02:00:00:00:01:${String(10 + random.int(20))}`;
      return {
        method: 'POST',
        path: '/v1/fdb',
        body: { mac, vlan: there.vlan, port: name, kind: 'static' },
        after: (before) => ({ ...before, entries: { ...before.entries, [`${mac} ${there.vlan}`]: name } }),
      };
    }
    case 3:
      return replaceAll(random, ports);
    default:
      return {
        method: 'PATCH',
        path: `/v1/ports/${name}`,
        body: { learning: random.int(2) === 0 },
        after: (before) => before,
      };
  }
}

function addPort(number: number, kind: string): Change {
  const name = `p${number}`;
  return {
    method: 'POST',
    path: '/v1/ports',
    body: portOf(name, kind, 1),
    after: (before) => ({ ...before, ports: sorted({ ...before.ports, [name]: { kind, vlan: 1 } }) }),
  };
}

/** Many actions, and one change: half of the ports go, the others come with another VLAN or kind. */
function replaceAll(random: Random, ports: Summary['ports']): Change {
  const wanted: Summary['ports'] = {};
  for (const [name, { kind }] of Object.entries(ports)) {
    if (random.int(2) === 0) wanted[name] = { kind: random.int(3) === 0 ? 'veth' : kind, vlan: 1 + random.int(50) };
  }
  const ageing = 10 + random.int(50);
  const document = {
    switch: { ageingSeconds: ageing },
    ports: Object.entries(wanted).map(([name, { kind, vlan }]) => portOf(name, kind, vlan)),
  };
  return {
    method: 'PUT',
    path: '/v1/config',
    body: document,
    after: () => ({ ageing, ports: wanted, entries: {} }),
  };
}

function portOf(name: string, kind: string, vlan: number): object {
  return { name, kind, netns: host.name, ifname: `e${name}`, vlan };
}

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));
}

function notOf(entries: Record<string, string>, port: string): Record<string, string> {
  return Object.fromEntries(Object.entries(entries).filter(([, at]) => at !== port));
}

function sorted<T>(record: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
