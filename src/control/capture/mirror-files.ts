/**
 * Mirrors to files: each file is an output, and each port that is mirrored into it a sink. Several ports may share a file. A
 * file that cannot be written any more stays so until the mirror is set anew.
 */
import { TswitchError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { PortMirror } from '../model.ts';
import type { CaptureHub } from './capture-hub.ts';
import { SNAPLEN_DEFAULT } from './capture-request.ts';

interface OpenFile {
  readonly output: Promise<number>;
  readonly bytesMax: number;
  ports: number;
}

interface FileMirror {
  readonly file: string;
  readonly mirror: string;
  readonly sink: number;
}

export class MirrorFiles {
  readonly #hub: CaptureHub;
  readonly #log: Log;
  readonly #files = new Map<string, OpenFile>();
  /** By port. */
  readonly #mirrors = new Map<string, FileMirror>();

  constructor(hub: CaptureHub, log: Log) {
    this.#hub = hub;
    this.#log = log;
  }

  /**
   * From now on the port is mirrored so; to no file, if the mirror names none. As it was, if this throws.
   *
   * @throws TswitchError where the file cannot be written
   */
  async set(port: string, mirror: PortMirror | null): Promise<void> {
    const before = this.#mirrors.get(port);
    const text = JSON.stringify(mirror);
    if (before?.mirror === text) return;
    if (mirror?.file == null) return this.#end(port, before);
    const bytesMax = mirror.maxBytes ?? Infinity;
    const open = this.#files.get(mirror.file);
    if (open && open.bytesMax !== bytesMax) {
      const isAlone = open.ports === 1 && before?.file === mirror.file;
      if (!isAlone) throw otherSize(mirror.file, open.bytesMax);
      await this.#end(port, before);
    }
    // The same file for another direction goes on, in the same section.
    const output = await this.#take(mirror.file, bytesMax);
    try {
      const sink = await this.#hub.start({
        output,
        ports: [port],
        received: mirror.direction !== 'tx',
        sent: mirror.direction !== 'rx',
        dropped: false,
        vlans: mirror.vlans,
        filter: null,
        snapLength: SNAPLEN_DEFAULT,
        framesMax: Infinity,
        bytesMax: Infinity,
        onFull: () => {},
      });
      await this.#end(port, this.#mirrors.get(port));
      this.#mirrors.set(port, { file: mirror.file, mirror: text, sink });
    } catch (error) {
      await this.#release(mirror.file);
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const [port, mirror] of this.#mirrors) await this.#end(port, mirror);
  }

  async #end(port: string, mirror: FileMirror | undefined): Promise<void> {
    if (!mirror) return;
    this.#mirrors.delete(port);
    await this.#hub.end(mirror.sink);
    await this.#release(mirror.file);
  }

  async #take(file: string, bytesMax: number): Promise<number> {
    let open = this.#files.get(file);
    if (!open) {
      const onFailed = ({ message }: { message: string }): void =>
        this.#log.error('mirror file is not written any more; set the mirror anew when that is mended', {
          file,
          error: message,
        });
      open = { output: this.#hub.open({ place: { file, bytesMax }, onFailed }), bytesMax, ports: 0 };
      this.#files.set(file, open);
    }
    open.ports++;
    try {
      return await open.output;
    } catch (error) {
      this.#files.delete(file);
      throw error;
    }
  }

  async #release(file: string): Promise<void> {
    const open = this.#files.get(file);
    if (!open || --open.ports > 0) return;
    this.#files.delete(file);
    await this.#hub.close(await open.output);
  }
}

function otherSize(file: string, bytesMax: number): TswitchError {
  return new TswitchError(
    'BAD_REQUEST',
    `mirror: ${file} is written for another port with a maxBytes of ${bytesMax}: give the same, or another file`,
  );
}
