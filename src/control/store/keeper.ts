/** The store as keeper of the wish: with it is kept what the daemon's next life needs to find its ports again. */
import type { EventBus } from '../events.ts';
import type { StateView } from '../model.ts';
import { readBootId } from '../plumbing/boot-id.ts';
import type { Ports } from '../ports.ts';
import type { Keeper } from '../wish/keeping.ts';
import { textOf } from '../wish/refusals.ts';
import type { Store } from './store.ts';

export interface KeeperOptions {
  instance: string;
  ports: Pick<Ports, 'namespaces' | 'keepAll'>;
  events: EventBus;
}

export function keeperOf(store: Store, { instance, ports, events }: KeeperOptions): Keeper {
  const boot = readBootId();
  return {
    assertRoom: () => store.assertRoom(),
    save(state) {
      const noticed = store.notices.length;
      try {
        store.save({ ...state, instance, boot, time: new Date().toISOString(), namespaces: ports.namespaces() });
      } catch (error) {
        events.emit('state.failed', { reason: textOf(error) });
        throw error;
      } finally {
        for (const notice of store.notices.slice(noticed)) events.emit('state.damaged', { notice });
      }
      // Not before: a TAP that outlives a daemon which does not know of it would be nobody's.
      ports.keepAll();
    },
  };
}

/**
 * @param store null: nothing is kept
 * @param notices what had to be set aside
 */
export function stateView(store: Store | null, notices: readonly string[], generation: number): StateView {
  const unkept = store?.problem ?? null;
  const problems = [...notices, ...(unkept === null ? [] : [unkept])];
  return { file: store?.path ?? null, generation, problems };
}
