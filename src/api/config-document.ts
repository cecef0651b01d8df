/** A configuration document as it comes from outside: its shape checked, and everything told that is wrong with it. */
import type { z } from '@hono/zod-openapi';
import { SETTINGS_DEFAULT } from '../control/settings.ts';
import { pointer, type Problem, refusalOf } from '../control/wish/problem.ts';
import { documentProblems, type Draft } from '../control/wish/problems.ts';
import type { WholeRequest } from '../networks/config/whole-config.ts';
import { defined } from './schemas/common.ts';
import { config } from './schemas/config.ts';

/** @throws TswitchError BAD_REQUEST with all that is wrong with a document that no switch has seen yet */
export function readDocument(body: unknown): WholeRequest {
  const parsed = config.safeParse(body);
  if (parsed.success) return wishOf(parsed.data);
  const empty = { switch: SETTINGS_DEFAULT, ports: [], fdb: [] };
  throw refusalOf([...parsed.error.issues.map(shapeProblem), ...documentProblems(soundParts(body), empty)]);
}

export function wishOf(document: z.output<typeof config>): WholeRequest {
  const { ports, fdb, networks, logics, switch: settings } = document;
  return {
    ports: ports.map(defined),
    ...(fdb ? { fdb: fdb.map(defined) } : {}),
    ...(settings ? { switch: settingsOf(settings) } : {}),
    ...(logics ? { logics: logics.map(defined) } : {}),
    ...(networks ? { networks: networks.map(networkOf) } : {}),
  };
}

function networkOf({ subnets, ...network }: NonNullable<z.output<typeof config>['networks']>[number]) {
  return { ...defined(network), ...(subnets ? { subnets: subnets.map(defined) } : {}) };
}

function settingsOf({ reservedAddresses, ...patch }: NonNullable<z.output<typeof config>['switch']>) {
  return { ...defined(patch), ...(reservedAddresses ? { reservedAddresses: defined(reservedAddresses) } : {}) };
}

export function shapeProblem(issue: z.core.$ZodIssue): Problem {
  const steps = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  return { path: pointer(...steps), code: 'BAD_REQUEST', message: issue.message };
}

/** What of a document has the right shape, in its place. */
export function soundParts(body: unknown): Draft {
  const { switch: settings, ports, fdb, logics } = config.shape;
  const otherPorts = new Set<string>();
  const soundPorts = itemsOf(body, 'ports').map((item) => {
    const parsed = ports.element.safeParse(item);
    if (parsed.success) return defined(parsed.data);
    const name = field(item, 'name');
    if (typeof name === 'string') otherPorts.add(name);
    return null;
  });
  const soundEntries = itemsOf(body, 'fdb').map((item) => {
    const parsed = fdb.unwrap().element.safeParse(item);
    return parsed.success ? defined(parsed.data) : null;
  });
  const soundLogics = itemsOf(body, 'logics').map((item) => {
    const parsed = logics.unwrap().element.safeParse(item);
    return parsed.success ? defined(parsed.data) : null;
  });
  const parsed = settings.safeParse(field(body, 'switch'));
  const soundSettings = parsed.success ? parsed.data && settingsOf(parsed.data) : null;
  return {
    ports: soundPorts,
    fdb: soundEntries,
    logics: soundLogics,
    otherPorts,
    ...(soundSettings === undefined ? {} : { switch: soundSettings }),
  };
}

function itemsOf(body: unknown, name: string): unknown[] {
  const list = field(body, name);
  return Array.isArray(list) ? list : [];
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
