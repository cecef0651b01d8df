/**
 * The wish and its changes: which generation it is, bringing the switch to another one, as a whole or not at all, and taking
 * one back that nobody confirmed in time. It decides what is done and in which order; the switch does it (hands.ts), and a
 * keeper has it outlive the daemon (keeping.ts).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ChangeQueue } from '../change-queue.ts';
import { TswitchError } from '../errors.ts';
import type { EventBus } from '../events.ts';
import type { Log } from '../log.ts';
import { completeWish, type NormalWish, normalWish } from './complete.ts';
import type { Hands } from './hands.ts';
import { type Keeper, Keeping } from './keeping.ts';
import { type Problem, refusalOf } from './problem.ts';
import { documentProblems, type Draft } from './problems.ts';
import { type Action, reconcile } from './reconcile.ts';
import { halfWay, refuseOther, refuseWhilePending, textOf } from './refusals.ts';
import { type ConfigView, digestOf, type Pending, type Wish, type WishRequest } from './wish.ts';

/** Other turns of the event loop come between so many actions. */
const ACTIONS_PER_TURN = 256;
/** A clock that was set back does not make a confirmation wait for ever. */
const CONFIRM_MS_MAX = 86_400_000;

export interface ApplyOptions {
  dryRun?: boolean;
  /** Take it back after so many seconds unless it is confirmed. */
  confirmWithin?: number;
  /** Digests, one of which the present document must have. */
  ifMatch?: readonly string[];
}

export interface ApplyResult {
  dryRun: boolean;
  actions: Action[];
  /** RFC 3339: when it is taken back unless it is confirmed; null: it is not. */
  confirmUntil: string | null;
  /** Of the document that is now in force. */
  digest: string;
}

export interface ConfigurationOptions {
  changes: ChangeQueue;
  events: EventBus;
  hands: Hands;
  /** Null: the wish ends with the daemon. */
  keeper?: Keeper | null;
  log: Log;
}

export class Configuration {
  readonly #changes: ChangeQueue;
  readonly #events: EventBus;
  readonly #hands: Hands;
  readonly #keeping: Keeping;
  readonly #log: Log;
  #pending: Pending | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor({ changes, events, hands, keeper = null, log }: ConfigurationOptions) {
    this.#changes = changes;
    this.#events = events;
    this.#hands = hands;
    this.#keeping = new Keeping({ keeper, wish: () => hands.wish(), log });
    this.#log = log;
  }

  /**
   * Goes on where an earlier life of the daemon ended, as part of a change: the switch is as wished by now.
   *
   * @throws TswitchError STATE_FULL, STATE_FAILED where something else is wished now than is kept, and that cannot be
   */
  begin({ generation, kept, pending }: { generation: number; kept: Wish | null; pending: Pending | null }): void {
    this.#keeping.begin(generation, kept, pending);
    if (pending) this.#awaitConfirmation(pending);
  }

  get generation(): number {
    return this.#keeping.generation;
  }

  view(): ConfigView {
    return { wish: this.#hands.wish(), generation: this.#keeping.generation, pending: this.#pending };
  }

  /**
   * A change of what is wished: alone in its turn, and acknowledged by what this gives.
   *
   * @throws TswitchError CONFIRMATION_PENDING, STATE_FULL or STATE_FAILED where it could not be kept and is undone, and what
   *   `change` throws
   */
  change<T>(change: () => Promise<T>): Promise<T> {
    return this.#changes.run(async () => {
      refuseWhilePending(this.#pending);
      this.#keeping.assertRoom();
      try {
        const result = await change();
        await this.#keep(null, this.#keeping.kept);
        return result;
      } catch (error) {
        this.#keeping.saveWhatIs(null);
        throw error;
      }
    });
  }

  /**
   * A change that happened by itself, such as a logic that failed and is no longer asked: made whatever waits to be confirmed,
   * and kept as far as that is possible.
   */
  followUp(change: () => Promise<void>): Promise<void> {
    return this.#changes.run(async () => {
      await change();
      this.#keeping.saveWhatIs(this.#pending);
    });
  }

  /** What documentProblems and the machine have against a document whose unsound parts are left out. */
  problems(draft: Draft): Promise<Problem[]> {
    return this.#changes.run(async () => documentProblems(draft, this.#hands.wish()));
  }

  /**
   * Brings the switch to the document, or changes nothing.
   *
   * @throws TswitchError BAD_REQUEST or CONFIG_REFUSED with every problem in `details`, CONFIG_CHANGED, CONFIRMATION_PENDING,
   *   STATE_FULL, STATE_FAILED, or CONFIG_FAILED where an action failed half-way
   */
  apply(request: WishRequest, options: ApplyOptions = {}): Promise<ApplyResult> {
    const { dryRun = false, confirmWithin } = options;
    return this.#changes.run(async () => {
      const previous = this.#hands.wish();
      refuseOther(options.ifMatch, digestOf(previous));
      if (!dryRun) {
        refuseWhilePending(this.#pending);
        this.#keeping.assertRoom();
      }
      const actions = await this.#plan(request, previous);
      if (dryRun || actions.length === 0) {
        return { dryRun, actions, confirmUntil: null, digest: digestOf(previous) };
      }
      await this.#carryOut(actions, previous);
      const pending = confirmWithin === undefined ? null : pendingFor(confirmWithin, previous);
      await this.#keep(pending, previous);
      if (pending) this.#awaitConfirmation(pending);
      const confirmUntil = pending?.until ?? null;
      const { generation } = this.#keeping;
      this.#events.emit('config.applied', { generation, actions: actions.length, confirmUntil });
      return { dryRun, actions, confirmUntil, digest: digestOf(this.#hands.wish()) };
    });
  }

  /** @throws TswitchError NOTHING_TO_CONFIRM, CONFIG_CHANGED, STATE_FULL, STATE_FAILED */
  confirm(options: Pick<ApplyOptions, 'ifMatch'> = {}): Promise<void> {
    return this.#changes.run(async () => {
      if (!this.#pending) {
        throw new TswitchError(
          'NOTHING_TO_CONFIRM',
          'no configuration waits to be confirmed: it was confirmed already, or its time ran out and it was taken back',
        );
      }
      refuseOther(options.ifMatch, digestOf(this.#hands.wish()));
      this.#keeping.save(null);
      this.#settle();
      this.#events.emit('config.confirmed', { generation: this.#keeping.generation });
    });
  }

  /** A document that waits to be confirmed stays as it is. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** @throws TswitchError with every problem */
  async #plan(request: WishRequest, previous: Wish): Promise<Action[]> {
    const problems = documentProblems(request, previous);
    if (problems.length > 0) throw refusalOf(problems);
    const current = normalWish(previous);
    const { logics, ...rest } = request;
    const looked = logics && (await this.#hands.lookAtLogics(logics));
    const known = looked ? { ...rest, logics: looked.logics } : rest;
    const wanted = completeWish(known, previous, this.#hands.defaults);
    const actions = reconcile(current, wanted);
    const names = new Map(wanted.ports.map(({ name }, index) => [name, index]));
    const gone = new Set(actions.flatMap((action) => (action.do === 'remove-port' ? [action.port] : [])));
    const found = await this.#hands.machineProblems(
      actions.flatMap((action) =>
        action.do === 'add-port' ? [{ port: action.request, index: names.get(action.port) ?? 0 }] : [],
      ),
      current.ports.filter(({ name }) => gone.has(name)),
    );
    const all = [...found, ...(looked?.problems ?? [])];
    if (all.length > 0) throw refusalOf(all);
    return actions;
  }

  /** @throws TswitchError CONFIG_FAILED, after everything done was undone */
  async #carryOut(actions: readonly Action[], previous: Wish): Promise<void> {
    for (const [index, action] of actions.entries()) {
      if (index % ACTIONS_PER_TURN === 0) await nextTurn();
      try {
        await this.#act(action, false);
      } catch (error) {
        const left = await this.#restore(normalWish(previous));
        this.#keeping.saveWhatIs(null);
        throw halfWay(actions, index, previous, error, left);
      }
    }
  }

  /** Brings the switch to what it was, as far as it can be. @returns what could not be done, in words */
  async #restore(wanted: NormalWish): Promise<string[]> {
    const left: string[] = [];
    for (const [index, action] of reconcile(normalWish(this.#hands.wish()), wanted).entries()) {
      if (index % ACTIONS_PER_TURN === 0) await nextTurn();
      try {
        await this.#act(action, true);
      } catch (error) {
        left.push(`${action.text}: ${textOf(error)}`);
      }
    }
    return left;
  }

  async #act(action: Action, restoring: boolean): Promise<unknown> {
    const hands = this.#hands;
    switch (action.do) {
      case 'remove-entry':
        return hands.removeEntry(action.entry);
      case 'remove-port':
        return hands.removePort(action.port);
      case 'set-switch':
        return hands.setSwitch(action.patch);
      case 'change-port':
        return hands.changePort(action.port, action.patch, action.createNetns);
      case 'add-port':
        return hands.addPort(action.request, restoring);
      case 'give-entry':
        return hands.giveEntry(action.entry, restoring);
      case 'set-logics':
        return hands.setLogics(action.logics, restoring);
    }
  }

  /** Counts a change that was made and keeps it, before anybody is told of it; one that cannot be kept is undone. */
  async #keep(pending: Pending | null, previous: Wish | null): Promise<void> {
    try {
      this.#keeping.save(pending);
    } catch (error) {
      const left = previous ? await this.#restore(normalWish(previous)) : [];
      for (const reason of left) this.#log.error('part of a change that cannot be kept stays', { reason });
      throw error;
    }
  }

  #awaitConfirmation(pending: Pending): void {
    const leftMs = Math.min(Math.max(Date.parse(pending.until) - Date.now(), 0), CONFIRM_MS_MAX);
    this.#pending = pending;
    this.#timer = setTimeout(() => void this.#takeBack(pending), leftMs).unref();
  }

  #takeBack(pending: Pending): Promise<void> {
    return this.#changes.run(async () => {
      if (this.#pending !== pending) return;
      const left = await this.#restore(normalWish(pending.previous));
      for (const reason of left) this.#log.error('part of a configuration that nobody confirmed stays', { reason });
      this.#settle();
      // Where it cannot be kept, what is kept still says when it is to be taken back: the next start does so.
      this.#keeping.saveInAnyCase(null);
      this.#log.warn('nobody confirmed the configuration in time: the one before is back');
      this.#events.emit('config.rolled-back', { generation: this.#keeping.generation, failed: left });
    });
  }

  #settle(): void {
    this.close();
    this.#pending = null;
  }
}

function pendingFor(seconds: number, previous: Wish): Pending {
  return { until: new Date(Date.now() + seconds * 1000).toISOString(), previous };
}
