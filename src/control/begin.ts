/**
 * What a daemon begins with. A document it is given wins over what an earlier life kept, as a whole; what is kept wins over
 * nothing. A document that nobody confirmed in time, while no daemon ran, gives way to the one before.
 */
import { randomBytes } from 'node:crypto';
import { randomMac } from './attach/netdev-name.ts';
import { afterReboot, type NetnsMemory } from './attach/netns-memory.ts';
import { TswitchError } from './errors.ts';
import { SETTINGS_DEFAULT } from './settings.ts';
import { PORTS_MAX } from '../limits.ts';
import type { OwnedPort } from './model.ts';
import { normalizePortRequest } from './port-request.ts';
import type { BeginningPort } from './ports.ts';
import type { Kept } from './store/kept.ts';
import { completeWish, type MachineDefaults, type NormalWish } from './wish/complete.ts';
import { refusalOf } from './wish/problem.ts';
import { documentProblems } from './wish/problems.ts';
import type { KnownRequest, Pending, Wish } from './wish/wish.ts';

export interface Beginning {
  wish: NormalWish;
  generation: number;
  /** What is kept; null: it has to be kept anew. */
  kept: Wish | null;
  pending: Pending | null;
  /** Those that are wished, and owners' ones. */
  ports: BeginningPort[];
  /** What the log should say of it. */
  remarks: string[];
}

export interface BeginningOptions {
  kept: Kept | null;
  document: KnownRequest | null;
  /** Ports that others wish for. */
  owned: readonly OwnedPort[];
  defaults: Pick<MachineDefaults, 'offloads'>;
  /** The kernel's run. */
  boot: string;
  /** ms since 1970. */
  now: number;
}

const NOTHING: Wish = { switch: SETTINGS_DEFAULT, ports: [], fdb: [] };

/** @throws TswitchError BAD_REQUEST with everything that is wrong with the document, STATE_FAILED for kept state that means nothing */
export function planBeginning({ kept, document, owned, defaults, boot, now }: BeginningOptions): Beginning {
  const remarks: string[] = [];
  const machine = { ...defaults, mtu: () => undefined };
  let pending = kept?.pending ?? null;
  let wished = asRequest(kept?.wish ?? NOTHING);
  if (pending && Date.parse(pending.until) <= now) {
    remarks.push('nobody confirmed the configuration in time: the one before is back');
    wished = asRequest(pending.previous);
    pending = null;
  }
  if (document) {
    // An entry that is given already may stand in a VLAN that its port does not carry.
    const problems = documentProblems(document, kept?.wish ?? NOTHING);
    if (problems.length > 0) throw refusalOf(problems);
    wished = document;
    pending = null;
  }
  const wish = withMacs(complete(wished, kept?.wish ?? NOTHING, machine));
  const namespaces = new Map(kept ? knownNamespaces(kept, boot) : []);
  return {
    wish,
    generation: kept?.generation ?? 0,
    kept: kept && kept.boot === boot && kept.pending === pending ? kept.wish : null,
    pending,
    ports: [
      ...wish.ports.map((request): BeginningPort => {
        const memory = namespaces.get(request.name);
        const remembered = memory && memory.spec === request.netns ? memory : null;
        return { request, remembered, wishedBy: 'configuration' };
      }),
      ...besides(wish, owned),
    ],
    remarks,
  };
}

/** What a wish does not have is not wished; what a document leaves out may stay. */
function asRequest({ logics = [], ...wish }: Wish): KnownRequest {
  return { ...wish, logics };
}

function complete(wished: KnownRequest, before: Wish, defaults: MachineDefaults): NormalWish {
  try {
    return completeWish(wished, before, defaults);
  } catch (error) {
    if (!(error instanceof TswitchError)) throw error;
    throw new TswitchError(
      'STATE_FAILED',
      `the kept state holds what this version does not take (${error.message}): begin with --config FILE, or put a back-up in its place`,
      undefined,
      error,
    );
  }
}

/** Owners' ports whose names are free. Of those that have no place their owners are told when they ask for them. */
function besides({ ports }: NormalWish, owned: readonly OwnedPort[]): BeginningPort[] {
  const names = new Set(ports.map(({ name }) => name));
  return owned
    .filter(({ request: { name } }) => !names.has(name))
    .slice(0, Math.max(0, PORTS_MAX - ports.length))
    .map(({ request, remembered }) => ({ request: normalizePortRequest(request), remembered, wishedBy: 'owner' }));
}

/** A port has its address also while it is lost. */
function withMacs(wish: NormalWish): NormalWish {
  const ports = wish.ports.map((port) => {
    return port.netns !== null && port.mac === null ? { ...port, mac: randomMac(randomBytes) } : port;
  });
  return { ...wish, ports };
}

function knownNamespaces(kept: Kept, boot: string): [string, NetnsMemory][] {
  if (kept.boot === boot) return kept.namespaces;
  return kept.namespaces.flatMap(([port, memory]) => {
    const left = afterReboot(memory);
    return left ? [[port, left] as [string, NetnsMemory]] : [];
  });
}
