/**
 * Making a switch: with what an earlier life of the daemon kept, or with a document, or with nothing; and without what dead
 * daemons left behind.
 */
import { knowsUdpSegmentation } from '../ports/open-tap.ts';
import type { Fault } from '../shared/commands.ts';
import { KeptSockets } from './attach/kept-sockets.ts';
import { netdevName } from './attach/netdev-name.ts';
import { type Beginning, planBeginning } from './begin.ts';
import { faultFields, type Log, SILENT } from './log.ts';
import { lookAtLogics } from './logic/look.ts';
import { removeLeftFolders } from './logic/own-folder.ts';
import { RunRecord } from './logic/run-record.ts';
import type { OwnedPort, SwitchControl } from './model.ts';
import { readBootId } from './plumbing/boot-id.ts';
import { type DescriptorHolder, DescriptorStore } from './plumbing/descriptor-store.ts';
import { type Mark, Owner, removeLeftovers } from './plumbing/ownership.ts';
import { offloadsOf } from './port-record.ts';
import { Switch } from './running-switch.ts';
import type { Store } from './store/store.ts';
import { chooseTapIo } from './tap-io.ts';
import { refusalOf } from './wish/problem.ts';
import type { KnownRequest, WishedLogic, WishRequest } from './wish/wish.ts';

/**
 * A daemon that is killed leaves programs running that make netdevs for it (`ip`). They end within moments, on a busy machine
 * within seconds, and what they made by then is looked for again.
 */
const SWEEPS_MS = [1000, 5000, 20_000];

export interface SwitchOptions {
  workers: number;
  /** Told what users of a long-running daemon want to know; never per frame. */
  log?: Log;
  /** For tests: is given what makes a worker throw or hang. */
  giveFault?: (fault: (worker: number, fault: Fault) => Promise<void>) => void;
  /** Where the wish outlives the daemon, and with it the ports; it is closed with the switch. Null: both end with it. */
  store?: Store | null;
  /** Who else may hold what outlives the daemon. */
  holder?: DescriptorHolder | null;
  /** What to begin with, in place of what is kept. */
  document?: WishRequest | null;
  /** Ports that others wish for, and keep: what an earlier life left of them is taken over too. */
  owned?: readonly OwnedPort[];
  /** What of others' kept state had to be set aside, in words for people. */
  notices?: readonly string[];
}

/** @throws TswitchError BAD_REQUEST with all that is wrong with the document, STATE_FULL, STATE_FAILED */
export async function createSwitch(options: SwitchOptions): Promise<SwitchControl> {
  const {
    workers,
    log = SILENT,
    giveFault = null,
    store = null,
    holder = null,
    document = null,
    owned = [],
    notices = [],
  } = options;
  const tapIo = chooseTapIo(log);
  const uso = knowsUdpSegmentation();
  const kept = store?.kept ?? null;
  const boot = readBootId();
  const runRecord = store && new RunRecord(`${store.path}.logics`, { workers, boot, log });
  let beginning: Beginning;
  try {
    beginning = planBeginning({
      kept,
      document: document && (await knownRequest(document, kept?.wish.logics ?? [], runRecord)),
      owned,
      defaults: { offloads: (kind) => offloadsOf(kind, uso) },
      boot,
      now: Date.now(),
    });
  } catch (error) {
    runRecord?.close();
    throw error;
  }
  for (const remark of beginning.remarks) log.warn(remark);
  const { wish } = beginning;
  const owner = new Owner({ id: kept?.instance, stateFile: store?.path ?? null });
  const made = new Switch({
    workers,
    log,
    giveFault,
    store,
    notices,
    owner,
    sockets: new KeptSockets(store && new DescriptorStore(`${store.path}.sockets`, holder, log)),
    runRecord,
    tapIo,
    uso,
    settings: wish.switch,
  });
  try {
    // Only ports that have an own end here: one of a port that is a TAP by now would be in its way for good.
    const paired = beginning.ports.filter(({ request: { kind, netdev } }) => kind !== 'tap' && netdev === null);
    const wished = new Set(paired.map(({ request }) => request.name));
    const keeps = (netdev: string, { port }: Mark): boolean => wished.has(port) && netdev === netdevName(port);
    const awaited = await sweep(owner, keeps, log);
    if (awaited.length > 0) {
      const message =
        'left what a tswitch that has ended may come back for: start it with its --state, or `ip link del`';
      log.info(message, { netdevs: awaited.join(' ') });
    }
    await made.begin(beginning);
    void removeLeftFolders();
    if (store) {
      const isSettled = (netdev: string, mark: Mark): boolean => owner.isOfThisLife(mark) || keeps(netdev, mark);
      for (const ms of SWEEPS_MS) setTimeout(() => void sweep(owner, isSettled, log), ms).unref();
    }
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** @throws TswitchError with what is wrong with its logics */
async function knownRequest(
  { logics, ...rest }: WishRequest,
  kept: readonly WishedLogic[],
  runRecord: RunRecord | null,
): Promise<KnownRequest> {
  if (logics === undefined) return rest;
  const looked = await lookAtLogics(logics, kept, runRecord);
  if (looked.problems.length > 0) throw refusalOf(looked.problems);
  return { ...rest, logics: looked.logics };
}

/** @returns what was left in place for other daemons to come back */
async function sweep(owner: Owner, keeps: (netdev: string, mark: Mark) => boolean, log: Log): Promise<string[]> {
  try {
    const { removed, awaited } = await removeLeftovers(owner, keeps);
    for (const netdev of removed) log.info('removed what a dead daemon left behind', { netdev });
    return awaited;
  } catch (error) {
    log.error('cannot remove what a dead daemon left behind', faultFields(error));
    return [];
  }
}
