/** What the parts of the networks share: the document of the moment, and the switch that networks are VLANs of. */
import type { Log } from '../control/log.ts';
import type { SwitchControl } from '../control/model.ts';
import type { NetworksDocument, NetworkStore } from './model.ts';

export interface NetworksOptions {
  control: SwitchControl;
  store: NetworkStore;
  log: Log;
}

export class State {
  readonly control: SwitchControl;
  readonly log: Log;
  readonly #store: NetworkStore;
  #document: NetworksDocument;

  constructor(options: NetworksOptions, document: NetworksDocument) {
    this.control = options.control;
    this.log = options.log;
    this.#store = options.store;
    this.#document = document;
  }

  /** Whether networks outlive the daemon. */
  get keeps(): boolean {
    return this.#store.keeps;
  }

  get document(): NetworksDocument {
    return this.#document;
  }

  /** Kept first: what was acknowledged is not lost. */
  async commit(document: NetworksDocument): Promise<void> {
    await this.#store.save(document);
    this.#document = document;
  }

  /** Something that may fail without harm to whoever asked. */
  async attempt(what: string, act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.log.warn('part of a network failed', {
        part: what,
        reason: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
