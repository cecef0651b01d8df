/**
 * Frames that make their worker throw or hang in the middle of a batch, in real traffic: they cost themselves, or at most the batch
 * that they came in; nothing comes twice or out of order, and the counters add up.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { SwitchEvent } from '../../src/control/events.ts';
import { SILENT } from '../../src/control/log.ts';
import type { PortKind } from '../../src/control/model.ts';
import { readNetdev } from '../../src/control/plumbing/netdev.ts';
import { createSwitch } from '../../src/control/switch.ts';
import { chooseTapIo } from '../../src/control/tap-io.ts';
import { readRow, totals } from '../../src/control/counters.ts';
import { Workers } from '../../src/control/workers.ts';
import { BATCH_FRAMES_MAX } from '../../src/limits.ts';
import { PacketSockets } from '../../src/ports/open-packet.ts';
import { TapSocket } from '../../src/ports/open-tap.ts';
import { Board, Counter, FIRST_DROP_COUNTER } from '../../src/shared/board.ts';
import { type Command, PORT_CONFIG_DEFAULT, type PortResources } from '../../src/shared/commands.ts';
import { Drop } from '../../src/switching/drop-reasons.ts';
import { Fdb, keyHigh, keyLow, KIND_STATIC } from '../../src/switching/fdb.ts';
import { frame, mac, macBytes } from '../support/frames.ts';
import { expectBalance, type Host, ip, Lab, until } from '../support/lab.ts';
import { NumberedFlows } from '../support/numbered-flows.ts';

const PER_SECOND = 3000;
const FLOWS = 16;
/** Frames that pass between two that are poison. */
const PAUSE_FRAMES = 300;
const POISONS = 3;
const POISON = mac(66);

const lab = new Lab();
afterEach(() => lab.close());

function startFlows(from: Host, to: Host): { flows: NumberedFlows; poison: () => void; pause: () => Promise<void> } {
  const [source, target] = [from.wire(), to.wire()];
  const flows = new NumberedFlows(source, target, { flows: FLOWS, perSecond: PER_SECOND, ends: [1, 2] });
  lab.defer(() => flows.abandon());
  return {
    flows,
    // From a host of its own: it is none of the numbered ones.
    poison: () => source.send(frame({ src: mac(3), dst: POISON })),
    async pause() {
      const { sent } = flows;
      await until('frames to pass', () => flows.sent > sent + PAUSE_FRAMES);
    },
  };
}

/** Of a port that workers were told of and never given: what is to leave by it throws. */
const [A, B, PHANTOM] = [0, 1, 2];
const SILENT_PORT = { ...PORT_CONFIG_DEFAULT, floodUnknown: false, floodMulticast: false, floodBroadcast: false };

/** A switch of nothing but workers, their two ports, and the phantom. */
class Bare {
  readonly board: Board;
  readonly workers: Workers;
  readonly ended: unknown[] = [];
  readonly #sockets: { close(): void | Promise<void> }[] = [];
  #snapshot: (worker: number) => Command[] = () => [];

  constructor(count: number) {
    this.board = Board.create(count);
    const memory = Fdb.allocate({ limit: 100, ageingTicks: 3000, seed: 1 });
    const fdb = new Fdb(memory, 99);
    for (const [address, handle] of [[mac(2), B] as const, [POISON, PHANTOM] as const]) {
      const bytes = Uint8Array.from(macBytes(address));
      fdb.give(keyHigh(bytes, 0, PORT_CONFIG_DEFAULT.vlan), keyLow(bytes, 0), handle, KIND_STATIC, 0);
    }
    this.workers = new Workers({
      count,
      board: this.board,
      tapIo: chooseTapIo(SILENT),
      clockStartMs: Number(process.hrtime.bigint()) / 1e6,
      fdb: () => memory,
      snapshot: (worker) => this.#snapshot(worker),
      onRestart: (_, error) => this.ended.push(error),
      onPortFailed: () => {},
      onReadable: () => {},
    });
  }

  async close(): Promise<void> {
    await this.workers.close();
    for (const socket of this.#sockets) await socket.close();
  }

  /** The sockets of a port for each worker. */
  async sockets(kind: 'packet' | 'tap', host: Host, handle: number): Promise<PortResources[]> {
    const { count } = this.workers;
    const all = [...Array(count).keys()];
    if (kind === 'tap') {
      const tap = host.inside(() => TapSocket.open('eth0'));
      this.#sockets.push(tap);
      await host.run('ip', 'link', 'set', 'eth0', 'up');
      await host.connected();
      return all.map((worker) => ({ kind, fd: tap.fd, receives: worker === handle % count }));
    }
    const netdev = lab.netdevName();
    await ip('link', 'add', netdev, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.name);
    await host.run('ip', 'link', 'set', 'eth0', 'up');
    await ip('link', 'set', netdev, 'up');
    await host.connected();
    const options = { bypassQdisc: true, promiscuous: true, shared: count > 1 };
    const { index } = readNetdev(null, netdev)!;
    const opening = all.map(async (worker) => {
      const opened = await PacketSockets.open(index, this.workers.arena(worker), options);
      this.#sockets.push(opened);
      return opened.resources;
    });
    return Promise.all(opening);
  }

  async open(ports: readonly PortResources[][]): Promise<void> {
    this.#snapshot = (worker) => [
      { do: 'switch', config: { forwardReserved: [], busyPollMicros: 200 } },
      ...ports.map((sockets, handle): Command => {
        return { do: 'open', handle, resources: sockets[worker]!, config: PORT_CONFIG_DEFAULT };
      }),
      { do: 'configure', handle: PHANTOM, config: SILENT_PORT },
    ];
    await this.workers.command(this.#snapshot);
  }

  /** Summed over the workers and ports. */
  counts(): Float64Array {
    const rows = [A, B, PHANTOM].map((handle) => readRow(this.board, this.workers.count, handle));
    return rows[0]!.map((_, column) => rows.reduce((sum, row) => sum + row[column]!, 0));
  }

  faults(): number {
    return this.counts()[FIRST_DROP_COUNTER + Drop.WORKER_FAULT]!;
  }
}

test.each<[number, 'packet' | 'tap']>([
  [1, 'packet'],
  [2, 'packet'],
  [1, 'tap'],
  [2, 'tap'],
])('%i workers, %s: a frame that throws while it is sent costs at most its batch', async (count, kind) => {
  const [a, b] = [await lab.netns('a', { ipv6: false }), await lab.netns('b', { ipv6: false })];
  const bare = new Bare(count);
  lab.defer(() => bare.close());
  await bare.open([await bare.sockets(kind, a, A), await bare.sockets(kind, b, B)]);
  const { flows, poison, pause } = startFlows(a, b);
  for (let k = 1; k <= POISONS; k++) {
    await pause();
    poison();
    await until('the worker to throw', () => bare.ended.length === k);
  }
  await pause();
  // Every worker that took over has settled what was left to it.
  await bare.workers.command(() => []);
  const lost = bare.faults() - POISONS;
  const { longestGapMs: _, ...outcome } = await flows.stop(lost);
  console.log(`${count} ${kind}: ${POISONS} frames that throw cost ${lost} others`);
  expect(outcome).toEqual({ sent: outcome.sent, lost, twice: 0, outOfOrder: 0 });
  expect(lost).toBeLessThanOrEqual(POISONS * BATCH_FRAMES_MAX);
  expect(bare.ended).toHaveLength(POISONS);
  expect(bare.counts()[Counter.UNSENT]).toBe(0);
  const { rx, forwarded, flooded, floodCopies, dropped, tx, txDropped } = totals(bare.counts());
  expect([rx, forwarded + floodCopies]).toEqual([forwarded + flooded + dropped, tx + txDropped]);
  expect(rx).toBe(outcome.sent + POISONS);
});

test.each<[number, PortKind]>([
  [1, 'veth'],
  [2, 'veth'],
  [1, 'tap'],
  [2, 'tap'],
  [1, 'xdp'],
])(
  '%i workers, %s: a loaded logic hangs over a frame: its batch is judged without it, and nothing is lost',
  async (count, kind) => {
    const lan = await createSwitch({ workers: count });
    lab.defer(() => lan.close());
    const [a, b] = [await lab.netns('a', { ipv6: false }), await lab.netns('b', { ipv6: false })];
    for (const host of [a, b]) await lab.plug(lan, host, kind);
    const restarts: SwitchEvent[] = [];
    lan.events.subscribe((event) => event.event === 'worker.restarted' && restarts.push(event));
    await lan.addFdb({ mac: mac(2), port: b.name, kind: 'static' });
    await lan.addFdb({ mac: POISON, port: b.name, kind: 'static' });
    await lan.logic.load({ file: hangingLogic() });
    const { flows, poison, pause } = startFlows(a, b);
    await pause();
    poison();
    await until('the worker to be replaced', () => restarts.length === 1);
    await pause();
    await expect.poll(() => lan.logic.list()).toEqual([]);
    const { longestGapMs: _, ...outcome } = await flows.stop();
    expect(outcome).toEqual({ sent: outcome.sent, lost: 0, twice: 0, outOfOrder: 0 });
    expect(lan.stats().drops['WORKER_FAULT'] ?? 0).toBe(0);
    expect(restarts).toMatchObject([{ reason: 'hung' }]);
    expect(lan.stats().totals.rx).toBe(outcome.sent + 1);
    await expectBalance(lan);
  },
);

/** A file with a logic that does not come back from POISON. Where it is checked, there is a port a. */
function hangingLogic(): string {
  const folder = mkdtempSync(join(tmpdir(), `tswt-${process.pid}-logic-`));
  lab.defer(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'hanging.ts');
  const [high, low] = [0x0200, Number.parseInt(POISON.slice(6).replaceAll(':', ''), 16)];
  writeFileSync(
    file,
    `import { DEFER, defineLogic } from 'tswitch/logic';
export default defineLogic({
  name: 'hanging',
  description: 'for a test',
  create: ({ ports }) => ({
    frame: (frame) => {
      while (frame.destinationHigh === ${high} && frame.destinationLow === ${low} && ports.handleOf('a') < 0);
      return DEFER;
    },
  }),
});
`,
  );
  return file;
}
