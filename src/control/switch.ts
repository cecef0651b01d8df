/**
 * Making a switch: with what an earlier life of the daemon kept, or with a document, or with nothing; and without what dead
 * daemons left behind.
 */
import { knowsUdpSegmentation } from '../ports/open-tap.ts';
import type { Fault } from '../shared/commands.ts';
import { netdevName } from './attach/netdev-name.ts';
import { planBeginning } from './begin.ts';
import { type Log, SILENT } from './log.ts';
import type { SwitchControl } from './model.ts';
import { readBootId } from './plumbing/boot-id.ts';
import { type Mark, Owner, removeLeftovers } from './plumbing/ownership.ts';
import { offloadsOf } from './port-record.ts';
import { Switch } from './running-switch.ts';
import type { Store } from './store/store.ts';
import { chooseTapIo } from './tap-io.ts';
import type { WishRequest } from './wish/wish.ts';

export interface SwitchOptions {
  workers: number;
  /** Told what users of a long-running daemon want to know; never per frame. */
  log?: Log;
  /** For tests: is given what makes a worker throw or hang. */
  giveFault?: (fault: (worker: number, fault: Fault) => Promise<void>) => void;
  /** Where the wish outlives the daemon, and with it the ports; it is closed with the switch. Null: both end with it. */
  store?: Store | null;
  /** What to begin with, in place of what is kept. */
  document?: WishRequest | null;
}

/** @throws TswitchError BAD_REQUEST with all that is wrong with the document, STATE_FULL, STATE_FAILED */
export async function createSwitch(options: SwitchOptions): Promise<SwitchControl> {
  const { workers, log = SILENT, giveFault = null, store = null, document = null } = options;
  const tapIo = chooseTapIo(log);
  const uso = knowsUdpSegmentation();
  const beginning = planBeginning({
    kept: store?.kept ?? null,
    document,
    defaults: { offloads: (kind) => offloadsOf(kind, uso) },
    boot: readBootId(),
    now: Date.now(),
  });
  for (const remark of beginning.remarks) log.warn(remark);
  const { wish } = beginning;
  const owner = new Owner(store?.kept?.instance);
  const made = new Switch({ workers, log, giveFault, store, owner, tapIo, uso, settings: wish.switch });
  try {
    // Only ports that have an own end here: one of a port that is a TAP by now would be in its way for good.
    const paired = wish.ports.filter(({ kind, netdev }) => kind !== 'tap' && netdev === null);
    const wished = new Set(paired.map(({ name }) => name));
    const keeps = (netdev: string, { port }: Mark): boolean => wished.has(port) && netdev === netdevName(port);
    for (const netdev of await removeLeftovers(owner, keeps))
      log.info('removed what a dead daemon left behind', { netdev });
    await made.begin(beginning);
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}
