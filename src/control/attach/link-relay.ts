/** Hands on what the kernel says of a link; what it says before there is a port to tell is kept. */
import type { LinkState } from './attachment.ts';

export class LinkRelay {
  #early: LinkState | null = null;
  #listener: ((state: LinkState) => void) | null = null;

  tell(state: LinkState): void {
    if (this.#listener) this.#listener(state);
    else this.#early = state;
  }

  /** @returns what was said last before, if anything */
  listen(listener: (state: LinkState) => void): LinkState | null {
    this.#listener = listener;
    return this.#early;
  }
}
