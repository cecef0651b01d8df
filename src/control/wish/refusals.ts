/** Why a configuration is not applied, or only half-way: the errors, in words. */
import { TswitchError } from '../errors.ts';
import type { Action } from './reconcile.ts';
import type { Pending, Wish } from './wish.ts';

/** @param wanted digests, one of which the present document must have; undefined: any will do */
export function refuseOther(wanted: readonly string[] | undefined, digest: string): void {
  if (wanted === undefined || wanted.includes(digest)) return;
  throw new TswitchError(
    'CONFIG_CHANGED',
    'the configuration was changed since it was read: read it again, and put your changes into what it is now',
    { etag: `"${digest}"` },
  );
}

export function refuseWhilePending(pending: Pending | null): void {
  if (!pending) return;
  throw new TswitchError(
    'CONFIRMATION_PENDING',
    `a configuration waits to be confirmed until ${pending.until}: \`tswitch confirm\` keeps it, or wait until it is taken back`,
    { until: pending.until },
  );
}

/** An action that failed half-way. @param index of the last of `actions` that was begun @param left what could not be undone */
export function halfWay(
  actions: readonly Action[],
  index: number,
  previous: Wish,
  error: unknown,
  left: readonly string[],
): TswitchError {
  const action = actions[index]!;
  const remade = namesMadeAnew(actions.slice(0, index + 1), previous);
  const undone =
    left.length > 0
      ? `what was done before was undone, except for: ${left.join('; ')}`
      : remade.length > 0
        ? `everything done before was undone, and nothing is changed; made anew, with their links down for a moment: ${remade.join(', ')}`
        : 'everything done before was undone, and nothing is changed';
  const code = error instanceof TswitchError ? error.code : 'INTERNAL';
  return new TswitchError(
    'CONFIG_FAILED',
    `action ${index + 1} of ${actions.length} failed (${action.text}): ${textOf(error)}; ${undone}`,
    { action: index + 1, actions: actions.length, do: action.do, code, left },
    error,
  );
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Ports that were there before and are not any more: what brings them back makes them anew. */
function namesMadeAnew(done: readonly Action[], previous: Wish): string[] {
  const before = new Set(previous.ports.map(({ name }) => name));
  return done.flatMap((action) => (action.do === 'remove-port' && before.has(action.port) ? [action.port] : []));
}
