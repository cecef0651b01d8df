/**
 * Loop protection: what the switch does by itself when frames go round. Signs of a loop are a storm (more floods than a
 * port's limits allow) and an address that moves to and fro; workers tell of both. On a sign, and only then, a probe is sent
 * out of the ports concerned; if it comes back by another port, one of the two is blocked for a while. Every action is an
 * event with its evidence, and the last ones are kept with the port.
 */
import { FIRST_DROP_COUNTER } from '../shared/board.ts';
import type { Command } from '../shared/commands.ts';
import { HELD, type Happening, LOOP, STORM } from '../shared/happenings.ts';
import { Drop } from '../switching/drop-reasons.ts';
import { FLOOD_BROADCAST, FLOOD_MULTICAST, FLOOD_UNKNOWN } from '../switching/port-table.ts';
import type { EventBus, EventName, SwitchEvent } from './events.ts';
import { macText } from './fdb-view.ts';
import type { LoopBlock, PortSettings, SwitchSettings } from './model.ts';
import type { PortRecord } from './port-record.ts';

const EVENTS_KEPT = 8;
const STORM_CHECK_MS = 1000;
/** Probes sent on one sign, as frames are easily lost in a loop; a storm gives a sign every tick anyway. */
const PROBES_MS = [0, 100, 300];
/** Least time between two series of probes from one port. */
const PROBE_PAUSE_MS = 500;

interface StormClass {
  name: string;
  limit: 'broadcastLimit' | 'multicastLimit' | 'unknownLimit';
  drop: number;
}
const STORM_CLASSES: Readonly<Record<number, StormClass>> = {
  [FLOOD_BROADCAST]: { name: 'broadcast', limit: 'broadcastLimit', drop: Drop.STORM_BROADCAST },
  [FLOOD_MULTICAST]: { name: 'multicast', limit: 'multicastLimit', drop: Drop.STORM_MULTICAST },
  [FLOOD_UNKNOWN]: { name: 'unknown', limit: 'unknownLimit', drop: Drop.STORM_UNKNOWN },
};

interface Storm {
  of: StormClass;
  startedMs: number;
  lastMs: number;
  droppedBefore: number;
}

/** What is known of one port. */
interface Watch {
  blocked: LoopBlock | null;
  unblock: NodeJS.Timeout | null;
  probedMs: number;
  storms: Map<number, Storm>;
  events: SwitchEvent[];
}

export interface ProtectionOptions {
  events: EventBus;
  settings: () => SwitchSettings;
  at: (handle: number) => PortRecord | null;
  byName: (name: string) => PortRecord | null;
  /** What the port counted; see shared/board.ts. */
  row: (record: PortRecord) => Float64Array;
  /** Tells the workers that the port is blocked, or no longer. */
  reconfigure: (record: PortRecord) => void;
  command: (commands: Command[]) => void;
}

export class Protection {
  readonly #options: ProtectionOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #stormCheck: NodeJS.Timeout;
  readonly #unsubscribe: () => void;

  constructor(options: ProtectionOptions) {
    this.#options = options;
    this.#stormCheck = setInterval(() => this.#endStorms(), STORM_CHECK_MS).unref();
    this.#unsubscribe = options.events.observe((event) => this.#onEvent(event));
  }

  close(): void {
    clearInterval(this.#stormCheck);
    this.#unsubscribe();
    for (const { unblock } of this.#watches.values()) if (unblock) clearTimeout(unblock);
  }

  of(name: string): { blocked: LoopBlock | null; protection: SwitchEvent[] } {
    const watch = this.#watches.get(name);
    return { blocked: watch?.blocked ?? null, protection: [...(watch?.events ?? [])] };
  }

  onHappening(happening: Happening): void {
    const record = this.#options.at(happening.handle);
    const other = this.#options.at(happening.other);
    if (!record || !other) return;
    if (happening.kind === STORM) this.#onStorm(record, happening);
    else if (happening.kind === HELD) this.#onHeld(record, other, happening);
    else if (happening.kind === LOOP) this.#onLoop(record, other);
  }

  /** Opens every blocked port: protection was switched off. */
  unblockAll(records: PortRecord[]): void {
    for (const record of records) this.#unblock(record, 'loopProtection was switched off');
  }

  #onStorm(record: PortRecord, happening: Happening): void {
    const watch = this.#watch(record);
    const of = STORM_CLASSES[happening.value]!;
    const vlan = happening.high >>> 16;
    const storm = watch.storms.get(happening.value);
    if (storm) {
      storm.lastMs = performance.now();
    } else {
      const droppedBefore = this.#dropped(record, of);
      const startedMs = performance.now();
      watch.storms.set(happening.value, { of, startedMs, lastMs: startedMs, droppedBefore });
      this.#tell([record], 'storm.started', {
        class: of.name,
        limit: limitOf(record.settings, of),
        vlan,
        mac: macText(happening.high, happening.low),
      });
    }
    this.#suspect(record, vlan);
  }

  #endStorms(): void {
    for (const [name, watch] of this.#watches) {
      for (const [floodClass, storm] of watch.storms) {
        if (performance.now() - storm.lastMs < STORM_CHECK_MS) continue;
        watch.storms.delete(floodClass);
        const record = this.#options.byName(name);
        if (!record) continue;
        this.#tell([record], 'storm.ended', {
          class: storm.of.name,
          limit: limitOf(record.settings, storm.of),
          dropped: this.#dropped(record, storm.of) - storm.droppedBefore,
          seconds: Math.round((storm.lastMs - storm.startedMs) / 100) / 10,
        });
      }
    }
  }

  #onHeld(record: PortRecord, other: PortRecord, { high, low }: Happening): void {
    const { macMoveLimit, macMoveHoldSeconds } = this.#options.settings();
    const vlan = high >>> 16;
    this.#tell([record, other], 'fdb.held', {
      mac: macText(high, low),
      vlan,
      ports: [nameOf(record), nameOf(other)],
      movesPerSecond: macMoveLimit,
      until: inSeconds(macMoveHoldSeconds),
    });
    this.#suspect(record, vlan);
    this.#suspect(other, vlan);
  }

  /** Sends probes out of the port, unless that was done a moment ago. */
  #suspect(record: PortRecord, vlan: number): void {
    const watch = this.#watch(record);
    const nowMs = performance.now();
    if (!this.#options.settings().loopProtection || watch.blocked || nowMs - watch.probedMs < PROBE_PAUSE_MS) return;
    watch.probedMs = nowMs;
    for (const delay of PROBES_MS) {
      setTimeout(() => this.#options.command([{ do: 'probe', handle: record.handle, vlan }]), delay).unref();
    }
  }

  /** A probe sent out of `from` came in by `by`: one of them is blocked, always the same one. */
  #onLoop(by: PortRecord, from: PortRecord): void {
    const { loopProtection, loopHoldSeconds } = this.#options.settings();
    const [record, peer] = by.handle >= from.handle ? [by, from] : [from, by];
    const watch = this.#watch(record);
    if (!loopProtection || watch.blocked || this.#watch(peer).blocked) return;
    const until = inSeconds(loopHoldSeconds);
    watch.blocked = { peer: nameOf(peer), since: inSeconds(0), until };
    record.hasGoneDown = true;
    this.#options.reconfigure(record);
    watch.unblock = setTimeout(() => this.#unblock(record, 'its time is over'), loopHoldSeconds * 1000).unref();
    const evidence = `a probe sent out of ${nameOf(from)} came in by ${nameOf(by)}`;
    this.#tell([record], 'loop.found', { peer: nameOf(peer), evidence, until });
  }

  #unblock(record: PortRecord, reason: string): void {
    const watch = this.#watches.get(nameOf(record));
    if (!watch?.blocked) return;
    if (watch.unblock) clearTimeout(watch.unblock);
    const { peer } = watch.blocked;
    watch.blocked = null;
    watch.unblock = null;
    this.#options.reconfigure(record);
    this.#tell([record], 'loop.cleared', { peer, reason });
  }

  /**
   * A port that goes away takes its story with it. One whose link goes down may be cabled anew; and if the other end of a loop
   * is out, the blocked port may be all that is left of the way there.
   */
  #onEvent({ event, port }: SwitchEvent): void {
    const isRemoved = event === 'port.removed';
    if (port === undefined || !(isRemoved || event === 'port.down' || event === 'port.lost')) return;
    if (isRemoved) this.#forget(port);
    for (const [name, { blocked }] of this.#watches) {
      const record = blocked && this.#options.byName(name);
      if (!record) continue;
      if (name === port) this.#unblock(record, 'its link went down');
      else if (blocked.peer === port) this.#unblock(record, isRemoved ? 'its peer was removed' : 'the link of its peer went down');
    }
  }

  #forget(name: string): void {
    const unblock = this.#watches.get(name)?.unblock;
    if (unblock) clearTimeout(unblock);
    this.#watches.delete(name);
  }

  /** Raises the event for the first port and keeps it with all of them. */
  #tell(records: PortRecord[], event: EventName, data: Record<string, unknown>): void {
    const told = this.#options.events.emit(event, { port: nameOf(records[0]!), ...data });
    for (const record of records) {
      const { events } = this.#watch(record);
      events.push(told);
      if (events.length > EVENTS_KEPT) events.shift();
    }
  }

  #watch(record: PortRecord): Watch {
    const name = nameOf(record);
    let watch = this.#watches.get(name);
    if (!watch) {
      watch = { blocked: null, unblock: null, probedMs: -Infinity, storms: new Map(), events: [] };
      this.#watches.set(name, watch);
    }
    return watch;
  }

  #dropped(record: PortRecord, of: StormClass): number {
    return this.#options.row(record)[FIRST_DROP_COUNTER + of.drop]!;
  }
}

function limitOf(settings: PortSettings, of: StormClass): number | null {
  return settings[of.limit];
}

function nameOf(record: PortRecord): string {
  return record.attachment.identity.name;
}

function inSeconds(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}
