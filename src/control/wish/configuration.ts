/**
 * The wish and its changes: which generation it is, bringing the switch to another one, as a whole or not at all, and taking
 * one back that nobody confirmed in time. It decides what is done and in which order; the switch does it (hands.ts).
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ChangeQueue } from '../change-queue.ts';
import { TswitchError } from '../errors.ts';
import type { EventBus } from '../events.ts';
import { completeWish, type NormalWish, normalWish } from './complete.ts';
import type { Log } from '../log.ts';
import type { Hands } from './hands.ts';
import { type Problem, refusalOf } from './problem.ts';
import { documentProblems, type Draft } from './problems.ts';
import { type Action, reconcile } from './reconcile.ts';
import { type ConfigView, digestOf, type Pending, type Wish, type WishRequest } from './wish.ts';

/** Other turns of the event loop come between so many actions. */
const ACTIONS_PER_TURN = 256;

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

export class Configuration {
  readonly #changes: ChangeQueue;
  readonly #events: EventBus;
  readonly #hands: Hands;
  readonly #log: Log;
  #generation = 0;
  #pending: Pending | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: { changes: ChangeQueue; events: EventBus; hands: Hands; log: Log }) {
    this.#changes = options.changes;
    this.#events = options.events;
    this.#hands = options.hands;
    this.#log = options.log;
  }

  view(): ConfigView {
    return { wish: this.#hands.wish(), generation: this.#generation, pending: this.#pending };
  }

  /**
   * A change of what is wished: alone in its turn, and acknowledged by what this gives.
   *
   * @throws TswitchError CONFIRMATION_PENDING, and what `change` throws
   */
  change<T>(change: () => Promise<T>): Promise<T> {
    return this.#changes.run(async () => {
      this.#refuseWhilePending();
      const result = await change();
      this.#generation++;
      return result;
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
   *   or CONFIG_FAILED where an action failed half-way
   */
  apply(request: WishRequest, options: ApplyOptions = {}): Promise<ApplyResult> {
    const { dryRun = false, confirmWithin } = options;
    return this.#changes.run(async () => {
      const previous = this.#hands.wish();
      refuseOther(options.ifMatch, digestOf(previous));
      if (!dryRun) this.#refuseWhilePending();
      const actions = await this.#plan(request, previous);
      if (dryRun || actions.length === 0) {
        return { dryRun, actions, confirmUntil: null, digest: digestOf(previous) };
      }
      await this.#carryOut(actions, previous);
      if (confirmWithin !== undefined) this.#await(confirmWithin, previous);
      this.#generation++;
      const confirmUntil = this.#pending?.until ?? null;
      this.#events.emit('config.applied', { generation: this.#generation, actions: actions.length, confirmUntil });
      return { dryRun, actions, confirmUntil, digest: digestOf(this.#hands.wish()) };
    });
  }

  /** @throws TswitchError NOTHING_TO_CONFIRM, CONFIG_CHANGED */
  confirm(options: Pick<ApplyOptions, 'ifMatch'> = {}): Promise<void> {
    return this.#changes.run(async () => {
      if (!this.#pending) {
        throw new TswitchError(
          'NOTHING_TO_CONFIRM',
          'no configuration waits to be confirmed: it was confirmed already, or its time ran out and it was taken back',
        );
      }
      refuseOther(options.ifMatch, digestOf(this.#hands.wish()));
      this.#settle();
      this.#generation++;
      this.#events.emit('config.confirmed', { generation: this.#generation });
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
    const wanted = completeWish(request, previous, this.#hands.defaults);
    const actions = reconcile(current, wanted);
    const names = new Map(wanted.ports.map(({ name }, index) => [name, index]));
    const gone = new Set(actions.flatMap((action) => (action.do === 'remove-port' ? [action.port] : [])));
    const found = await this.#hands.machineProblems(
      actions.flatMap((action) =>
        action.do === 'add-port' ? [{ port: action.request, index: names.get(action.port) ?? 0 }] : [],
      ),
      current.ports.filter(({ name }) => gone.has(name)),
    );
    if (found.length > 0) throw refusalOf(found);
    return actions;
  }

  /** @throws TswitchError CONFIG_FAILED, after everything done was undone */
  async #carryOut(actions: readonly Action[], previous: Wish): Promise<void> {
    for (const [index, action] of actions.entries()) {
      if (index % ACTIONS_PER_TURN === 0) await nextTurn();
      try {
        await this.#act(action, false);
      } catch (error) {
        const remade = namesMadeAnew(actions.slice(0, index + 1), previous);
        const left = await this.#restore(normalWish(previous));
        throw failure(action, index, actions.length, error, remade, left);
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
    }
  }

  #await(seconds: number, previous: Wish): void {
    const pending = { until: new Date(Date.now() + seconds * 1000).toISOString(), previous };
    this.#pending = pending;
    this.#timer = setTimeout(() => void this.#takeBack(pending), seconds * 1000).unref();
  }

  #takeBack(pending: Pending): Promise<void> {
    return this.#changes.run(async () => {
      if (this.#pending !== pending) return;
      const left = await this.#restore(normalWish(pending.previous));
      for (const reason of left) this.#log.error('part of a configuration that nobody confirmed stays', { reason });
      this.#settle();
      this.#generation++;
      this.#log.warn('nobody confirmed the configuration in time: the one before is back');
      this.#events.emit('config.rolled-back', { generation: this.#generation, failed: left });
    });
  }

  #settle(): void {
    this.close();
    this.#pending = null;
  }

  #refuseWhilePending(): void {
    if (!this.#pending) return;
    throw new TswitchError(
      'CONFIRMATION_PENDING',
      `a configuration waits to be confirmed until ${this.#pending.until}: \`tswitch confirm\` keeps it, or wait until it is taken back`,
      { until: this.#pending.until },
    );
  }
}

function refuseOther(wanted: readonly string[] | undefined, digest: string): void {
  if (wanted === undefined || wanted.includes(digest)) return;
  throw new TswitchError(
    'CONFIG_CHANGED',
    'the configuration was changed since it was read: read it again, and put your changes into what it is now',
    { etag: `"${digest}"` },
  );
}

/** Ports that were there before and are not any more: what brings them back makes them anew. */
function namesMadeAnew(done: readonly Action[], previous: Wish): string[] {
  const before = new Set(previous.ports.map(({ name }) => name));
  return done.flatMap((action) => (action.do === 'remove-port' && before.has(action.port) ? [action.port] : []));
}

function failure(
  action: Action,
  index: number,
  count: number,
  error: unknown,
  remade: readonly string[],
  left: readonly string[],
): TswitchError {
  const undone =
    left.length > 0
      ? `what was done before was undone, except for: ${left.join('; ')}`
      : remade.length > 0
        ? `everything done before was undone, and nothing is changed; made anew, with their links down for a moment: ${remade.join(', ')}`
        : 'everything done before was undone, and nothing is changed';
  const code = error instanceof TswitchError ? error.code : 'INTERNAL';
  return new TswitchError(
    'CONFIG_FAILED',
    `action ${index + 1} of ${count} failed (${action.text}): ${textOf(error)}; ${undone}`,
    { action: index + 1, actions: count, do: action.do, code, left },
    error,
  );
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
