/**
 * Loop protection: what the switch does by itself when frames go round. Signs of a loop are a storm (more floods than a
 * port's limits allow) and an address that moves to and fro; workers tell of both. On a sign, and only then, loop-guard.ts
 * looks for a loop at the ports concerned, and cuts it. Every action is an event with its evidence, and the last ones are kept
 * with the port.
 */
import { FIRST_DROP_COUNTER } from '../shared/board.ts';
import type { Command } from '../shared/commands.ts';
import { HELD, type Happening, LOOP, STORM } from '../shared/happenings.ts';
import { Drop } from '../switching/drop-reasons.ts';
import { FLOOD_BROADCAST, FLOOD_MULTICAST, FLOOD_UNKNOWN } from '../switching/port-table.ts';
import type { EventBus, EventName, SwitchEvent } from './events.ts';
import { macText } from './fdb-view.ts';
import { inSeconds, LoopGuard, type LoopGuardOptions } from './loop-guard.ts';
import type { LoopBlock, PortSettings, SwitchSettings } from './model.ts';
import { nameOf, type PortRecord } from './port-record.ts';

const EVENTS_KEPT = 8;
const STORM_CHECK_MS = 1000;

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
  readonly #loops: LoopGuard;
  readonly #stormCheck: NodeJS.Timeout;
  readonly #unsubscribe: () => void;

  constructor(options: ProtectionOptions) {
    this.#options = options;
    const { settings, byName, reconfigure, command } = options;
    const tell: LoopGuardOptions['tell'] = (record, event, data) => this.#tell([record], event, data);
    this.#loops = new LoopGuard({ settings, byName, reconfigure, command, tell });
    this.#stormCheck = setInterval(() => this.#endStorms(), STORM_CHECK_MS).unref();
    this.#unsubscribe = options.events.observe((event) => this.#onEvent(event));
  }

  close(): void {
    clearInterval(this.#stormCheck);
    this.#unsubscribe();
    this.#loops.close();
  }

  of(name: string): { blocked: LoopBlock | null; protection: SwitchEvent[] } {
    return { blocked: this.#loops.blocked(name), protection: [...(this.#watches.get(name)?.events ?? [])] };
  }

  onHappening(happening: Happening): void {
    const record = this.#options.at(happening.handle);
    const other = this.#options.at(happening.other);
    if (!record || !other) return;
    if (happening.kind === STORM) this.#onStorm(record, happening);
    else if (happening.kind === HELD) this.#onHeld(record, other, happening);
    else if (happening.kind === LOOP) this.#loops.onProbe(record, other);
  }

  /** Opens every blocked port: protection was switched off. */
  unblockAll(records: PortRecord[]): void {
    this.#loops.unblockAll(records);
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
    this.#loops.suspect(record, vlan);
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
    this.#loops.suspect(record, vlan);
    this.#loops.suspect(other, vlan);
  }

  /** A port that goes away takes its story with it. */
  #onEvent({ event, port }: SwitchEvent): void {
    const isRemoved = event === 'port.removed';
    if (port === undefined || !(isRemoved || event === 'port.down' || event === 'port.lost')) return;
    if (isRemoved) this.#watches.delete(port);
    this.#loops.onGone(port, isRemoved);
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
      watch = { storms: new Map(), events: [] };
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
