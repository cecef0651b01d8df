/** Changes of the switch, one at a time, in the order they were asked for: whoever changes something sees no other change half made. */
export class ChangeQueue {
  /** The change under way; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();

  /** Gives what `change` gives, and throws what it throws; neither holds up the next change. */
  run<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change);
    this.#last = result.catch(() => {});
    return result;
  }
}
