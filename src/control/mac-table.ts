/** The FDB as the control plane keeps it: given entries, flushing, ageing, limits, and the events of its changes. */
import { randomInt } from 'node:crypto';
import { type Happening, LEARNED, MOVED } from '../shared/happenings.ts';
import { Fdb, type FdbEntry, KIND_DYNAMIC, KIND_STATIC, KIND_STICKY, TICKS_PER_SECOND } from '../switching/fdb.ts';
import { VID_MAX, VID_MIN } from '../limits.ts';
import { parseMac, parseUnicastMac } from './address-text.ts';
import { TswitchError } from './errors.ts';
import type { EventBus } from './events.ts';
import { entryView, type FdbKey, fdbPage, keyOf, macText, restoreEntries, vlanOf } from './fdb-view.ts';
import type { FdbEntryView, FdbFilter, FdbKind, FdbPage, FdbRequest, FdbUsage, SwitchSettings } from './model.ts';
import type { PortRecord } from './port-record.ts';
import { inTurns } from './turns.ts';
import { carriesVlan } from './views.ts';
import type { WishedEntry } from './wish/wish.ts';

/** Look-ups take aged entries for absent by themselves; sweeping makes room and tells of them. */
const SWEEP_MS = 1000;
/** `fdb.aged` events of one sweep; the others are told as one number. */
const AGED_EVENTS_MAX = 1000;
/** The control plane's number in the table's lock: none of a worker's (1 to WORKERS_MAX). */
const CONTROL_OWNER = 0x7fff;

const KINDS: Record<FdbKind, number> = { dynamic: KIND_DYNAMIC, static: KIND_STATIC, sticky: KIND_STICKY };

export interface MacTableOptions {
  events: EventBus;
  /** FDB ticks. */
  now: () => number;
  settings: SwitchSettings;
  port: (name: string) => PortRecord;
  nameOf: (handle: number) => string;
}

export class MacTable {
  readonly #options: MacTableOptions;
  readonly #sweeper: NodeJS.Timeout;
  /** Keys that were given and may be in the table still: to look these up costs less than a walk through the table. */
  readonly #givenKeys = new Map<string, FdbKey>();
  #fdb: Fdb;
  #isSweeping = false;

  constructor(options: MacTableOptions) {
    this.#options = options;
    this.#fdb = makeFdb(options.settings);
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS).unref();
  }

  get fdb(): Fdb {
    return this.#fdb;
  }

  close(): void {
    clearInterval(this.#sweeper);
  }

  /** @throws TswitchError PORT_NOT_FOUND, or BAD_REQUEST where the cursor is none */
  async list(filter: FdbFilter, page: { limit: number; cursor?: string }): Promise<FdbPage> {
    const { now, nameOf } = this.#options;
    const matches = this.#matcher(filter, filter.kind);
    if (filter.mac === undefined) return fdbPage(this.#fdb, now(), matches, nameOf, page);
    const entries = this.#entriesOf(parseMac(filter.mac, 'mac')).filter(matches);
    return {
      entries: entries.map((entry) => entryView(entry, now(), nameOf)),
      total: entries.length,
      nextCursor: null,
    };
  }

  usage(): FdbUsage {
    const { count: entries, givenCount: given, limit, evictions } = this.#fdb;
    return { entries, given, limit, evictions };
  }

  /**
   * @param options.evenIfIdle also in a VLAN that the port does not carry, where the entry does nothing until it does
   * @throws TswitchError PORT_NOT_FOUND, BAD_REQUEST, or LIMIT_REACHED if the table holds given entries only
   */
  give({ mac, port, vlan: wished, kind }: FdbRequest, { evenIfIdle = false } = {}): FdbEntryView {
    const { now, nameOf } = this.#options;
    const address = parseUnicastMac(mac, 'mac');
    const record = this.#options.port(port);
    const vlan = wished ?? record.settings.vlan;
    if (vlan === null) {
      throw new TswitchError('BAD_REQUEST', `vlan: port ${port} is a trunk without a VLAN of its own: say which VLAN`);
    }
    if (!evenIfIdle && !carriesVlan(record.settings, vlan)) {
      throw new TswitchError('BAD_REQUEST', `vlan: port ${port} does not carry VLAN ${vlan}: add it to the port first`);
    }
    const { high, low } = keyOf(address, vlan);
    if (!this.#fdb.give(high, low, record.handle, KINDS[kind], now())) {
      throw new TswitchError(
        'LIMIT_REACHED',
        `the FDB is full of given entries: remove some, or raise fdbLimit (now ${this.#fdb.limit})`,
      );
    }
    this.#givenKeys.set(`${high} ${low}`, { high, low });
    return entryView({ high, low, handle: record.handle, kind: KINDS[kind], seen: now() }, now(), nameOf);
  }

  /** The entries that were given and have not aged since, in no order. */
  given(): WishedEntry[] {
    const given: WishedEntry[] = [];
    for (const [key, { high, low }] of this.#givenKeys) {
      const entry = this.#fdb.find(high, low, this.#options.now());
      if (!entry || entry.kind === KIND_DYNAMIC) {
        this.#givenKeys.delete(key);
        continue;
      }
      const kind = entry.kind === KIND_STATIC ? 'static' : 'sticky';
      given.push({ mac: macText(high, low), vlan: vlanOf(entry), port: this.#options.nameOf(entry.handle), kind });
    }
    return given;
  }

  /** @throws TswitchError FDB_ENTRY_NOT_FOUND */
  remove(vlan: number, mac: string): void {
    if (!this.forget(vlan, mac)) {
      throw new TswitchError(
        'FDB_ENTRY_NOT_FOUND',
        `the FDB has no entry for ${mac} in VLAN ${vlan}: \`tswitch fdb ls\` shows those there are`,
      );
    }
  }

  /** @returns whether there was such an entry */
  forget(vlan: number, mac: string): boolean {
    const { high, low } = keyOf(parseUnicastMac(mac, 'mac'), vlan);
    return this.#fdb.remove(high, low);
  }

  /** @throws TswitchError PORT_NOT_FOUND */
  async flush(filter: FdbFilter): Promise<number> {
    return inTurns(this.#fdb.removing(this.#matcher(filter, filter.kind ?? 'dynamic')));
  }

  /**
   * Brings the table to changed settings.
   * @returns whether it is another table now, which the workers must be told
   * @throws TswitchError BAD_REQUEST where the given entries would not fit
   */
  async configure(settings: SwitchSettings): Promise<boolean> {
    const isOther = settings.fdbLimit !== this.#fdb.limit;
    const old = this.#fdb;
    if (isOther) {
      const given = old.givenCount;
      if (given > settings.fdbLimit) {
        throw new TswitchError(
          'BAD_REQUEST',
          `fdbLimit: ${given} entries are given (static or sticky) and must fit: remove some first, or take ${given} or more`,
        );
      }
      const fdb = makeFdb(settings);
      await restoreEntries(old, fdb, this.#options.now());
      this.#fdb = fdb;
    } else {
      if (old.ageingTicks !== settings.ageingSeconds * TICKS_PER_SECOND) {
        old.ageingTicks = settings.ageingSeconds * TICKS_PER_SECOND;
        void this.#sweep();
      }
      limitMoves(old, settings);
    }
    return isOther;
  }

  /** Tells of what a worker did to the table, if anybody listens. */
  onHappening(happening: Happening): void {
    const { events, nameOf } = this.#options;
    if (!events.isHeard) return;
    const { handle, other, high, low } = happening;
    const entry = { port: nameOf(handle), mac: macText(high, low), vlan: high >>> 16 };
    if (happening.kind === LEARNED) events.emit('fdb.learned', entry);
    else if (happening.kind === MOVED) events.emit('fdb.moved', { ...entry, from: nameOf(other) });
  }

  /** Tells how many more of these there were than were told, if anybody listens. */
  onSuppressed(count: number): void {
    const { events } = this.#options;
    if (events.isHeard) events.emit('fdb.suppressed', { count });
  }

  async #sweep(): Promise<void> {
    if (this.#isSweeping || this.#fdb.count === 0) return;
    const { events, now, nameOf } = this.#options;
    let aged = 0;
    const steps = this.#fdb.sweeping(now(), (entry) => {
      if (!events.isHeard || ++aged > AGED_EVENTS_MAX) return;
      const mac = macText(entry.high, entry.low);
      events.emit('fdb.aged', { port: nameOf(entry.handle), mac, vlan: vlanOf(entry) });
    });
    this.#isSweeping = true;
    await inTurns(steps).finally(() => (this.#isSweeping = false));
    if (aged > AGED_EVENTS_MAX) events.emit('fdb.suppressed', { count: aged - AGED_EVENTS_MAX });
  }

  /** What is known of the address, in whatever VLAN: a look-up for each costs less than a walk through the table. */
  #entriesOf(mac: string): FdbEntry[] {
    const now = this.#options.now();
    const found: FdbEntry[] = [];
    for (let vlan = VID_MIN; vlan <= VID_MAX; vlan++) {
      const { high, low } = keyOf(mac, vlan);
      const entry = this.#fdb.find(high, low, now);
      if (entry) found.push(entry);
    }
    return found;
  }

  #matcher(filter: FdbFilter, kind: FdbKind | undefined): (entry: FdbEntry) => boolean {
    const handle = filter.port === undefined ? null : this.#options.port(filter.port).handle;
    return (entry) =>
      (kind === undefined || entry.kind === KINDS[kind]) &&
      (handle === null || entry.handle === handle) &&
      (filter.vlan === undefined || vlanOf(entry) === filter.vlan);
  }
}

function makeFdb(settings: SwitchSettings): Fdb {
  const fdb = new Fdb(
    Fdb.allocate({
      limit: settings.fdbLimit,
      ageingTicks: settings.ageingSeconds * TICKS_PER_SECOND,
      seed: randomInt(2 ** 32),
    }),
    CONTROL_OWNER,
  );
  limitMoves(fdb, settings);
  return fdb;
}

function limitMoves(fdb: Fdb, settings: SwitchSettings): void {
  fdb.setMoveLimit(settings.macMoveLimit ?? 0, settings.macMoveHoldSeconds * TICKS_PER_SECOND);
}
