/**
 * The loaded logics: which there are, live, in shadow or kept for a rollback, and the one command that tells all workers. A
 * change is one command with the whole list, which each worker obeys between two batches: so a swap loses no frame, and no
 * frame is decided half by one version and half by another.
 */
import { randomInt } from 'node:crypto';
import { LOGICS_MAX } from '../../limits.ts';
import type { Command } from '../../shared/commands.ts';
import type { LogicLoad, LogicReport } from '../../shared/logic-load.ts';
import { allocateLogicMemory } from '../../switching/logic-setup.ts';
import { freeTableOf } from '../../switching/logic-tables.ts';
import type { ChangeQueue } from '../change-queue.ts';
import { TswitchError } from '../errors.ts';
import type { EventBus } from '../events.ts';
import { faultFields, type Log } from '../log.ts';
import { checkLogic, refuseBroken } from './checker.ts';
import type { LogicControl, LogicDiffView, LogicPatch, LogicRequest, LogicScopeView, LogicView } from './model.ts';
import { Staging } from './staging.ts';
import { LogicVersion } from './version.ts';

export interface LogicsOptions {
  changes: ChangeQueue;
  events: EventBus;
  workers: number;
  command: (command: Command) => Promise<void>;
  nameOf: (handle: number) => string;
  /** @throws TswitchError PORT_NOT_FOUND */
  checkPort: (name: string) => void;
  log: Log;
}

/** All of one name. */
interface Entry {
  scope: LogicScopeView;
  live: LogicVersion | null;
  shadow: LogicVersion | null;
  previous: LogicVersion | null;
}

const NOTHING: Entry = { scope: { ports: [], vlans: [] }, live: null, shadow: null, previous: null };

export class Logics implements LogicControl {
  readonly #options: LogicsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #staging = new Staging();
  #nextId = 1;

  constructor(options: LogicsOptions) {
    this.#options = options;
  }

  /** In the order they are asked. */
  loads(): LogicLoad[] {
    return [...this.#entries.values()].flatMap(({ live, shadow }) =>
      [live, shadow].flatMap((each) => each?.load ?? []),
    );
  }

  list(): LogicView[] {
    return [...this.#entries.keys()].map((name) => this.show(name));
  }

  show(name: string): LogicView {
    const { scope, live, shadow, previous } = this.#get(name);
    const views = { live: live?.view() ?? null, shadow: shadow?.view() ?? null, previous: previous?.view() ?? null };
    return { name, ...scope, ...views };
  }

  diff(name: string): LogicDiffView {
    return this.#inState(name, 'shadow').diff();
  }

  async load({ file, params = {}, shadow = false, ports, vlans }: LogicRequest): Promise<LogicView> {
    const id = this.#nextId++;
    const module = await this.#staging.copy(file, id);
    try {
      const checked = await checkLogic({ module, file, params, isWhole: true, isTimed: false });
      refuseBroken(file, checked);
      const { shape, params: parsed, paramsSchema } = checked;
      await this.#options.changes.run(async () => {
        const before = this.#entries.get(shape.name) ?? NOTHING;
        const scope = this.#scope({ ports: ports ?? before.scope.ports, vlans: vlans ?? before.scope.vlans });
        if (this.loads().length >= LOGICS_MAX) {
          throw new TswitchError('LIMIT_REACHED', `${LOGICS_MAX} logics are loaded: unload one first`);
        }
        const old = shadow ? null : before.live;
        const carried = old && { tables: old.shape.tables, memory: old.load.memory };
        const memory = allocateLogicMemory(shape, this.#options.workers, carried ?? undefined);
        const seed = randomInt(2 ** 31);
        const made = {
          id,
          name: shape.name,
          module,
          file,
          revision: 0,
          params: parsed,
          scope,
          memory,
          isShadow: shadow,
          seed,
        };
        const version = new LogicVersion(made, shape, paramsSchema, params);
        const entry = shadow
          ? { ...before, shadow: version }
          : { ...before, live: version, previous: before.live ?? before.previous };
        await this.#become(shape.name, inScope(entry, scope));
      });
      const state = shadow ? 'shadow' : 'live';
      this.#options.events.emit('logic.loaded', { logic: shape.name, state, file });
      return this.show(shape.name);
    } catch (error) {
      await this.#staging.remove(module);
      throw error;
    }
  }

  async change(name: string, patch: LogicPatch): Promise<LogicView> {
    const state = patch.shadow || this.#get(name).live === null ? 'shadow' : 'live';
    const version = this.#inState(name, state);
    const given = { ...version.given, ...patch.params };
    const { module, file } = version.load;
    const { params } = await checkLogic({ module, file, params: given, isWhole: false, isTimed: false });
    await this.#options.changes.run(async () => {
      const entry = this.#get(name);
      if (entry[state] !== version) throw notFound(`logic ${name} is another one by now: try again`);
      const scope = this.#scope({ ports: patch.ports ?? entry.scope.ports, vlans: patch.vlans ?? entry.scope.vlans });
      version.given = given;
      version.load = { ...version.load, params, revision: version.load.revision + 1 };
      await this.#become(name, inScope(entry, scope));
      this.#options.events.emit('logic.changed', { logic: name, state, params });
    });
    return this.show(name);
  }

  async promote(name: string): Promise<LogicView> {
    await this.#options.changes.run(async () => {
      const entry = this.#get(name);
      const version = this.#inState(name, 'shadow');
      const { live } = entry;
      // Its tables hold what it made in shadow; those that are carried over go on as the live one has them.
      const carried = live && { tables: live.shape.tables, memory: live.load.memory };
      const memory = allocateLogicMemory(version.shape, this.#options.workers, carried ?? undefined);
      version.load = { ...version.load, isShadow: false, memory, revision: version.load.revision + 1 };
      await this.#become(name, { ...entry, live: version, shadow: null, previous: live ?? entry.previous });
      this.#options.events.emit('logic.promoted', { logic: name });
    });
    return this.show(name);
  }

  async rollback(name: string): Promise<LogicView> {
    await this.#options.changes.run(async () => {
      const entry = this.#get(name);
      const { live, previous } = entry;
      if (!previous) throw notFound(`logic ${name} has no version before this one`);
      previous.load = { ...previous.load, scope: entry.scope, revision: previous.load.revision + 1 };
      await this.#become(name, { ...entry, live: previous, previous: live });
      this.#options.events.emit('logic.rolled-back', { logic: name });
    });
    return this.show(name);
  }

  unload(name: string, shadowOnly: boolean): Promise<void> {
    return this.#options.changes.run(async () => {
      const entry = this.#get(name);
      if (shadowOnly) this.#inState(name, 'shadow');
      await this.#become(name, shadowOnly ? { ...entry, shadow: null } : null);
      const state = shadowOnly ? 'shadow' : entry.live ? 'live' : 'shadow';
      this.#options.events.emit('logic.unloaded', { logic: name, state, reason: 'asked for', fault: null });
    });
  }

  /** What a worker tells. */
  onReport(report: LogicReport): void {
    const found = this.#find(report.logic);
    if (!found) return;
    const { name, version, state } = found;
    if ('difference' in report) return version.noteDifference(report.difference, this.#options.nameOf);
    const fault = version.noteFault(report.fault, this.#options.nameOf);
    this.#options.events.emit('logic.fault', { logic: name, state, fault });
    if (report.isSuspended) this.#expel(report.logic, `too many faults, the last: ${fault.message}`, fault);
  }

  /**
   * A worker ended while it was in this logic (0: in none). The logic is gone before the next worker starts.
   * @param reason `hung`, or what it threw
   */
  onWorkerEnded(worker: number, logic: number, reason: string): void {
    for (const { memory } of this.loads()) {
      for (const table of Object.values(memory.tables)) freeTableOf(worker, table);
    }
    if (logic !== 0) this.#expel(logic, `it took worker ${worker} with it: ${reason}`, null);
  }

  async close(): Promise<void> {
    await this.#staging.close();
  }

  /** Takes a logic out at once, and tells the workers as soon as they listen. */
  #expel(id: number, reason: string, fault: object | null): void {
    const found = this.#find(id);
    if (!found) return;
    const { name, state } = found;
    const entry = this.#entries.get(name)!;
    this.#set(name, { ...entry, [state]: null });
    this.#options.log.warn('logic unloaded', { logic: name, state, reason });
    this.#options.events.emit('logic.unloaded', { logic: name, state, reason, fault });
    this.#options.changes
      .run(() => this.#command())
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
    if (entry?.live || entry?.shadow || entry?.previous) this.#entries.set(name, entry);
    else this.#entries.delete(name);
  }

  #command(): Promise<void> {
    return this.#options.command({ do: 'logics', logics: this.loads() });
  }

  #get(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw notFound(`no logic ${name} is loaded: \`tswitch logic ls\` shows those that are`);
    return entry;
  }

  #inState(name: string, state: 'live' | 'shadow'): LogicVersion {
    const version = this.#get(name)[state];
    if (!version) throw notFound(`logic ${name} has no version ${state === 'live' ? 'that is live' : 'in shadow'}`);
    return version;
  }

  #find(id: number): { name: string; version: LogicVersion; state: 'live' | 'shadow' } | null {
    for (const [name, entry] of this.#entries) {
      for (const state of ['live', 'shadow'] as const) {
        const version = entry[state];
        if (version?.load.id === id) return { name, version, state };
      }
    }
    return null;
  }

  #scope({ ports, vlans }: LogicScopeView): LogicScopeView {
    for (const port of ports) this.#options.checkPort(port);
    return { ports: [...ports], vlans: [...vlans] };
  }
}

/** Gives all versions of the entry the scope; those that change by it are made anew. */
function inScope(entry: Entry, scope: LogicScopeView): Entry {
  for (const version of [entry.live, entry.shadow]) {
    if (!version || JSON.stringify(version.load.scope) === JSON.stringify(scope)) continue;
    version.load = { ...version.load, scope, revision: version.load.revision + 1 };
  }
  return { ...entry, scope };
}

function notFound(message: string): TswitchError {
  return new TswitchError('LOGIC_NOT_FOUND', message);
}
