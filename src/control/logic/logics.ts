/**
 * The loaded logics: which there are, live, in shadow or kept for a rollback, and the one command that tells all workers. A
 * change is one command with the whole list, which each worker obeys between two batches: so a swap loses no frame, and no
 * frame is decided half by one version and half by another.
 */
import type { Arena } from '../../../native-bindings/arena.ts';
import { LOGICS_MAX } from '../../limits.ts';
import type { Command } from '../../shared/commands.ts';
import type { LogicLoad, LogicReport } from '../../shared/logic-load.ts';
import { freeTableOf } from '../../switching/logic-tables.ts';
import { TswitchError } from '../errors.ts';
import type { EventBus } from '../events.ts';
import { faultFields, type Log } from '../log.ts';
import { textOf } from '../wish/refusals.ts';
import type { WishedLogic } from '../wish/wish.ts';
import {
  differences,
  type Entry,
  findVersion,
  inScope,
  missingOf,
  NOTHING,
  stateOf,
  viewOf,
  wishedOf,
  withMissing,
  withVersion,
} from './entry.ts';
import { LogicMaker } from './maker.ts';
import type {
  LogicControl,
  LogicDiffView,
  LogicPatch,
  LogicRequest,
  LogicScopeView,
  LogicState,
  LogicStats,
  LogicView,
} from './model.ts';
import type { RunRecord } from './run-record.ts';
import type { LogicVersion } from './version.ts';
import { WildWrites } from './wild-writes.ts';

export interface LogicsOptions {
  /** A change of what is wished: alone in its turn, and kept when it is acknowledged. */
  change: <T>(change: () => Promise<T>) => Promise<T>;
  /** One that nobody asked for. */
  followUp: (change: () => Promise<void>) => Promise<void>;
  events: EventBus;
  workers: number;
  command: (command: Command) => Promise<void>;
  /** The workers' memory, one each. */
  arenas: () => readonly Arena[];
  runRecord: RunRecord | null;
  nameOf: (handle: number) => string;
  /** @throws TswitchError PORT_NOT_FOUND */
  checkPort: (name: string) => void;
  log: Log;
}

export class Logics implements LogicControl {
  readonly #options: LogicsOptions;
  readonly #maker: LogicMaker;
  readonly #wildWrites: WildWrites;
  #entries = new Map<string, Entry>();
  #isClosed = false;

  constructor(options: LogicsOptions) {
    this.#options = options;
    this.#maker = new LogicMaker(options.workers, options.runRecord);
    const { arenas, log } = options;
    this.#wildWrites = new WildWrites({ arenas, onFound: (worker) => this.#onWildWrites(worker), log });
  }

  /** In the order they are asked. */
  loads(): LogicLoad[] {
    return this.#versions().map(({ load }) => load);
  }

  /** What is wished, whether it is in force or not, in the order they are asked. */
  wished(): WishedLogic[] {
    return [...this.#entries.values()].flatMap(wishedOf);
  }

  /** Of those that are live. */
  stats(): Record<string, LogicStats> {
    const live = [...this.#entries].flatMap(([name, entry]) =>
      entry.live ? [[name, entry.live.stats()] as const] : [],
    );
    return Object.fromEntries(live);
  }

  list(): LogicView[] {
    return [...this.#entries.keys()].map((name) => this.show(name));
  }

  show(name: string): LogicView {
    return viewOf(name, this.#get(name));
  }

  diff(name: string): LogicDiffView {
    return this.#inState(name, 'shadow').diff();
  }

  /** With what an earlier life of the daemon kept. Frames do not wait for it; what cannot be loaded is told as missing. */
  begin(wished: readonly WishedLogic[]): void {
    for (const each of wished) this.#set(each.name, withMissing(this.#entries.get(each.name) ?? NOTHING, each, null));
    void this.#loadInTurn(wished);
  }

  async load(request: LogicRequest): Promise<LogicView> {
    const { file, shadow = false, ports, vlans } = request;
    const prepared = await this.#maker.prepare(request, { isWhole: true });
    const { name } = prepared.checked.shape;
    try {
      await this.#options.change(async () => {
        const before = this.#entries.get(name) ?? NOTHING;
        const scope = this.#scope({ ports: ports ?? before.scope.ports, vlans: vlans ?? before.scope.vlans });
        if (this.loads().length >= LOGICS_MAX) {
          throw new TswitchError('LIMIT_REACHED', `${LOGICS_MAX} logics are loaded: unload one first`);
        }
        const replaces = shadow ? null : before.live;
        const version = this.#maker.version(prepared, { scope, isShadow: shadow, replaces });
        await this.#become(name, inScope(withVersion(before, version), scope));
      });
    } catch (error) {
      await this.#maker.discard(prepared);
      throw error;
    }
    const { sha256 } = prepared.staged;
    this.#options.runRecord?.loaded({ name, file, sha256, params: prepared.given, shadow });
    this.#options.events.emit('logic.loaded', { logic: name, state: stateOf({ shadow }), file });
    return this.show(name);
  }

  /**
   * Brings all of them to what a document says, as part of a change.
   *
   * @param restoring what was so before is put back: what cannot be loaded is told as missing
   * @throws TswitchError LOGIC_REFUSED
   */
  async become(wished: readonly WishedLogic[], restoring: boolean): Promise<void> {
    const before = this.#entries;
    const entries = new Map<string, Entry>();
    for (const each of wished) {
      const { name, ports, vlans } = each;
      const entry = entries.get(name) ?? { ...NOTHING, previous: before.get(name)?.previous ?? null };
      try {
        if (restoring) this.#assertNotHeld(each);
        const version = await this.#versionFor(each);
        entries.set(name, inScope(withVersion(entry, version), { ports, vlans }));
        this.#options.runRecord?.loaded(each);
      } catch (error) {
        if (!restoring) throw error;
        entries.set(name, withMissing(entry, each, textOf(error)));
      }
    }
    for (const [name, entry] of entries) {
      const old = before.get(name)?.live ?? null;
      if (old !== null && old !== entry.live) entries.set(name, { ...entry, previous: old });
    }
    this.#entries = entries;
    try {
      await this.#command();
    } catch (error) {
      this.#entries = before;
      throw error;
    }
    for (const { name, state, version } of differences(before, entries)) {
      if (version) this.#options.events.emit('logic.loaded', { logic: name, state, file: version.load.file });
      else this.#options.events.emit('logic.unloaded', { logic: name, state, reason: 'asked for', fault: null });
    }
  }

  async change(name: string, patch: LogicPatch): Promise<LogicView> {
    const { live, missing } = this.#get(name);
    const hasLive = live !== null || missing.some(({ wished }) => !wished.shadow);
    const state = patch.shadow || !hasLive ? 'shadow' : 'live';
    const version = this.#inState(name, state);
    const given = { ...version.given, ...patch.params };
    const params = patch.params === undefined ? null : (await this.#maker.recheck(version, given)).params;
    await this.#options.change(async () => {
      const entry = this.#get(name);
      if (entry[state] !== version) throw notFound(`logic ${name} is another one by now: try again`);
      const scope = this.#scope({ ports: patch.ports ?? entry.scope.ports, vlans: patch.vlans ?? entry.scope.vlans });
      const { load: loadBefore, given: givenBefore } = version;
      version.given = given;
      if (params) version.revise({ params });
      try {
        await this.#become(name, inScope(entry, scope));
      } catch (error) {
        version.load = loadBefore;
        version.given = givenBefore;
        throw error;
      }
    });
    this.#options.events.emit('logic.changed', { logic: name, state, params: params ?? version.load.params });
    return this.show(name);
  }

  async promote(name: string): Promise<LogicView> {
    await this.#options.change(async () => {
      const entry = this.#get(name);
      const version = this.#inState(name, 'shadow');
      // Its tables hold what it made in shadow; those that are carried over go on as the live one has them.
      version.revise({ isShadow: false, memory: this.#maker.memoryFor(version.shape, entry.live) });
      await this.#become(name, withVersion({ ...entry, shadow: null }, version));
    });
    this.#options.events.emit('logic.promoted', { logic: name });
    return this.show(name);
  }

  async rollback(name: string): Promise<LogicView> {
    await this.#options.change(async () => {
      const entry = this.#get(name);
      const { live, previous } = entry;
      if (!previous) throw notFound(`logic ${name} has no version before this one`);
      previous.revise({ scope: entry.scope });
      await this.#become(name, { ...withVersion(entry, previous), previous: live });
    });
    this.#options.events.emit('logic.rolled-back', { logic: name });
    return this.show(name);
  }

  async unload(name: string, shadowOnly: boolean): Promise<void> {
    const state = await this.#options.change(async () => {
      const entry = this.#get(name);
      const missing = entry.missing.filter(({ wished }) => !wished.shadow);
      if (shadowOnly && missing.length === entry.missing.length) this.#inState(name, 'shadow');
      await this.#become(name, shadowOnly ? { ...entry, shadow: null, missing } : null);
      return shadowOnly || !entry.live ? 'shadow' : 'live';
    });
    this.#options.runRecord?.unloaded(name, shadowOnly || null);
    this.#options.events.emit('logic.unloaded', { logic: name, state, reason: 'asked for', fault: null });
  }

  /** What a worker tells. */
  onReport(report: LogicReport): void {
    const found = findVersion(this.#entries, report.logic);
    if (!found) return;
    const { name, version, state } = found;
    if ('difference' in report) return version.noteDifference(report.difference, this.#options.nameOf);
    const fault = version.noteFault(report.fault, this.#options.nameOf);
    this.#options.events.emit('logic.fault', { logic: name, state, fault });
    if (!report.isSuspended) return;
    const isOne = fault.kind === 'load' || fault.kind === 'memory';
    this.#expel(report.logic, isOne ? fault.message : `too many faults, the last: ${fault.message}`, fault);
  }

  /**
   * A worker ended while it was in this logic (0: in none). The logic is gone before the next worker starts.
   *
   * @param options.reason `hung`, or what it threw
   * @param options.lacksMemory it ended for want of memory: who took it need not be who asked for more
   */
  onWorkerEnded(
    worker: number,
    logic: number,
    { reason, lacksMemory }: { reason: string; lacksMemory: boolean },
  ): void {
    for (const { memory } of this.loads()) {
      for (const table of Object.values(memory.tables)) freeTableOf(worker, table);
    }
    const culprit = logic === 0 && lacksMemory ? (this.#youngest()?.id ?? 0) : logic;
    if (culprit !== 0) this.#expel(culprit, `it took worker ${worker} with it: ${reason}`, null);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wildWrites.close();
    await this.#maker.close();
    this.#options.runRecord?.close();
  }

  /** Taken for the cause where nobody knows which of several it was. */
  #youngest(): LogicLoad | undefined {
    return this.loads().toSorted((a, b) => b.id - a.id)[0];
  }

  #onWildWrites(worker: number): void {
    const youngest = this.#youngest();
    if (youngest) this.#expel(youngest.id, `worker ${worker} wrote outside of the frames that it was asked for`, null);
  }

  async #loadInTurn(wished: readonly WishedLogic[]): Promise<void> {
    for (const each of wished) {
      if (this.#isClosed) return;
      try {
        await this.#loadKept(each);
      } catch (error) {
        if (this.#isClosed) return;
        this.#tellMissing(each, textOf(error));
      }
    }
  }

  async #loadKept(wished: WishedLogic): Promise<void> {
    const { name, file, shadow } = wished;
    this.#assertNotHeld(wished);
    const prepared = await this.#maker.prepare(wished, { isWhole: true });
    await this.#options.followUp(async () => {
      const entry = this.#entries.get(name);
      // Somebody may have loaded or unloaded it meanwhile.
      if (this.#isClosed || !entry || !missingOf(entry, wished)) return;
      const version = this.#maker.version(prepared, { scope: entry.scope, isShadow: shadow, replaces: null });
      await this.#become(name, withVersion(entry, version));
      this.#options.events.emit('logic.loaded', { logic: name, state: stateOf(wished), file });
    });
  }

  /** @throws TswitchError LOGIC_REFUSED */
  #assertNotHeld(wished: WishedLogic): void {
    const reason = this.#options.runRecord?.whyHeld(wished) ?? null;
    if (reason === null) return;
    const how = `load it with \`tswitch logic load ${wished.file}\` and its parameters if it is right, or forget it with \`tswitch logic unload ${wished.name}\``;
    throw new TswitchError('LOGIC_REFUSED', `${reason}: ${how}`);
  }

  #tellMissing(wished: WishedLogic, reason: string): void {
    const { name, file } = wished;
    const entry = this.#entries.get(name);
    const kept = missingOf(entry, wished);
    if (!entry || !kept) return;
    this.#set(name, withMissing(entry, kept, reason));
    const state = stateOf(wished);
    this.#options.log.error('kept logic is not loaded, and its frames are left to the others', {
      logic: name,
      state,
      reason,
    });
    this.#options.events.emit('logic.missing', { logic: name, state, file, reason });
  }

  /** The one that is as wished already, but for its scope, or a new one. */
  async #versionFor(wished: WishedLogic): Promise<LogicVersion> {
    const { name, ports, vlans, shadow } = wished;
    const { live, shadow: inShadow, previous } = this.#entries.get(name) ?? NOTHING;
    const same = [live, inShadow, previous].find((version) => {
      return version && JSON.stringify({ ...version.wished(), ports, vlans }) === JSON.stringify(wished);
    });
    if (same) return same;
    const prepared = await this.#maker.prepare(wished, { isWhole: false });
    const replaces = shadow ? null : live;
    return this.#maker.version(prepared, { scope: { ports, vlans }, isShadow: shadow, replaces });
  }

  /** Takes a logic out at once, and tells the workers as soon as they listen. */
  #expel(id: number, reason: string, fault: object | null): void {
    const found = findVersion(this.#entries, id);
    if (!found) return;
    const { name, state } = found;
    this.#set(name, { ...this.#get(name), [state]: null });
    this.#options.log.warn('logic unloaded', { logic: name, state, reason });
    this.#options.events.emit('logic.unloaded', { logic: name, state, reason, fault });
    this.#options
      .followUp(() => this.#command())
      .catch((error: unknown) =>
        this.#options.log.error('logic cannot be unloaded', { logic: name, ...faultFields(error) }),
      );
  }

  async #become(name: string, entry: Entry | null): Promise<void> {
    const before = this.#entries.get(name);
    this.#set(name, entry);
    try {
      await this.#command();
    } catch (error) {
      this.#set(name, before ?? null);
      throw error;
    }
  }

  #set(name: string, entry: Entry | null): void {
    const isEmpty = !entry?.live && !entry?.shadow && !entry?.previous && !entry?.missing.length;
    if (entry && !isEmpty) this.#entries.set(name, entry);
    else this.#entries.delete(name);
  }

  #command(): Promise<void> {
    const logics = this.loads();
    if (logics.length > 0) this.#wildWrites.begin();
    this.#options.runRecord?.asks(this.#versions().map((version) => ({ ...version.wished(), id: version.load.id })));
    return this.#options.command({ do: 'logics', logics });
  }

  #versions(): LogicVersion[] {
    return [...this.#entries.values()].flatMap(({ live, shadow }) => [live, shadow].filter((each) => each !== null));
  }

  #get(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw notFound(`no logic ${name} is loaded: \`tswitch logic ls\` shows those that are`);
    return entry;
  }

  #inState(name: string, state: LogicState): LogicVersion {
    const { [state]: version, missing } = this.#get(name);
    if (version) return version;
    const kept = missing.find(({ wished }) => stateOf(wished) === state);
    if (kept) {
      const why = kept.reason === null ? 'is being loaded: try again' : `could not be loaded: ${kept.reason}`;
      throw notFound(`logic ${name} is not in force, as it ${why}`);
    }
    throw notFound(`logic ${name} has no version ${state === 'live' ? 'that is live' : 'in shadow'}`);
  }

  #scope({ ports, vlans }: LogicScopeView): LogicScopeView {
    for (const port of ports) this.#options.checkPort(port);
    return { ports: [...ports], vlans: [...vlans] };
  }
}

function notFound(message: string): TswitchError {
  return new TswitchError('LOGIC_NOT_FOUND', message);
}
