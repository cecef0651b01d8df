/**
 * What a loaded logic writes outside of its frames: where no ring or buffer is, it hits memory of nobody's (native-bindings/arena.ts),
 * and is found there within a second. What it writes into other frames is not found.
 */
import type { Arena } from '../../../native-bindings/arena.ts';
import { faultFields, type Log } from '../log.ts';

const LOOK_MS = 1000;

export interface WildWritesOptions {
  /** One per worker. */
  arenas: () => readonly Arena[];
  /** Called again each second in which it goes on. */
  onFound: (worker: number) => void;
  log: Log;
}

export class WildWrites {
  readonly #options: WildWritesOptions;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: WildWritesOptions) {
    this.#options = options;
  }

  /** Before the first logic runs. Where the system refuses, it may end the process by such a write: that is said, and it runs. */
  begin(): void {
    if (this.#timer) return;
    const { arenas, log } = this.#options;
    try {
      for (const arena of arenas()) arena.fillGaps();
    } catch (error) {
      log.warn('a logic that writes outside of its frames would end the daemon here', faultFields(error));
    }
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer ?? undefined);
  }

  #look(): void {
    for (const [worker, arena] of this.#options.arenas().entries()) {
      if (arena.takeWildWrites()) this.#options.onFound(worker);
    }
  }
}
