/** All versions of one name. An entry is never changed, but exchanged for another one. */
import type { WishedLogic } from '../wish/wish.ts';
import type { LogicScopeView, LogicState, LogicView } from './model.ts';
import type { LogicVersion } from './version.ts';

export interface Entry {
  scope: LogicScopeView;
  live: LogicVersion | null;
  shadow: LogicVersion | null;
  previous: LogicVersion | null;
  /** What is wished and not in force. */
  missing: readonly MissingLogic[];
}

export interface MissingLogic {
  wished: WishedLogic;
  /** Null: it is being loaded. */
  reason: string | null;
}

/** By name, in the order they are asked. */
export type Entries = ReadonlyMap<string, Entry>;

export const NOTHING: Entry = {
  scope: { ports: [], vlans: [] },
  live: null,
  shadow: null,
  previous: null,
  missing: [],
};

const STATES = ['live', 'shadow'] as const;

export function stateOf({ shadow }: Pick<WishedLogic, 'shadow'>): LogicState {
  return shadow ? 'shadow' : 'live';
}

/** The version takes the place of what is live, or in shadow. */
export function withVersion(entry: Entry, version: LogicVersion): Entry {
  const { isShadow } = version.load;
  const missing = entry.missing.filter(({ wished }) => wished.shadow !== isShadow);
  if (isShadow) return { ...entry, missing, shadow: version };
  return { ...entry, missing, live: version, previous: entry.live ?? entry.previous };
}

/** What is wished is not in force, or not yet. */
export function withMissing(entry: Entry, wished: WishedLogic, reason: string | null): Entry {
  const { ports, vlans, shadow } = wished;
  const others = entry.missing.filter((each) => each.wished.shadow !== shadow);
  return inScope({ ...entry, missing: [...others, { wished, reason }] }, { ports, vlans });
}

/** The same as wished, if it is missing still. */
export function missingOf(entry: Entry | undefined, { file, sha256, shadow }: WishedLogic): WishedLogic | null {
  const found = entry?.missing.find(({ wished }) => {
    return wished.file === file && wished.sha256 === sha256 && wished.shadow === shadow;
  });
  return found?.wished ?? null;
}

/** Gives all versions of the entry the scope; those that change by it are made anew. */
export function inScope(entry: Entry, scope: LogicScopeView): Entry {
  for (const version of [entry.live, entry.shadow]) {
    if (!version || JSON.stringify(version.load.scope) === JSON.stringify(scope)) continue;
    version.revise({ scope });
  }
  const missing = entry.missing.map(({ wished, reason }) => ({ wished: { ...wished, ...scope }, reason }));
  return { ...entry, scope, missing };
}

/** What is wished of it, the live one first. */
export function wishedOf({ live, shadow, missing }: Entry): WishedLogic[] {
  const wished = [live, shadow].flatMap((version) => version?.wished() ?? []);
  return [...wished, ...missing.map((each) => each.wished)].toSorted((a, b) => Number(a.shadow) - Number(b.shadow));
}

export function viewOf(name: string, { scope, live, shadow, previous, missing }: Entry): LogicView {
  return {
    name,
    ...scope,
    live: live?.view() ?? null,
    shadow: shadow?.view() ?? null,
    previous: previous?.view() ?? null,
    missing: missing.map(({ wished, reason }) => ({ state: stateOf(wished), file: wished.file, reason })),
  };
}

/** The version that workers know by this id, unless it is asked no more. */
export function findVersion(
  entries: Entries,
  id: number,
): { name: string; state: LogicState; version: LogicVersion } | null {
  for (const [name, entry] of entries) {
    for (const state of STATES) {
      const version = entry[state];
      if (version?.load.id === id) return { name, state, version };
    }
  }
  return null;
}

/** What is asked in place of what was, or no more (null). */
export function differences(
  before: Entries,
  after: Entries,
): { name: string; state: LogicState; version: LogicVersion | null }[] {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return names.flatMap((name) =>
    STATES.flatMap((state) => {
      const version = after.get(name)?.[state] ?? null;
      return version === (before.get(name)?.[state] ?? null) ? [] : [{ name, state, version }];
    }),
  );
}
