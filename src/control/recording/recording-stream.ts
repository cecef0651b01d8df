/** The sections of a recording on their way to who reads them: the first as it grows, the others once it has ended. */
import { pauseBlocks, type RecordingBuffer } from '../../shared/recording.ts';

const CHUNK_BYTES = 256 * 1024;
const LOOK_MS = 50;
/** A stream is never silent for longer, as connections without a byte are ended. */
const SILENCE_MS_MAX = 15_000;

export class RecordingStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #sections: readonly RecordingBuffer[];
  #section = 0;
  #sent = 0;
  #lastByteMs = performance.now();
  #isComplete = false;
  #isCancelled = false;

  constructor(sections: readonly RecordingBuffer[], onCancel: () => void) {
    this.#sections = sections;
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(controller),
        cancel: () => {
          this.#isCancelled = true;
          onCancel();
        },
      },
      { highWaterMark: 1 },
    );
  }

  /** All sections are as they will be. */
  complete(): void {
    this.#isComplete = true;
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (!this.#isCancelled) {
      const chunk = this.#next();
      if (chunk !== null) {
        this.#lastByteMs = performance.now();
        return controller.enqueue(chunk);
      }
      if (this.#section === this.#sections.length) return controller.close();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS).unref());
    }
  }

  /** Null: there is nothing at the moment. */
  #next(): Uint8Array | null {
    for (; this.#section < this.#sections.length; this.#section++) {
      const isLast = this.#isComplete;
      const { written } = this.#sections[this.#section]!;
      if (this.#sent < written) {
        const from = this.#sent;
        this.#sent = Math.min(written, from + CHUNK_BYTES);
        return this.#sections[this.#section]!.slice(from, this.#sent);
      }
      // All that was sent are whole blocks, so another one fits behind.
      if (!isLast) return performance.now() - this.#lastByteMs > SILENCE_MS_MAX ? pauseBlocks() : null;
      this.#sent = 0;
    }
    return null;
  }
}
