/**
 * What a daemon is told by signals: SIGTERM and SIGINT end it, SIGHUP makes it read again what can be read again. A terminal
 * that is closed sends SIGHUP too, and then it means the end for what runs in it.
 */
import { closeSync, constants, openSync } from 'node:fs';

export class Signals {
  /** Settles with the signal that ends the daemon. */
  readonly end: Promise<NodeJS.Signals>;
  readonly #hadTerminal = hasTerminal();
  #reload: (() => Promise<void>) | null = null;
  #isReloading = false;
  #isReloadWanted = false;

  /** From now on no signal ends the process by itself: nothing may be left behind because someone was impatient. */
  constructor() {
    const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
    this.end = promise;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => resolve(signal));
    process.on('SIGHUP', () => {
      if (this.#hadTerminal && !hasTerminal()) return resolve('SIGHUP');
      this.#isReloadWanted = true;
      void this.#reloadIfWanted();
    });
  }

  /** @param reload is called on SIGHUP, one call after the other, and for one that came before; must not reject */
  onReload(reload: () => Promise<void>): void {
    this.#reload = reload;
    void this.#reloadIfWanted();
  }

  async #reloadIfWanted(): Promise<void> {
    if (this.#isReloading || this.#reload === null) return;
    this.#isReloading = true;
    // One that comes meanwhile may tell of something that was read too early.
    while (this.#isReloadWanted) {
      this.#isReloadWanted = false;
      await this.#reload();
    }
    this.#isReloading = false;
  }
}

/** Whether the process has a controlling terminal that is still there: tty(4). */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', constants.O_RDONLY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}
